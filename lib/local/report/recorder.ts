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

/** Above this many samples every second one is dropped, so that a run of days keeps its memory and its report small. */
const MOST_SAMPLES = 2400;
const MOST_EVENTS = 2000;

/** Gathers what happens during a run and tells every listener (the terminal, the live page). */
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

  /** Calls the listener for everything that is recorded from now on; the result ends that. */
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
    this.tell({ kind: 'header', header: this.header });
  }

  public step(id: string, status: StepStatus, detail?: string): void {
    this.steps = this.steps.map((step) =>
      step.id === id ? { ...step, status, detail: detail ?? (status === step.status ? step.detail : '') } : step,
    );
    this.tell({ kind: 'steps', steps: this.steps });
  }

  /** Marks whichever step is running as failed. */
  public failRunningStep(detail: string): void {
    for (const { id, status } of this.steps) if (status === 'running') this.step(id, 'failed', detail);
  }

  public sample(sample: Sample): void {
    this.skipped += 1;
    if (this.skipped >= this.keepEvery) {
      this.skipped = 0;
      this.samples.push(sample);
      if (this.samples.length > MOST_SAMPLES) {
        this.samples = this.samples.filter((_, index) => index % 2 === 0);
        this.keepEvery *= 2;
      }
    }
    this.tell({ kind: 'sample', sample });
  }

  public event(second: number, kind: EventKind, title: string, reason = ''): void {
    const event = { second, kind, title, reason };
    if (this.events.length < MOST_EVENTS) this.events.push(event);
    this.tell({ kind: 'event', event });
  }

  public finish(summary: RunSummary): void {
    this.summary = summary;
    this.tell({ kind: 'summary', summary });
  }

  private tell(message: LiveMessage): void {
    for (const listener of this.listeners) listener(message);
  }
}
