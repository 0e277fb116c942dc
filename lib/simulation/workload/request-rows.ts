import { Random } from '../random';
import { PackedRequests, RequestBatch } from './packed-requests';
import { drawTokens, type TokenLengths } from './token-lengths';
import { shown, traceError } from './trace-text';
import type { Workload, WorkloadRequest } from './workload';

/** How far a row may lie before the latest row above it; servers write their logs slightly out of order. */
const ALLOWED_DISORDER_SECONDS = 300;

/** The most tokens one request may have. */
export const MAXIMUM_TOKENS = 100_000_000;

/** What the readers know about a trace besides its text. */
export interface TraceOptions {
  /** The file's name, for messages. */
  readonly name: string;
  /** Draws what the trace does not say: moments inside a step, token lengths. @default 1 */
  readonly seed?: number | string;
  /** Token lengths for requests that come without. @default DEFAULT_TOKEN_LENGTHS */
  readonly tokens?: TokenLengths;
}

/** Timestamps from 2001-09-09 on are taken for dates; smaller numbers count from some other moment. */
export const EARLIEST_DATE = 1e9;

/** The options with their defaults read. */
export interface TraceSettings {
  readonly name: string;
  readonly seed: number | string;
  readonly tokens: TokenLengths;
}

/** Requests decoded at once; more only spend memory. */
const ROWS_AT_ONCE = 4096;

/** The requests of a per-request trace, about six bytes each. */
export class RequestRows {
  private rows: PackedRequests;
  private earliest = Infinity;
  private latest = -Infinity;
  private sorted = true;

  public constructor(
    private readonly settings: TraceSettings,
    /** False when token lengths are to be drawn. */
    private readonly hasTokens: boolean,
    private readonly format: string,
  ) {
    this.rows = new PackedRequests(hasTokens);
  }

  public get length(): number {
    return this.rows.length;
  }

  /**
   * Takes a row.
   *
   * @param written the timestamp as the file has it.
   * @throws InputError when it lies more than 300 s before the latest row above it.
   */
  public add(seconds: number, contextTokens: number, generatedTokens: number, written: unknown, line: number): void {
    if (seconds < this.latest) {
      if (this.latest - seconds > ALLOWED_DISORDER_SECONDS) {
        throw traceError(
          this.settings.name,
          line,
          `the timestamp ${shown(written)} lies ${(this.latest - seconds).toFixed(1)} s before an earlier row; ` +
            `rows may be out of order by ${ALLOWED_DISORDER_SECONDS} s. Sort the file by time`,
        );
      }
      this.sorted = false;
    } else {
      this.latest = seconds;
    }
    if (seconds < this.earliest) this.earliest = seconds;
    this.rows.add(seconds, contextTokens, generatedTokens);
  }

  /** The workload of all rows taken, its clock starting with the first request. */
  public toWorkload(): Workload {
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
      ...(first >= EARLIEST_DATE && { startsAt: first }),
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
 * The requests in order of time, those of the same moment in the order of the file. Besides the requests it holds those of twice
 * the allowed disorder, because no row further down can come before them.
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
    const certain = atEnd ? Infinity : latest - ALLOWED_DISORDER_SECONDS;
    const order = orderOf(window.at, filled);
    let taken = 0;
    for (; taken < filled && window.at[order[taken]] <= certain; taken++) {
      const index = order[taken];
      sorted.add(window.at[index], window.context[index], window.generated[index]);
    }
    if (atEnd) return sorted;
    waiting = filled - taken;
    // At least half of the window is read anew each time, so that the whole is sorted in few passes.
    const next = new RequestBatch(waiting > window.size / 2 ? window.size * 2 : window.size);
    for (let index = 0; index < waiting; index++) {
      next.at[index] = window.at[order[taken + index]];
      next.context[index] = window.context[order[taken + index]];
      next.generated[index] = window.generated[order[taken + index]];
    }
    window = next;
  }
}

/** The first entries' indices in order of time, equal ones as they are. */
function orderOf(at: Float64Array, count: number): Uint32Array {
  const order = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  return order.sort((a, b) => at[a] - at[b] || a - b);
}
