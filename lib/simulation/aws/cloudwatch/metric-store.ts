import { periodStart, SECONDS_PER_HOUR, type EpochSeconds } from '../../../core/time';
import type { Datapoint, MetricId, PeriodValue, Statistic } from './types';

/** Seconds for which CloudWatch keeps datapoints of less than a minute (3 hours). */
export const DEFAULT_RETENTION_SECONDS = 3 * SECONDS_PER_HOUR;

/** Samples of one second. */
interface Cell {
  readonly atSeconds: EpochSeconds;
  sum: number;
  sampleCount: number;
  minimum: number;
  maximum: number;
}

interface Series {
  cells: Cell[];
  /** Index of the oldest cell still kept. */
  first: number;
  retentionSeconds: number;
}

/** Key of a metric: equal for equal metrics, whatever the order of their dimensions. */
export function metricKey(metric: MetricId): string {
  const dimensions = Object.keys(metric.dimensions)
    .sort()
    .map((name) => [name, metric.dimensions[name]]);
  return JSON.stringify([metric.namespace, metric.metricName, dimensions]);
}

/**
 * Stores every metric in cells of one second, for three hours or as long as an alarm needs.
 *
 * Samples may arrive in any order; those older than the retention are discarded.
 */
export class MetricStore {
  private readonly series = new Map<string, Series>();
  /** The same by the object that names the metric: publishers and alarms use theirs again and again. */
  private readonly seriesByObject = new WeakMap<MetricId, Series>();

  public constructor(private readonly retentionSeconds: number = DEFAULT_RETENTION_SECONDS) {}

  /** Number of one-second cells held, over all metrics. */
  public get cellCount(): number {
    let count = 0;
    for (const { cells, first } of this.series.values()) count += cells.length - first;
    return count;
  }

  /** Adds samples. @throws RangeError for a datapoint without samples or with a value that is not finite. */
  public put(datapoint: Datapoint): void {
    const { metric, atSeconds, sum, sampleCount, minimum, maximum } = datapoint;
    const isFinite =
      Number.isFinite(atSeconds) &&
      Number.isFinite(sum) &&
      Number.isFinite(sampleCount) &&
      Number.isFinite(minimum) &&
      Number.isFinite(maximum);
    if (!isFinite || sampleCount <= 0) {
      throw new RangeError(`metric ${metric.metricName}: a datapoint needs finite numbers and a sampleCount above 0`);
    }
    const series = this.seriesOf(metric);
    const second = Math.floor(atSeconds);
    const newest = series.cells[series.cells.length - 1]?.atSeconds ?? second;
    if (second < newest - series.retentionSeconds) return;
    const index = second >= newest ? series.cells.length : lowerBound(series, second);
    const present = series.cells[second === newest ? series.cells.length - 1 : index];
    if (present?.atSeconds === second) {
      present.sum += sum;
      present.sampleCount += sampleCount;
      present.minimum = Math.min(present.minimum, minimum);
      present.maximum = Math.max(present.maximum, maximum);
    } else {
      series.cells.splice(index, 0, { atSeconds: second, sum, sampleCount, minimum, maximum });
    }
    this.prune(series);
  }

  /** Sets the minimum retention of a metric. */
  public keep(metric: MetricId, seconds: number): void {
    const series = this.seriesOf(metric);
    series.retentionSeconds = Math.max(series.retentionSeconds, seconds);
  }

  /** Returns the values of `count` consecutive periods from `start`, oldest first. */
  public values(
    metric: MetricId,
    statistic: Statistic,
    start: EpochSeconds,
    periodSeconds: number,
    count: number,
  ): (number | undefined)[] {
    const series = this.seriesByObject.get(metric) ?? this.series.get(metricKey(metric));
    const values = new Array<number | undefined>(count).fill(undefined);
    if (series === undefined) return values;
    let index = lowerBound(series, start);
    for (let period = 0; period < count; period++) {
      const end = start + (period + 1) * periodSeconds;
      const from = index;
      while (index < series.cells.length && series.cells[index]!.atSeconds < end) index++;
      if (index > from) values[period] = aggregate(series.cells, from, index, statistic);
    }
    return values;
  }

  /** Returns the periods that cover `[from, to)`, aligned to the epoch, without those that have no data. */
  public statistics(
    metric: MetricId,
    statistic: Statistic,
    periodSeconds: number,
    from: EpochSeconds,
    to: EpochSeconds,
  ): PeriodValue[] {
    const start = periodStart(from, periodSeconds);
    const count = Math.max(0, Math.ceil((to - start) / periodSeconds));
    return this.values(metric, statistic, start, periodSeconds, count).flatMap((value, index) =>
      value === undefined ? [] : [{ atSeconds: start + index * periodSeconds, value }],
    );
  }

  private seriesOf(metric: MetricId): Series {
    const known = this.seriesByObject.get(metric);
    if (known !== undefined) return known;
    const key = metricKey(metric);
    let series = this.series.get(key);
    if (series === undefined) {
      series = { cells: [], first: 0, retentionSeconds: this.retentionSeconds };
      this.series.set(key, series);
    }
    this.seriesByObject.set(metric, series);
    return series;
  }

  private prune(series: Series): void {
    const oldest = series.cells[series.cells.length - 1]!.atSeconds - series.retentionSeconds;
    while (series.cells[series.first]!.atSeconds < oldest) series.first++;
    if (series.first > 256 && series.first * 2 > series.cells.length) {
      series.cells = series.cells.slice(series.first);
      series.first = 0;
    }
  }
}

/** Index of the first kept cell at or after a moment. */
function lowerBound({ cells, first }: Series, atSeconds: EpochSeconds): number {
  let low = first;
  let high = cells.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cells[middle]!.atSeconds < atSeconds) low = middle + 1;
    else high = middle;
  }
  return low;
}

function aggregate(cells: readonly Cell[], from: number, to: number, statistic: Statistic): number {
  let sum = 0;
  let sampleCount = 0;
  let minimum = Infinity;
  let maximum = -Infinity;
  for (let index = from; index < to; index++) {
    const cell = cells[index]!;
    sum += cell.sum;
    sampleCount += cell.sampleCount;
    minimum = Math.min(minimum, cell.minimum);
    maximum = Math.max(maximum, cell.maximum);
  }
  switch (statistic) {
    case 'Average':
      return sum / sampleCount;
    case 'Sum':
      return sum;
    case 'SampleCount':
      return sampleCount;
    case 'Minimum':
      return minimum;
    case 'Maximum':
      return maximum;
  }
}
