import type { Json } from '../core/parse';
import type { MetricUse, DeclaredPolicy } from './declarations';
import type { Resource } from './template-reader';

/** Metrics of a target-tracking policy, those of its metric math included. */
export function trackedMetrics({ resource, tracking }: DeclaredPolicy): MetricUse[] {
  if (tracking === undefined) return [];
  const { reader } = resource;
  const where = 'TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification';
  const custom = reader.object(tracking['CustomizedMetricSpecification']);
  if (custom === undefined) return [];
  if (reader.isAbsent(custom['Metrics'])) {
    return [
      metricUse(resource, where, custom, {
        statistic: reader.text(custom['Statistic']),
        unit: custom['Unit'],
      }),
    ];
  }
  return metricStats(resource, `${where}.Metrics`, custom['Metrics']);
}

/** Metrics of a list of metric-math queries. */
export function metricStats(resource: Resource, where: string, metrics: unknown): MetricUse[] {
  const { reader } = resource;
  return reader.objects(metrics).flatMap((query, index) => {
    const stat = reader.object(query['MetricStat']);
    const metric = reader.object(stat?.['Metric']);
    if (stat === undefined || metric === undefined) return [];
    const statistic = reader.text(stat['Stat']);
    return [
      metricUse(resource, `${where}.${index}.MetricStat.Metric`, metric, {
        statistic,
        period: stat['Period'],
        unit: stat['Unit'],
      }),
    ];
  });
}

/** Metric that a resource names. */
export function metricUse(
  resource: Resource,
  property: string,
  metric: Json,
  {
    statistic,
    period,
    unit,
  }: { readonly statistic: string | undefined; readonly period?: unknown; readonly unit: unknown },
): MetricUse {
  const { reader } = resource;
  return {
    resource,
    property,
    namespace: reader.text(metric['Namespace']),
    metricName: reader.text(metric['MetricName']),
    dimensions: reader.objects(metric['Dimensions']).map(({ Name, Value }) => ({
      name: reader.text(Name),
      value: reader.text(Value),
    })),
    isCertain: reader.isCertainList(metric['Dimensions']),
    statistic,
    periodSeconds: reader.number(period),
    unit: reader.text(unit),
  };
}
