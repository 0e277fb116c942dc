import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { InputError } from '../core/errors';
import type { CustomMetric, MetricMathQuery, MetricStatistic, PolicyMetric } from './decide/plan';
import { differences, type Home } from './fleet-home';

type Specification = Pick<
  appscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty,
  'predefinedMetricSpecification' | 'customizedMetricSpecification'
>;

/** A metric that Application Auto Scaling knows by name. */
export function predefinedMetric(predefinedMetricType: string): PolicyMetric {
  return { kind: 'predefined', predefinedMetricType };
}

/**
 * A CloudWatch metric, plain or computed, as a policy follows it.
 *
 * @param home where the fleet lives; throws an {@link InputError} for a metric that lives elsewhere, as a policy cannot name the place
 */
export function policyMetric(metric: cloudwatch.IMetric, home?: Home): PolicyMetric {
  if (home !== undefined) checkHome(metric, home);
  const { metricStat, mathExpression } = metric.toMetricConfig();
  if (metricStat !== undefined) return { kind: 'custom', ...plainMetric(metricStat) };
  if (mathExpression === undefined) {
    throw new InputError(
      'the metric is neither a metric nor metric math; give a cloudwatch.Metric or a MathExpression',
    );
  }
  return { kind: 'math', queries: mathQueries(metric) };
}

/** The metric as a target-tracking policy of CloudFormation declares it. */
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

function checkHome(metric: cloudwatch.IMetric, home: Home): void {
  const { metricStat, mathExpression } = metric.toMetricConfig();
  const place =
    metricStat ??
    (mathExpression === undefined
      ? {}
      : { region: mathExpression.searchRegion, account: mathExpression.searchAccount });
  const [what] = differences(place, home);
  if (what !== undefined) {
    throw new InputError(
      `metric ${metricStat?.metricName ?? mathExpression?.expression} is of ${what} ${place[what]}, the fleet of ${what} ${home[what]}; ` +
        `Application Auto Scaling follows metrics of its own ${what} only, so publish the metric in ${home[what]}`,
    );
  }
  for (const used of Object.values(mathExpression?.usingMetrics ?? {})) checkHome(used, home);
}

/** The expression as `e1`, after the metrics and expressions that it uses. */
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
      `a scaling policy cannot follow statistic '${stat.statistic}' of ${stat.metricName}; use one of ${STATISTICS.join(', ')}`,
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
