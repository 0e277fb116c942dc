import type {
  EventKind,
  LiveMessage,
  Recording,
  RunHeader,
  RunSummary,
  Sample,
  StepProgress,
  StepStatus,
  TimelineEvent,
} from './recording';

/** Above this number every second sample is discarded, to bound the memory and the report of long runs. */
const MAX_SAMPLES = 2400;
const MAX_EVENTS = 2000;

/** Records a run and publishes every change to its listeners (terminal, live page). */
export class Recorder {
  private header: RunHeader;
  private steps: StepProgress[];
  private samples: Sample[] = [];
  private readonly events: TimelineEvent[] = [];
  private summary: RunSummary | null = null;
  private readonly listeners = new Set<(message: LiveMessage) => void>();
  private keepEvery = 1;
  private skipped = 0;

  public constructor(header: RunHeader, steps: readonly { readonly id: string; readonly title: string }[]) {
    this.header = header;
    this.steps = steps.map(({ id, title }) => ({ id, title, status: 'waiting', detail: '' }));
  }

  /** Adds a listener for every later change; the returned function removes it. */
  public listen(listener: (message: LiveMessage) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  public recording(): Recording {
    return {
      header: this.header,
      steps: this.steps,
      samples: [...this.samples],
      events: [...this.events],
      summary: this.summary,
    };
  }

  public setHeader(changes: Partial<RunHeader>): void {
    this.header = { ...this.header, ...changes };
    this.publish({ kind: 'header', header: this.header });
  }

  public step(id: string, status: StepStatus, detail?: string): void {
    this.steps = this.steps.map((step) =>
      step.id === id ? { ...step, status, detail: detail ?? (status === step.status ? step.detail : '') } : step,
    );
    this.publish({ kind: 'steps', steps: this.steps });
  }

  /** Marks the running steps as failed. */
  public failRunningStep(detail: string): void {
    for (const { id, status } of this.steps) if (status === 'running') this.step(id, 'failed', detail);
  }

  public sample(sample: Sample): void {
    this.skipped += 1;
    if (this.skipped >= this.keepEvery) {
      this.skipped = 0;
      this.samples.push(sample);
      if (this.samples.length > MAX_SAMPLES) {
        this.samples = this.samples.filter((_, index) => index % 2 === 0);
        this.keepEvery *= 2;
      }
    }
    this.publish({ kind: 'sample', sample });
  }

  public event(second: number, kind: EventKind, title: string, reason = ''): void {
    const event = { second, kind, title, reason };
    if (this.events.length < MAX_EVENTS) this.events.push(event);
    this.publish({ kind: 'event', event });
  }

  public finish(summary: RunSummary): void {
    this.summary = summary;
    this.publish({ kind: 'summary', summary });
  }

  private publish(message: LiveMessage): void {
    for (const listener of this.listeners) listener(message);
  }
}
