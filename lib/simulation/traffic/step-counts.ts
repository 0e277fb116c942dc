import { Random } from '../random';
import { EARLIEST_DATE, type TraceSettings } from './request-rows';
import { drawTokens } from './token-lengths';
import type { ValueKind } from './trace-columns';
import { maySpreadsheetDays, SPREADSHEET_DAYS_PROBLEM } from './time-unit';
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
    notes: readonly string[] = [],
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
      ...(notes.length > 0 && { notes }),
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

/** Facts about a metric export that its points do not have. */
export interface MetricFacts {
  /** Offset from UTC with which dates are written. */
  readonly utcOffsetSeconds: number;
  /** Meaning of the numbers, by the name of their column. @default 'count' */
  readonly kind?: ValueKind;
  /** True if the timestamps count from another moment than 1970, in an unknown unit. @default false */
  readonly isRelative?: boolean;
  /** Sentences about what was guessed already. @default - none */
  readonly notes?: readonly string[];
}

/**
 * Returns the workload of a metric export, in any order. Steps without a point have no traffic, because CloudWatch has no datapoint without
 * reports. Rates are multiplied by the step; fractions without a name are rates per second, because counts are whole.
 *
 * @throws InputError for two points of the same moment, and for points that span more than {@link MAX_STEPS} steps.
 */
export function metricWorkload(
  points: readonly MetricPoint[],
  settings: TraceSettings,
  format: string,
  { utcOffsetSeconds, kind = 'count', isRelative = false, notes = [] }: MetricFacts,
): Workload {
  const given = [...points].sort((a, b) => a.atSeconds - b.atSeconds);
  const distances = given.slice(1).map(({ atSeconds }, index) => atSeconds - given[index]!.atSeconds);
  const double = distances.findIndex((distance) => distance === 0);
  if (double >= 0) {
    const line = Math.max(given[double]!.line, given[double + 1]!.line);
    throw traceError(settings.name, line, 'two rows have this timestamp; export one metric with one row per period');
  }
  const written = stepOf(distances);
  if (isRelative && maySpreadsheetDays(given.map(({ atSeconds }) => atSeconds))) {
    throw traceError(settings.name, given[0]!.line, SPREADSHEET_DAYS_PROBLEM);
  }
  // No service publishes every thousand seconds, and many write milliseconds.
  const isMilliseconds = isRelative && written >= 1000 && written % 1000 === 0;
  const sorted = isMilliseconds ? given.map((one) => ({ ...one, atSeconds: one.atSeconds / 1000 })) : given;
  const stepSeconds = isMilliseconds ? written / 1000 : written;
  const first = sorted[0]!;
  const last = sorted[sorted.length - 1]!;
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
  const meaning = meaningOf(sorted, settings, kind);
  const counts = new StepCounts();
  let before = meaning.kind === 'counter' ? first.value : 0;
  let waiting = 0;
  let gaps = 0;
  const perValue = { count: 1, counter: 1, 'per-second': stepSeconds, 'per-minute': stepSeconds / 60 }[meaning.kind];
  for (const [index, point] of sorted.entries()) {
    const step = Math.round((point.atSeconds - first.atSeconds) / stepSeconds);
    // A counter that falls has been reset.
    const value = meaning.kind !== 'counter' ? point.value : point.value < before ? point.value : point.value - before;
    if (meaning.kind === 'counter') before = point.value;
    const isAlone = index === sorted.length - 1 || stepAfter(sorted[index + 1]!, first, stepSeconds) > step;
    waiting += value * perValue;
    if (!isAlone) continue;
    if (counts.steps < step) gaps += step - counts.steps;
    while (counts.steps < step) counts.add(0);
    // A rate is rounded to the nearest request, and what that adds or leaves out is made up for in the next step.
    const count = perValue === 1 ? waiting : Math.max(0, Math.round(waiting));
    counts.add(count);
    waiting -= count;
  }
  const told = [
    ...notes,
    ...(isRelative
      ? [
          `the timestamps have no date, taken for ${isMilliseconds ? 'milliseconds' : 'seconds'}; say otherwise with --time-unit`,
        ]
      : []),
    ...(given.length === 1 ? [`the only row is taken for a step of ${stepSeconds} s`] : []),
    ...(meaning.note === undefined ? [] : [meaning.note]),
    ...(gaps > 0 ? [`${gaps} of ${counts.steps} steps have no row, and are taken to have no requests`] : []),
  ];
  const dates = { startsAt: first.atSeconds, utcOffsetSeconds };
  return { ...counts.toWorkload(settings, stepSeconds, format, last.line, dates, told), countsAttempts: true };
}

function stepAfter(point: MetricPoint, first: MetricPoint, stepSeconds: number): number {
  return Math.round((point.atSeconds - first.atSeconds) / stepSeconds);
}

/** Default step of a single point, in seconds. */
const DEFAULT_STEP_SECONDS = 60;

/** Step of points in order: the shortest distance if the others are multiples of it, and the median where clocks jitter. */
function stepOf(distances: readonly number[]): number {
  if (distances.length === 0) return DEFAULT_STEP_SECONDS;
  const sorted = [...distances].sort((a, b) => a - b);
  const least = sorted[0]!;
  const isMultiple = sorted.every((distance) => Math.abs(distance / least - Math.round(distance / least)) < 0.01);
  if (isMultiple) return least;
  const median = sorted[Math.floor(sorted.length / 2)]!;
  if (least < median * 0.5) return least;
  const steps = distances.reduce((sum, distance) => sum + Math.round(distance / median), 0);
  return Math.max(1, Math.round(distances.reduce((sum, distance) => sum + distance, 0) / steps));
}

const COUNTER_NOTE =
  'the numbers only rise, and are taken for a counter: each step has the difference; say otherwise with --rate step';

/** Minimum number of points of a counter without a name, the share of them that rise, and of those after which they rise faster or slower. */
const COUNTER = { minPoints: 20, rising: 0.8, uneven: 0.25 };

/** True for numbers that never fall and rise unevenly, as a counter's do: counts per step that rise as long are drawn with a ruler. */
function onlyRises(values: readonly number[]): boolean {
  if (values.length < COUNTER.minPoints) return false;
  const rises = values.slice(1).map((value, index) => value - values[index]!);
  if (rises.some((rise) => rise < 0)) return false;
  const turns = rises.slice(2).filter((rise, index) => {
    const [before, between] = [rises[index]!, rises[index + 1]!];
    // Rounding alone makes the rises of a straight line differ by one.
    return (
      (between - before) * (rise - between) < 0 && Math.max(Math.abs(between - before), Math.abs(rise - between)) > 1
    );
  }).length;
  return (
    rises.filter((rise) => rise > 0).length >= COUNTER.rising * rises.length && turns >= COUNTER.uneven * rises.length
  );
}

/** Meaning of the numbers of a metric: that of the flags, of the column, or of the numbers themselves. */
function meaningOf(
  points: readonly MetricPoint[],
  { valueKind }: TraceSettings,
  named: ValueKind,
): { readonly kind: ValueKind; readonly note?: string } {
  if (valueKind !== undefined) return { kind: valueKind };
  if (named === 'counter') {
    const rises = points.slice(1).filter(({ value }, index) => value >= points[index]!.value).length;
    const isCounter = points.length > 2 && rises >= 0.9 * (points.length - 1);
    return isCounter
      ? { kind: 'counter', note: COUNTER_NOTE }
      : {
          kind: 'count',
          note: 'the numbers fall too often for a counter, and are taken for the requests of a step; say otherwise with --rate counter',
        };
  }
  if (named !== 'count') return { kind: named };
  if (onlyRises(points.map(({ value }) => value))) return { kind: 'counter', note: COUNTER_NOTE };
  if (points.every(({ value }) => Number.isInteger(value))) return { kind: 'count' };
  return {
    kind: 'per-second',
    note: 'the numbers have fractions, and are taken for requests per second; say otherwise with --rate minute or --rate step',
  };
}
