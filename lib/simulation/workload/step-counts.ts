import type { EpochSeconds } from '../../core/time';
import { Random } from '../random';
import { EARLIEST_DATE, type TraceSettings } from './request-rows';
import { drawTokens } from './token-lengths';
import { traceError } from './trace-text';
import type { Workload, WorkloadRequest } from './workload';

/** The most requests one step may have. */
export const MAXIMUM_COUNT = 1_000_000_000;

/** The most steps a trace may have: a year of seconds. */
export const MAXIMUM_STEPS = 366 * 86_400;

/** Counts of requests per step of equal length. */
export class StepCounts {
  private counts = new Uint32Array(1024);
  private length = 0;
  private total = 0;
  private carry = 0;

  /** Takes the next step. Fractions are carried on to later steps, so that the sum stays right. */
  public add(count: number): void {
    if (this.length === this.counts.length) {
      const { counts } = this;
      this.counts = new Uint32Array(counts.length * 2);
      this.counts.set(counts);
    }
    const exact = count + this.carry;
    // A hair above, so that ten times 0.1 make 1.
    const whole = Math.floor(exact + 1e-9);
    this.carry = exact - whole;
    this.counts[this.length++] = whole;
    this.total += whole;
  }

  public get steps(): number {
    return this.length;
  }

  /**
   * The workload: every step's requests are spread over it by the seed, uniformly and independently, as Poisson arrivals
   * are when their number is known. A step's requests depend on the seed and the step only, and they are made when asked
   * for, so a trace of weeks needs no more memory than its counts.
   *
   * @throws InputError when there is not one request.
   */
  public toWorkload(
    settings: TraceSettings,
    stepSeconds: number,
    format: string,
    lastLine: number,
    startsAt?: EpochSeconds,
  ): Workload {
    const { counts, length, total } = this;
    if (total === 0) throw traceError(settings.name, lastLine, 'every count is 0; there is nothing to replay');
    return {
      name: settings.name,
      description: `${format}: ${total} requests in ${length} steps of ${stepSeconds} s, token lengths drawn`,
      durationSeconds: length * stepSeconds,
      requestCount: total,
      tokens: settings.tokens,
      ...(startsAt !== undefined && startsAt >= EARLIEST_DATE && { startsAt }),
      columns: { kind: 'counts', stepSeconds, counts, steps: length },
      *requests(): IterableIterator<WorkloadRequest> {
        const random = new Random(settings.seed).fork('steps');
        for (let step = 0; step < length; step++) {
          if (counts[step] === 0) continue;
          random.restartAt(step);
          // Uniform moments in ascending order without a list: the least of n uniforms is 1 - u^(1/n).
          let rest = 1;
          for (let remaining = counts[step]; remaining > 0; remaining--) {
            rest *= Math.pow(1 - random.uniform(), 1 / remaining);
            yield {
              atSeconds: (step + (1 - rest)) * stepSeconds,
              contextTokens: drawTokens(settings.tokens.context, random),
              generatedTokens: drawTokens(settings.tokens.generated, random),
            };
          }
        }
      },
    };
  }
}

/** One value of a metric. */
export interface MetricPoint {
  readonly atSeconds: number;
  readonly value: number;
  readonly line: number;
}

/**
 * The workload of a metric export, in any order. The step is the least distance of two points; steps without a point had
 * no traffic, because CloudWatch has no datapoint where nothing was reported.
 *
 * @throws InputError for two points of the same moment, and for points so far apart that the steps would be countless.
 */
export function metricWorkload(points: MetricPoint[], settings: TraceSettings, format: string): Workload {
  const sorted = [...points].sort((a, b) => a.atSeconds - b.atSeconds);
  let stepSeconds = Infinity;
  for (let index = 1; index < sorted.length; index++) {
    const distance = sorted[index].atSeconds - sorted[index - 1].atSeconds;
    if (distance === 0) {
      const line = Math.max(sorted[index].line, sorted[index - 1].line);
      throw traceError(settings.name, line, 'two rows have this timestamp; export one metric with one row per period');
    }
    stepSeconds = Math.min(stepSeconds, distance);
  }
  if (stepSeconds === Infinity) stepSeconds = 60;
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if ((last.atSeconds - first.atSeconds) / stepSeconds > MAXIMUM_STEPS) {
    throw traceError(
      settings.name,
      last.line,
      `the rows span ${last.atSeconds - first.atSeconds} s in steps of ${stepSeconds} s, more than ${MAXIMUM_STEPS} steps; ` +
        'export with one period, at most a year of seconds',
    );
  }
  const counts = new StepCounts();
  for (const point of sorted) {
    const step = Math.round((point.atSeconds - first.atSeconds) / stepSeconds);
    while (counts.steps < step) counts.add(0);
    counts.add(point.value);
  }
  return counts.toWorkload(settings, stepSeconds, format, last.line, first.atSeconds);
}
