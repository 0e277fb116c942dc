import { Random } from '../random';
import { EARLIEST_DATE, type TraceSettings } from './request-rows';
import { drawTokens } from './token-lengths';
import { checkSpan, MAX_SPAN_SECONDS, traceError } from './trace-text';
import type { Workload, WorkloadRequest } from './workload';

/** Maximum number of requests in a step. */
export const MAX_COUNT = 1_000_000_000;

/** Maximum number of requests of a trace. */
const MAX_TOTAL = 1e12;

/** Maximum number of steps of a trace: a year of seconds. */
export const MAX_STEPS = 366 * 86_400;

/** Requests per step of equal length. */
export class StepCounts {
  private counts = new Uint32Array(1024);
  private length = 0;
  private total = 0;
  private carry = 0;

  /** Adds the next step. Fractions are carried over to later steps, so that the sum is exact. */
  public add(count: number): void {
    if (this.length === this.counts.length) {
      const { counts } = this;
      this.counts = new Uint32Array(counts.length * 2);
      this.counts.set(counts);
    }
    const exact = count + this.carry;
    // Slightly more, so that ten times 0.1 is 1.
    const whole = Math.floor(exact + 1e-9);
    this.carry = exact - whole;
    this.counts[this.length++] = whole;
    this.total += whole;
  }

  public get steps(): number {
    return this.length;
  }

  /**
   * Returns the workload: the seed spreads the requests of a step over it, uniformly and independently, like Poisson arrivals of a known
   * number. They depend on the seed and the step only and are generated on demand, so that a trace of weeks needs no more memory than its
   * counts.
   *
   * @throws InputError without any request.
   */
  public toWorkload(
    settings: TraceSettings,
    stepSeconds: number,
    format: string,
    lastLine: number,
    dates?: Pick<Workload, 'startsAt' | 'utcOffsetSeconds'>,
  ): Workload {
    const { counts, length, total } = this;
    if (length * stepSeconds > MAX_SPAN_SECONDS + stepSeconds) {
      throw traceError(
        settings.name,
        lastLine,
        `the trace has ${length} steps of ${stepSeconds} s, ${Math.round((length * stepSeconds) / 86_400)} days; ` +
          `the maximum is ${MAX_SPAN_SECONDS / 86_400} days. Correct the length of a step, or give a part of the trace`,
      );
    }
    if (total > MAX_TOTAL) {
      throw traceError(
        settings.name,
        lastLine,
        `the counts add up to ${total} requests; the maximum is ${MAX_TOTAL}. Correct the counts, or give a part of the trace`,
      );
    }
    if (total === 0) throw traceError(settings.name, lastLine, 'every count is 0; give a trace with requests');
    return {
      name: settings.name,
      description: `${format}: ${total} requests in ${length} steps of ${stepSeconds} s, token lengths drawn`,
      durationSeconds: length * stepSeconds,
      requestCount: total,
      tokens: settings.tokens,
      ...((dates?.startsAt ?? 0) >= EARLIEST_DATE && dates),
      columns: { kind: 'counts', stepSeconds, counts, steps: length },
      *requests(): IterableIterator<WorkloadRequest> {
        const random = new Random(settings.seed).fork('steps');
        for (let step = 0; step < length; step++) {
          if (counts[step] === 0) continue;
          random.restartAt(step);
          // Uniform moments in ascending order without a list: the minimum of n uniforms is 1 - u^(1/n).
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

/** Value of a metric at a moment, and its line in the file. */
export interface MetricPoint {
  readonly atSeconds: number;
  readonly value: number;
  readonly line: number;
}

/**
 * Returns the workload of a metric export, in any order. The step is the minimum distance of two points; steps without a point have no
 * traffic, because CloudWatch has no datapoint without reports.
 *
 * @param utcOffsetSeconds offset from UTC with which dates are written.
 * @throws InputError for two points of the same moment, and for points that span more than {@link MAX_STEPS} steps.
 */
export function metricWorkload(
  points: MetricPoint[],
  settings: TraceSettings,
  format: string,
  utcOffsetSeconds: number,
): Workload {
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
  const at = ({ atSeconds, line }: MetricPoint): { seconds: number; line: number } => ({ seconds: atSeconds, line });
  checkSpan(settings.name, at(first), at(last));
  if ((last.atSeconds - first.atSeconds) / stepSeconds > MAX_STEPS) {
    throw traceError(
      settings.name,
      last.line,
      `the rows span ${last.atSeconds - first.atSeconds} s in steps of ${stepSeconds} s, more than ${MAX_STEPS} steps; ` +
        'export with one period, at most a year of seconds',
    );
  }
  const counts = new StepCounts();
  for (const point of sorted) {
    const step = Math.round((point.atSeconds - first.atSeconds) / stepSeconds);
    while (counts.steps < step) counts.add(0);
    counts.add(point.value);
  }
  return counts.toWorkload(settings, stepSeconds, format, last.line, {
    startsAt: first.atSeconds,
    utcOffsetSeconds,
  });
}
