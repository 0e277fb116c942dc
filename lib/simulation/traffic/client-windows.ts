import { Random } from '../random';
import type { TraceSettings } from './request-rows';
import { MAX_COUNT, MAX_STEPS, StepCounts } from './step-counts';
import { checkRow, readNumber, shownValue, splitCells, traceError } from './trace-text';
import type { TraceReader } from './trace-reader';
import type { Workload } from './workload';

/** Window of one client's traffic, in which requests arrive as a renewal process. */
interface ClientWindow {
  readonly startSeconds: number;
  readonly line: number;
  /** Mean requests per second; 0 for a window without requests. */
  readonly rate: number;
  /** Draws a gap between two requests, with mean 1. */
  readonly gap: (random: Random) => number;
}

/** Length of a client's only window, in seconds, as in ServeGen. */
const DEFAULT_WINDOW_SECONDS = 600;

/** Maximum length of a window: above it a timestamp is wrong, or windows without requests are left out. */
const MAX_WINDOW_SECONDS = 7 * 86_400;

/** Maximum number of arrivals drawn for a window: a multiple of its rate, and what a short burst may have beyond. */
const MAX_DRAWN_RATIO = 20;
const MAX_DRAWN_BEYOND = 100_000;

const COLUMNS = ['timestamp', 'rate', 'cv', 'pattern', 'shape', 'scale'];

/** True if the first row is one of ServeGen's client windows, which have no header. */
export function isClientWindow(cells: readonly string[]): boolean {
  return (
    cells.length === COLUMNS.length &&
    /^\d+(\.\d+)?$/.test(cells[0]!) &&
    /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(cells[1]!) &&
    /^(gamma|weibull|exponential|poisson)?$/i.test(cells[3]!)
  );
}

/**
 * Client windows of ServeGen: rows of `timestamp,rate,cv,pattern,shape,scale` without a header, one window per row, of one client or of
 * several in sequence; a client begins where the timestamps go back.
 *
 * Within a window, requests arrive as a renewal process with the window's pattern, shape and rate; the window begins at a random moment of
 * the first gap. A window lasts until the client's next one, the last window as long as the one before. Requests are counted per second.
 */
export class ClientWindows implements TraceReader {
  private readonly random: Random;
  private counts = new Float64Array(4096);
  private steps = 0;
  private clients = 0;
  private origin: number | undefined;
  private pending: ClientWindow | undefined;
  private lengthSeconds = DEFAULT_WINDOW_SECONDS;
  private total = 0;

  public constructor(private readonly settings: TraceSettings) {
    this.random = new Random(settings.seed).fork('clients');
  }

  public take(text: string, line: number): void {
    const window = this.windowOf(text, line);
    const { pending } = this;
    if (pending !== undefined && window.startSeconds > pending.startSeconds) {
      this.lengthSeconds = this.lengthOf(pending, window);
      this.drawArrivals(pending);
    } else {
      if (pending !== undefined) this.drawArrivals(pending);
      this.clients++;
      this.lengthSeconds = DEFAULT_WINDOW_SECONDS;
    }
    this.pending = window;
  }

  public finish(line: number): Workload {
    if (this.pending !== undefined) this.drawArrivals(this.pending);
    const counts = new StepCounts();
    for (let step = 0; step < this.steps; step++) counts.add(this.counts[step]!);
    const clients = `${this.clients} client${this.clients === 1 ? '' : 's'}`;
    return counts.toWorkload(this.settings, 1, `client windows of ${clients}`, line);
  }

  private windowOf(text: string, line: number): ClientWindow {
    const at = { name: this.settings.name, line };
    checkRow(text, at);
    const cells = splitCells(text, at);
    if (cells.length !== COLUMNS.length) {
      throw traceError(
        at.name,
        line,
        `the row has ${cells.length} columns instead of ${COLUMNS.length} (${COLUMNS.join(', ')}); complete it or remove it`,
      );
    }
    const startSeconds = readNumber(cells[0]!, 'timestamp', { minimum: 0, maximum: 1e12 }, at);
    this.origin ??= startSeconds;
    const offset = startSeconds - this.origin;
    if (offset < 0) {
      throw traceError(
        at.name,
        line,
        `the window begins ${-offset} s before the first client of the file; put the client that begins first on top`,
      );
    }
    if (offset > MAX_STEPS) {
      throw traceError(at.name, line, `the window begins ${offset} s after the first; the maximum is ${MAX_STEPS} s`);
    }
    const pattern = cells[3]!.toLowerCase();
    const silent = { startSeconds: offset, line, rate: 0, gap: () => 1 };
    if (pattern === '') return silent;
    const rate = readNumber(cells[1]!, 'rate', { minimum: 0, maximum: MAX_COUNT }, at);
    if (pattern === 'exponential' || pattern === 'poisson')
      return { ...silent, rate, gap: (random) => random.exponential() };
    const shape = readNumber(cells[4]!, 'shape', { minimum: 1e-3, maximum: 1e6 }, at);
    if (pattern === 'gamma') return { ...silent, rate, gap: (random) => random.gamma(shape, 1 / shape) };
    if (pattern === 'weibull') {
      const scale = Math.exp(-logGamma(1 + 1 / shape));
      const power = 1 / shape;
      return { ...silent, rate, gap: (random) => scale * Math.pow(random.exponential(), power) };
    }
    throw traceError(
      at.name,
      line,
      `pattern is ${shownValue(cells[3])}; it must be Gamma, Weibull, Exponential or empty`,
    );
  }

  private lengthOf(pending: ClientWindow, next: ClientWindow): number {
    const length = next.startSeconds - pending.startSeconds;
    if (length <= MAX_WINDOW_SECONDS) return length;
    // The last window is as long as the one before.
    if (pending.rate === 0) return MAX_WINDOW_SECONDS;
    throw traceError(
      this.settings.name,
      next.line,
      `the window begins ${length} s after the one before, which lasts until then; the maximum is ${MAX_WINDOW_SECONDS} s. Correct the ` +
        'timestamp, or add a row without a pattern for the time without requests',
    );
  }

  private drawArrivals({ startSeconds, line, rate, gap }: ClientWindow): void {
    // The last window is as long as the one before, but not beyond the longest trace.
    const endSeconds = Math.min(startSeconds + this.lengthSeconds, MAX_STEPS);
    this.grow(Math.ceil(endSeconds));
    if (rate === 0) return;
    const expected = rate * this.lengthSeconds;
    this.total += expected;
    if (this.total > MAX_COUNT) {
      throw traceError(
        this.settings.name,
        line,
        `the windows have more than ${MAX_COUNT} requests; shorten the file or lower the rates`,
      );
    }
    let at = startSeconds + (this.random.uniform() * gap(this.random)) / rate;
    // The more a window's arrivals differ from its rate, the fewer of them say anything; gaps of next to nothing would never reach its end.
    const most = MAX_DRAWN_RATIO * expected + MAX_DRAWN_BEYOND;
    for (let drawn = 1; at < endSeconds; drawn++) {
      if (drawn > most) {
        throw traceError(
          this.settings.name,
          line,
          `the window has more than ${Math.round(most)} requests at a rate of ${rate} for ${this.lengthSeconds} s: its arrivals are too uneven; raise its shape`,
        );
      }
      this.counts[Math.floor(at)]!++;
      at += gap(this.random) / rate;
    }
  }

  private grow(steps: number): void {
    if (steps > this.counts.length) {
      const { counts } = this;
      this.counts = new Float64Array(Math.max(steps, 2 * counts.length));
      this.counts.set(counts);
    }
    this.steps = Math.max(this.steps, steps);
  }
}

/** Logarithm of the gamma function for arguments of at least 1 (Stirling's series after an upward shift). */
function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  while (z < 10) {
    shift += Math.log(z);
    z++;
  }
  const r = 1 / (z * z);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
