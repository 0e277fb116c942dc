import { periodStart, SECONDS_PER_HOUR, type EpochSeconds } from '../../../core/time';
import { MetricSeries } from './metric-series';
import type { StatisticSet } from './statistics';
import type { Datapoint, MetricId, PeriodValue, Statistic } from './types';

/** Seconds for which CloudWatch keeps datapoints of less than a minute (3 hours). */
export const DEFAULT_RETENTION_SECONDS = 3 * SECONDS_PER_HOUR;

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
  private readonly series = new Map<string, MetricSeries>();
  /** The same by the object that names the metric: publishers and alarms use theirs again and again. */
  private readonly seriesByObject = new WeakMap<MetricId, MetricSeries>();

  public constructor(private readonly retentionSeconds: number = DEFAULT_RETENTION_SECONDS) {}

  /** Number of one-second cells held, over all metrics. */
  public get cellCount(): number {
    let count = 0;
    for (const { cellCount } of this.series.values()) count += cellCount;
    return count;
  }

  /** Adds samples. @throws RangeError for a datapoint without samples or with a value that is not finite. */
  public put(datapoint: Datapoint): void {
    this.putSamples(datapoint.metric, datapoint.atSeconds, datapoint);
  }

  /** The same with the samples by themselves. */
  public putSamples(metric: MetricId, atSeconds: EpochSeconds, samples: StatisticSet): void {
    const { sum, sampleCount, minimum, maximum } = samples;
    const isFinite =
      Number.isFinite(atSeconds) &&
      Number.isFinite(sum) &&
      Number.isFinite(sampleCount) &&
      Number.isFinite(minimum) &&
      Number.isFinite(maximum);
    if (!isFinite || sampleCount <= 0) {
      throw new RangeError(`metric ${metric.metricName}: a datapoint needs finite numbers and a sampleCount above 0`);
    }
    this.seriesOf(metric).put(Math.floor(atSeconds), samples);
  }

  /** Returns the series of a metric, kept for at least some seconds. */
  public keep(metric: MetricId, seconds: number): MetricSeries {
    const series = this.seriesOf(metric);
    series.retentionSeconds = Math.max(series.retentionSeconds, seconds);
    return series;
  }

  /** Returns the periods that cover `[from, to)`, aligned to the epoch, without those that have no data. */
  public statistics(
    metric: MetricId,
    statistic: Statistic,
    periodSeconds: number,
    from: EpochSeconds,
    to: EpochSeconds,
  ): PeriodValue[] {
    const series = this.seriesByObject.get(metric) ?? this.series.get(metricKey(metric));
    if (series === undefined) return [];
    const start = periodStart(from, periodSeconds);
    const count = Math.max(0, Math.ceil((to - start) / periodSeconds));
    return series
      .values(statistic, start, periodSeconds, count)
      .flatMap((value, index) => (value === undefined ? [] : [{ atSeconds: start + index * periodSeconds, value }]));
  }

  private seriesOf(metric: MetricId): MetricSeries {
    const known = this.seriesByObject.get(metric);
    if (known !== undefined) return known;
    const key = metricKey(metric);
    let series = this.series.get(key);
    if (series === undefined) {
      series = new MetricSeries(this.retentionSeconds);
      this.series.set(key, series);
    }
    this.seriesByObject.set(metric, series);
    return series;
  }
}
