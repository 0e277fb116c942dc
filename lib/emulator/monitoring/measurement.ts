import { type MetricUnit, PUBLISHED_METRICS, type PublishedMetric } from '../../catalog/hosting-metrics';
import type { EpochSeconds } from '../../core/time';
import type { Datapoint, MetricId, StatisticSet } from '../../simulation/aws/cloudwatch';
import type { MetricTable } from '../../simulation/aws/sagemaker-metrics';

export type Dimensions = MetricId['dimensions'];

/** Statistics of one metric over one span of time, with CloudWatch's unit. */
export interface Measurement extends StatisticSet {
  readonly metric: MetricId;
  readonly unit: MetricUnit;
  readonly fromSeconds: EpochSeconds;
}

/** Statistics of metrics, by name. */
export interface StatisticsByName {
  readonly [metricName: string]: StatisticSet;
}

/** Applies every row of a table of metrics to one load. */
export const applyTable = <Measured>(table: MetricTable<Measured>, measured: Measured): StatisticsByName =>
  Object.fromEntries(Object.entries(table).map(([metricName, statistics]) => [metricName, statistics(measured)]));

/** Measurements under the namespaces and units of the catalog; sets without samples are left out. */
export function measurements(
  statistics: StatisticsByName,
  dimensions: Dimensions,
  fromSeconds: EpochSeconds,
): Measurement[] {
  return Object.entries(statistics)
    .filter(([, { sampleCount }]) => sampleCount > 0)
    .map(([metricName, set]) => {
      const { namespace, unit } = publishedMetric(metricName, dimensions);
      return { metric: { namespace, metricName, dimensions }, unit, fromSeconds, ...set };
    });
}

/** Entry of the catalog for a metric with these dimensions, and possibly further ones. */
function publishedMetric(metricName: string, dimensions: Dimensions): PublishedMetric {
  const found = PUBLISHED_METRICS.find(
    (one) =>
      one.metricName === metricName &&
      Object.values(one.dimensions)
        .flat()
        .some((names) => names.every((name) => name in dimensions)),
  );
  if (found === undefined) throw new Error(`the catalog has no metric ${metricName} of ${Object.keys(dimensions)}`);
  return found;
}

/** Converts a measurement to a datapoint of the CloudWatch model. */
export const toDatapoint = ({ metric, fromSeconds, sum, sampleCount, minimum, maximum }: Measurement): Datapoint => ({
  metric,
  atSeconds: fromSeconds,
  sum,
  sampleCount,
  minimum,
  maximum,
});
