import pc from 'picocolors';
import type { EpochSeconds } from '../../core/time';
import { formatClock, formatMoment } from './format-clock';
import type { EventKind, LiveMessage, RunSummary, Sample, StepProgress } from '../recording';

export interface TerminalOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Minimum interval of status lines without a terminal, and on one. */
const PLAIN_STATUS_MS = 5000;
const STATUS_MS = 200;
const ERASE_LINE = '\r\u001b[2K';

const MARKS: { readonly [kind in EventKind]: (text: string) => string } = {
  'scale-out': pc.green,
  'scale-in': pc.magenta,
  guard: pc.yellow,
  capacity: pc.yellow,
  alarm: pc.dim,
  training: pc.cyan,
  problem: pc.red,
  note: pc.dim,
};

/** Prints a run: a line for every step and event, and one status line that is updated in place. */
export class Terminal {
  private status = '';
  private lastStatusMs = Number.NEGATIVE_INFINITY;
  private firstRequestAt: EpochSeconds | null = null;
  private readonly printed = new Map<string, string>();

  public constructor(
    private readonly output: TerminalOutput,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Prints one line above the status line. */
  public line(text: string): void {
    if (this.output.isTTY && this.status !== '') this.output.write(`${ERASE_LINE}${text}\n${this.status}`);
    else this.output.write(`${text}\n`);
  }

  public show(message: LiveMessage): void {
    switch (message.kind) {
      case 'steps':
        message.steps.forEach((step) => this.step(step));
        break;
      case 'sample':
        this.showStatus(message.sample);
        break;
      case 'event': {
        const { kind, second, title, reason } = message.event;
        if (kind === 'alarm') break;
        const mark = MARKS[kind];
        const time = second < 0 ? '' : `${formatClock(second).padStart(7)} `;
        this.line(`${pc.dim(time)}${mark(title)}${reason === '' ? '' : pc.dim(` – ${reason}`)}`);
        break;
      }
      case 'summary':
        this.summary(message.summary);
        break;
      case 'header': {
        const { firstRequestAt, speed } = message.header;
        if (firstRequestAt === null || firstRequestAt === this.firstRequestAt) break;
        this.firstRequestAt = firstRequestAt;
        this.line(
          pc.dim(`  first request at ${formatMoment(firstRequestAt)} on a clock x ${speed}; times count from it`),
        );
        break;
      }
      case 'recording':
        break;
    }
  }

  /** Removes the status line. */
  public end(): void {
    if (this.output.isTTY && this.status !== '') this.output.write(ERASE_LINE);
    this.status = '';
  }

  private step({ id, title, status, detail }: StepProgress): void {
    if (status === 'waiting' || this.printed.get(id) === status) {
      if (status === 'running' && id !== 'traffic') this.showProgress(`${title}: ${detail}`);
      return;
    }
    this.printed.set(id, status);
    const text = detail === '' ? title : `${title}: ${detail}`;
    if (status === 'running') this.line(pc.dim(`▸ ${text}`));
    else if (status === 'done') this.line(`${pc.green('✓')} ${text}`);
    else if (status === 'skipped') this.line(`${pc.yellow('–')} ${text}`);
    else this.line(`${pc.red('✕')} ${text}`);
  }

  private showProgress(text: string): void {
    if (this.output.isTTY) this.draw(text);
  }

  private showStatus(sample: Sample): void {
    const now = this.nowMs();
    if (now - this.lastStatusMs < (this.output.isTTY ? STATUS_MS : PLAIN_STATUS_MS)) return;
    this.lastStatusMs = now;
    const text = statusText(sample);
    if (this.output.isTTY) this.draw(text);
    else this.output.write(`${text}\n`);
  }

  private draw(text: string): void {
    const width = (this.output.columns ?? 120) - 1;
    this.status = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
    this.output.write(`${ERASE_LINE}${this.status}`);
  }

  private summary({ ok, problems, items }: RunSummary): void {
    this.end();
    const width = Math.max(...items.map(({ label }) => label.length));
    this.line('');
    for (const { label, value, good } of items) {
      const shown = good === null ? value : good ? pc.green(value) : pc.red(value);
      this.line(`  ${label.padEnd(width)}  ${shown}`);
    }
    for (const problem of problems) this.line(pc.red(`  ✕ ${problem}`));
    this.line(ok ? pc.green('\n  The run passed: every request is accounted for.') : pc.red('\n  The run failed.'));
  }
}

/** One line on the state of the platform. */
export function statusText(sample: Sample): string {
  const inService = Object.values(sample.instancesByType).reduce((sum, count) => sum + count, 0);
  const starting = sample.provisioningInstances > 0 ? ` (+${sample.provisioningInstances} starting)` : '';
  const p95 = sample.p95 === null ? '–' : `${sample.p95.toFixed(1)} s`;
  const guard = sample.guardLevel === 'ok' ? '' : `  guard ${sample.guardLevel}`;
  return (
    `${formatClock(sample.second).padStart(7)}  ${sample.requestsPerSecond.toFixed(1)} req/s  ` +
    `${inService} instances${starting}  queue ${sample.queued + sample.streamBacklog}  p95 ${p95}  ` +
    `$${sample.spendUsd.toFixed(2)}${guard}`
  );
}
