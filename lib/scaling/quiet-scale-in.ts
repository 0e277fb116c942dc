import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib';
import { livenessMetric, SAGEMAKER_NAMESPACE } from '../catalog/hosting-metrics';
import { QUIET_POLICY_NAME, type PolicyMetric, type StepPolicy } from './decide/plan';
import type { IScalableFleet } from './scalable-fleet';

/**
 * Minutes without a request after which the fleet shrinks: more than the 15 of target tracking, which comes first where SageMaker
 * publishes zeros.
 */
const QUIET_MINUTES = 20;

/** Policy that scales a fleet in while no request arrives, and the alarm that runs it. */
export interface QuietScaleIn {
  readonly policy: StepPolicy;
  readonly alarm: cloudwatch.AlarmProps;
}

/**
 * Returns the policy that halves a fleet every five minutes once it has had no request for {@link QUIET_MINUTES}; undefined for fleets
 * whose metrics of requests, or whose memory in use, are not known.
 *
 * Target tracking does not scale in on missing data
 * (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html), and editions of the
 * developer guide differ in whether SageMaker publishes zeros without requests. The alarm needs none: the memory in use, times zero, stands
 * for a minute in which the fleet runs, and a list in metric math combines the values that are present. A minute with neither has no value,
 * so that lost metrics shrink nothing; and a request that found no replica makes its minute a busy one, so that the policy does not undo a
 * scale-out from zero.
 *
 * Missing requests are not filled with zeros in the metric that target tracking follows: the newest minute is often late, and a zero in its
 * place would delay scale-outs.
 */
export function quietScaleIn(fleet: IScalableFleet): QuietScaleIn | undefined {
  const requests = requestsWhileRunning(fleet);
  if (requests === undefined) return undefined;
  return {
    policy: {
      kind: 'step',
      policyName: QUIET_POLICY_NAME,
      adjustmentType: 'PercentChangeInCapacity',
      steps: [{ upperBound: 0, adjustment: -50 }],
      threshold: 0,
      cooldownSeconds: Duration.minutes(5).toSeconds(),
      minAdjustmentMagnitude: 1,
      metricAggregationType: 'Maximum',
    },
    alarm: {
      alarmDescription: `Scales ${fleet.node.path} in after ${QUIET_MINUTES} minutes without a request`,
      metric: requests,
      threshold: 0,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: QUIET_MINUTES,
      datapointsToAlarm: QUIET_MINUTES,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    },
  };
}

/** Returns true if a policy follows a metric that SageMaker publishes of requests. */
export function followsRequests(metric: PolicyMetric | cloudwatch.IMetric): boolean {
  if ('toMetricConfig' in metric) {
    const { metricStat, mathExpression } = metric.toMetricConfig();
    if (metricStat !== undefined) return metricStat.namespace === SAGEMAKER_NAMESPACE;
    return Object.values(mathExpression?.usingMetrics ?? {}).some(followsRequests);
  }
  switch (metric.kind) {
    case 'predefined':
      return true;
    case 'custom':
      return metric.namespace === SAGEMAKER_NAMESPACE;
    case 'math':
      return metric.queries.some((query) => query.metric?.namespace === SAGEMAKER_NAMESPACE);
  }
}

/** Returns the requests of a fleet, 0 in minutes in which it runs without any. */
function requestsWhileRunning({ signals }: IScalableFleet): cloudwatch.IMetric | undefined {
  const { invocations, concurrencyPerInstance, workWithoutCapacity } = signals ?? {};
  if (invocations === undefined || concurrencyPerInstance === undefined) return undefined;
  const { namespace, dimensions = {}, region, account } = invocations;
  const memory = livenessMetric({ namespace, metricName: invocations.metricName, dimensions: texts(dimensions) });
  if (memory === undefined) return undefined;
  const period = Duration.minutes(1);
  const requests = {
    invocations: invocations.with({ statistic: 'Sum', period }),
    concurrent: concurrencyPerInstance.with({ statistic: 'Maximum', period }),
    ...(workWithoutCapacity === undefined ? {} : { refused: workWithoutCapacity }),
  };
  return new cloudwatch.MathExpression({
    expression: `SUM([${['running', ...Object.keys(requests)].join(', ')}])`,
    label: 'requests while the fleet runs',
    period,
    usingMetrics: {
      ...requests,
      running: new cloudwatch.MathExpression({
        expression: 'memory * 0',
        period,
        usingMetrics: {
          memory: new cloudwatch.Metric({
            namespace: memory.namespace,
            metricName: memory.metricName,
            dimensionsMap: memory.dimensions,
            statistic: 'Average',
            period,
            region,
            account,
          }),
        },
      }),
    },
  });
}

function texts(dimensions: cloudwatch.DimensionHash): { readonly [name: string]: string } {
  return Object.fromEntries(Object.entries(dimensions).map(([name, value]) => [name, String(value)]));
}
