import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { InputError } from '../core/errors';
import type { MetricStatistic } from '../catalog/hosting-metrics';
import type { CustomMetric, MetricMathQuery, PolicyMetric } from './decide/plan';
import { differences, type FleetEnvironment } from './fleet-environment';

type Specification = Pick<
  appscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty,
  'predefinedMetricSpecification' | 'customizedMetricSpecification'
>;

/** Returns a predefined metric of Application Auto Scaling. */
export function predefinedMetric(predefinedMetricType: string): PolicyMetric {
  return { kind: 'predefined', predefinedMetricType };
}

/**
 * Returns a CloudWatch metric, plain or metric math, in the form of the plan.
 *
 * @param environment the fleet's; throws an {@link InputError} for a metric of another one, as a policy names neither region nor account
 */
export function policyMetric(metric: cloudwatch.IMetric, environment?: FleetEnvironment): PolicyMetric {
  if (environment !== undefined) checkEnvironment(metric, environment);
  const { metricStat, mathExpression } = metric.toMetricConfig();
  if (metricStat !== undefined) return { kind: 'custom', ...plainMetric(metricStat) };
  if (mathExpression === undefined) {
    throw new InputError(
      'the metric is neither a metric nor metric math; give a cloudwatch.Metric or a MathExpression',
    );
  }
  return { kind: 'math', queries: mathQueries(metric) };
}

/** Returns the metric in the form of a target-tracking policy in CloudFormation. */
export function metricSpecification(metric: PolicyMetric): Specification {
  switch (metric.kind) {
    case 'predefined':
      return { predefinedMetricSpecification: { predefinedMetricType: metric.predefinedMetricType } };
    case 'custom':
      return { customizedMetricSpecification: { ...named(metric), statistic: metric.statistic } };
    case 'math':
      return {
        customizedMetricSpecification: {
          metrics: metric.queries.map((query) => ({
            id: query.id,
            returnData: query.returnData ?? false,
            ...(query.expression === undefined ? {} : { expression: query.expression }),
            ...(query.metric === undefined
              ? {}
              : { metricStat: { stat: query.metric.statistic, metric: named(query.metric) } }),
          })),
        },
      };
  }
}

function checkEnvironment(metric: cloudwatch.IMetric, environment: FleetEnvironment): void {
  const { metricStat, mathExpression } = metric.toMetricConfig();
  const place =
    metricStat ??
    (mathExpression === undefined
      ? {}
      : { region: mathExpression.searchRegion, account: mathExpression.searchAccount });
  const [property] = differences(place, environment);
  if (property !== undefined) {
    throw new InputError(
      `metric ${metricStat?.metricName ?? mathExpression?.expression} is of ${property} ${place[property]}, the fleet of ${property} ${environment[property]}; ` +
        `Application Auto Scaling evaluates metrics of its own ${property} only, so publish the metric in ${environment[property]}`,
    );
  }
  for (const used of Object.values(mathExpression?.usingMetrics ?? {})) checkEnvironment(used, environment);
}

/** Returns the expression as `e1`, preceded by the metrics and expressions that it uses. */
function mathQueries(metric: cloudwatch.IMetric): MetricMathQuery[] {
  const queries = new Map<string, MetricMathQuery>();
  const visit = (id: string, one: cloudwatch.IMetric, returnData: boolean): void => {
    const { metricStat, mathExpression } = one.toMetricConfig();
    for (const [usedId, used] of Object.entries(mathExpression?.usingMetrics ?? {})) visit(usedId, used, false);
    if (metricStat !== undefined) queries.set(id, { id, metric: plainMetric(metricStat), returnData });
    else queries.set(id, { id, expression: mathExpression!.expression, returnData });
  };
  const used = metric.toMetricConfig().mathExpression?.usingMetrics ?? {};
  visit('e1' in used ? 'result' : 'e1', metric, true);
  return [...queries.values()];
}

const STATISTICS: readonly string[] = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'];

function plainMetric(stat: cloudwatch.MetricStatConfig): Omit<CustomMetric, 'kind'> {
  if (!STATISTICS.includes(stat.statistic)) {
    throw new InputError(
      `a scaling policy cannot use statistic '${stat.statistic}' of ${stat.metricName}; use one of ${STATISTICS.join(', ')}`,
    );
  }
  return {
    namespace: stat.namespace,
    metricName: stat.metricName,
    dimensions: Object.fromEntries((stat.dimensions ?? []).map(({ name, value }) => [name, String(value)])),
    statistic: stat.statistic as MetricStatistic,
  };
}

function named(metric: Omit<CustomMetric, 'kind'>): {
  namespace: string;
  metricName: string;
  dimensions: { name: string; value: string }[];
} {
  return {
    namespace: metric.namespace,
    metricName: metric.metricName,
    dimensions: Object.entries(metric.dimensions).map(([name, value]) => ({ name, value })),
  };
}
