import { Random } from '../random';
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

/** The requests of a per-request trace, 16 bytes each. */
export class RequestRows {
  private moments = new Float64Array(1024);
  private context = new Uint32Array(1024);
  private generated = new Uint32Array(1024);
  private count = 0;
  private latest = -Infinity;
  private sorted = true;

  public constructor(
    private readonly settings: TraceSettings,
    /** False when token lengths are to be drawn. */
    private readonly hasTokens: boolean,
    private readonly format: string,
  ) {}

  public get length(): number {
    return this.count;
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
    if (this.count === this.moments.length) this.grow();
    this.moments[this.count] = seconds;
    this.context[this.count] = contextTokens;
    this.generated[this.count] = generatedTokens;
    this.count++;
  }

  /** The workload of all rows taken, its clock starting with the first request. */
  public toWorkload(): Workload {
    const { count, settings, hasTokens } = this;
    if (!this.sorted) this.sort();
    const { moments, context, generated } = this;
    const first = moments[0];
    const durationSeconds = moments[count - 1] - first;
    const lengths = hasTokens ? '' : ', token lengths drawn';
    return {
      name: settings.name,
      description: `${this.format}: ${count} requests in ${durationSeconds.toFixed(0)} s${lengths}`,
      durationSeconds,
      requestCount: count,
      tokens: settings.tokens,
      ...(first >= EARLIEST_DATE && { startsAt: first }),
      columns: {
        kind: 'requests',
        at: moments,
        context,
        generated,
        count,
        first,
        hasTokens,
        lengths: settings.tokens,
      },
      *requests(): IterableIterator<WorkloadRequest> {
        const random = new Random(settings.seed).fork('tokens');
        for (let index = 0; index < count; index++) {
          yield {
            atSeconds: moments[index] - first,
            contextTokens: hasTokens ? context[index] : drawTokens(settings.tokens.context, random),
            generatedTokens: hasTokens ? generated[index] : drawTokens(settings.tokens.generated, random),
          };
        }
      },
    };
  }

  private sort(): void {
    const { moments, context, generated, count } = this;
    const order = new Uint32Array(count);
    for (let index = 0; index < count; index++) order[index] = index;
    order.sort((a, b) => moments[a] - moments[b] || a - b);
    this.moments = new Float64Array(count);
    this.context = new Uint32Array(count);
    this.generated = new Uint32Array(count);
    for (let index = 0; index < count; index++) {
      this.moments[index] = moments[order[index]];
      this.context[index] = context[order[index]];
      this.generated[index] = generated[order[index]];
    }
    this.sorted = true;
  }

  private grow(): void {
    const size = this.count * 2;
    const { moments, context, generated } = this;
    this.moments = new Float64Array(size);
    this.moments.set(moments);
    this.context = new Uint32Array(size);
    this.context.set(context);
    this.generated = new Uint32Array(size);
    this.generated.set(generated);
  }
}
