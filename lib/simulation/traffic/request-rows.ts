import { Random } from '../random';
import { PackedRequests, RequestBatch } from './packed-requests';
import { drawTokens, type TokenLengths } from './token-lengths';
import type { TimeUnit } from './time-unit';
import type { ValueKind } from './trace-columns';
import { checkSpan, shownValue, traceError } from './trace-text';
import type { Workload, WorkloadRequest } from './workload';

/** Maximum time by which a row may precede an earlier row of the file; servers write logs slightly out of order. */
const MAX_DISORDER_SECONDS = 300;

/** Maximum number of requests of a trace with one row per request: 1.5 GB of memory. Traces of counts have no such limit. */
const MAX_REQUESTS = 250_000_000;

/** Maximum number of tokens of a request. */
export const MAX_TOKENS = 100_000_000;

/** Settings of the trace readers. */
export interface TraceOptions {
  /** Name of the file, for messages. */
  readonly name: string;
  /** Seed of missing values: moments within a step, token lengths. @default 1 */
  readonly seed?: number | string;
  /** Token lengths of requests without them. @default DEFAULT_TOKEN_LENGTHS */
  readonly tokens?: TokenLengths;
  /** Unit of timestamps that are numbers. @default - by magnitude, name and fractions */
  readonly timeUnit?: TimeUnit;
  /** Meaning of the numbers of a metric. @default - by name and fractions */
  readonly valueKind?: ValueKind;
}

/** Minimum timestamp read as a date (2001-09-09); smaller numbers count from another moment. */
export const EARLIEST_DATE = 1e9;

/** Options with defaults applied. */
export interface TraceSettings {
  readonly name: string;
  readonly seed: number | string;
  readonly tokens: TokenLengths;
  readonly timeUnit?: TimeUnit;
  readonly valueKind?: ValueKind;
}

/** Requests decoded at once. */
const ROWS_AT_ONCE = 4096;

/** Requests of a trace with one row per request, about six bytes each. */
export class RequestRows {
  private rows: PackedRequests;
  private earliest = Infinity;
  private earliestLine = 0;
  private latest = -Infinity;
  private sorted = true;

  public constructor(
    private readonly settings: TraceSettings,
    /** False if token lengths are drawn. */
    private readonly hasTokens: boolean,
    private readonly format: string,
  ) {
    this.rows = new PackedRequests(hasTokens);
  }

  public get length(): number {
    return this.rows.length;
  }

  /**
   * Adds a row.
   *
   * @param written timestamp as written in the file.
   * @throws InputError if the row is more than 300 s earlier than a row before it.
   */
  public add(seconds: number, contextTokens: number, generatedTokens: number, written: unknown, line: number): void {
    if (seconds < this.latest) {
      if (this.latest - seconds > MAX_DISORDER_SECONDS) {
        throw traceError(
          this.settings.name,
          line,
          `the timestamp ${shownValue(written)} lies ${(this.latest - seconds).toFixed(1)} s before an earlier row; ` +
            `rows may be out of order by ${MAX_DISORDER_SECONDS} s. Sort the file by time`,
        );
      }
      this.sorted = false;
    } else {
      this.latest = seconds;
    }
    if (seconds < this.earliest) {
      this.earliest = seconds;
      this.earliestLine = line;
    }
    checkSpan(this.settings.name, { seconds: this.earliest, line: this.earliestLine }, { seconds, line });
    if (this.rows.length >= MAX_REQUESTS) {
      throw traceError(
        this.settings.name,
        line,
        `the trace has more than ${MAX_REQUESTS} requests; aggregate them to counts per step, or give a part of the trace`,
      );
    }
    this.rows.add(seconds, contextTokens, generatedTokens);
  }

  /**
   * Returns the workload of all rows; its clock starts with the first request.
   *
   * @param utcOffsetSeconds offset from UTC with which dates are written.
   * @param notes sentences about what was guessed.
   */
  public toWorkload(utcOffsetSeconds = 0, notes: readonly string[] = []): Workload {
    if (!this.sorted) {
      this.rows = inOrderOfTime(this.rows, this.hasTokens);
      this.sorted = true;
    }
    const { settings, hasTokens, rows, earliest: first } = this;
    const count = rows.length;
    const durationSeconds = this.latest - first;
    const lengths = hasTokens ? '' : ', token lengths drawn';
    return {
      name: settings.name,
      description: `${this.format}: ${count} requests in ${durationSeconds.toFixed(0)} s${lengths}`,
      durationSeconds,
      requestCount: count,
      tokens: settings.tokens,
      ...(notes.length > 0 && { notes }),
      ...(first >= EARLIEST_DATE && { startsAt: first, utcOffsetSeconds }),
      columns: { kind: 'requests', rows, first, hasTokens, lengths: settings.tokens },
      *requests(): IterableIterator<WorkloadRequest> {
        const random = new Random(settings.seed).fork('tokens');
        const reader = rows.reader();
        const batch = new RequestBatch(Math.min(Math.max(1, count), ROWS_AT_ONCE));
        for (let filled = reader.read(batch); filled > 0; filled = reader.read(batch)) {
          for (let index = 0; index < filled; index++) {
            yield {
              atSeconds: batch.at[index] - first,
              contextTokens: hasTokens ? batch.context[index] : drawTokens(settings.tokens.context, random),
              generatedTokens: hasTokens ? batch.generated[index] : drawTokens(settings.tokens.generated, random),
            };
          }
        }
      },
    };
  }
}

/**
 * Returns the requests in order of time, those of the same moment in the order of the file. A window of at most twice the maximum disorder
 * is sorted at a time, because no later row precedes it.
 */
function inOrderOfTime(rows: PackedRequests, hasTokens: boolean): PackedRequests {
  const sorted = new PackedRequests(hasTokens);
  const reader = rows.drain();
  let window = new RequestBatch(Math.min(rows.length, 16 * ROWS_AT_ONCE));
  for (let waiting = 0; ;) {
    const filled = reader.read(window, waiting);
    const atEnd = filled < window.size;
    let latest = -Infinity;
    for (let index = 0; index < filled; index++) latest = Math.max(latest, window.at[index]);
    const certain = atEnd ? Infinity : latest - MAX_DISORDER_SECONDS;
    const order = orderOf(window.at, filled);
    let taken = 0;
    for (; taken < filled && window.at[order[taken]] <= certain; taken++) {
      const index = order[taken];
      sorted.add(window.at[index], window.context[index], window.generated[index]);
    }
    if (atEnd) return sorted;
    waiting = filled - taken;
    // At least half of the window is new each time, so that there are few passes.
    const next = new RequestBatch(waiting > window.size / 2 ? window.size * 2 : window.size);
    for (let index = 0; index < waiting; index++) {
      next.at[index] = window.at[order[taken + index]];
      next.context[index] = window.context[order[taken + index]];
      next.generated[index] = window.generated[order[taken + index]];
    }
    window = next;
  }
}

/** Returns the indices of the first entries in order of time; equal ones keep their order. */
function orderOf(at: Float64Array, count: number): Uint32Array {
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  return order.sort((a, b) => at[a] - at[b] || a - b);
}
