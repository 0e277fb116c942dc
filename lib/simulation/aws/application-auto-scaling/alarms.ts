import { SAGEMAKER_NAMESPACE } from '../../../catalog/hosting-metrics';
import { parseResourceId, resourceMetricDimensions, SCALABLE_DIMENSIONS } from '../../../catalog/scalable-resource';
import { alarmShapes, type AlarmShape } from '../../../scaling/decide/target-tracking';
import type { AlarmStanding, PolicySignal } from '../../../scaling/decide/observation';
import type { PolicyMetric, TargetTrackingPolicy } from '../../../scaling/decide/plan';
import type { CloudWatch } from '../cloudwatch/service';
import type { AlarmCondition, AlarmDefinition, AlarmEvaluation, MetricDataQuery, MetricId } from '../cloudwatch/types';
import { AutoScalingError } from './errors';
import type { TargetKey } from './types';

/** Names of a target-tracking policy's alarms by role; alarms of step policies are created elsewhere. */
export interface PolicyAlarms {
  readonly high?: string;
  readonly low?: string;
}

interface MetricSource {
  readonly metric?: MetricId;
  readonly metrics?: readonly MetricDataQuery[];
}

/** Alarms that the service creates for a target-tracking policy: two, or one without scale-in. */
export function alarmDefinitions(
  policy: TargetTrackingPolicy,
  policyArn: string,
  key: TargetKey,
  suffix: (role: 'high' | 'low') => string,
): { readonly high: AlarmDefinition; readonly low?: AlarmDefinition } {
  const shapes = alarmShapes(policy, key.serviceNamespace);
  const source = metricSource(policy.metric, key);
  const define = (role: 'high' | 'low', shape: AlarmShape): AlarmDefinition => ({
    alarmName: `TargetTracking-${key.resourceId}-Alarm${role === 'high' ? 'High' : 'Low'}-${suffix(role)}`,
    alarmDescription: `DO NOT EDIT OR DELETE. For TargetTrackingScaling policy ${policyArn}.`,
    ...source,
    ...(source.metric !== undefined && { statistic: shape.statistic }),
    periodSeconds: shape.periodSeconds,
    evaluationPeriods: shape.evaluationPeriods,
    datapointsToAlarm: shape.datapointsToAlarm,
    threshold: shape.threshold,
    comparisonOperator: shape.comparisonOperator,
    treatMissingData: 'missing',
    alarmActions: [policyArn],
  });
  return { high: define('high', shapes.high), ...(shapes.low !== undefined && { low: define('low', shapes.low) }) };
}

/** CloudWatch metric behind a policy's metric, with the dimensions of the resource. */
function metricSource(metric: PolicyMetric | undefined, key: TargetKey): MetricSource {
  switch (metric?.kind) {
    case 'custom':
      return { metric: { namespace: metric.namespace, metricName: metric.metricName, dimensions: metric.dimensions } };
    case 'math':
      return {
        metrics: metric.queries.map(({ id, metric: source, expression, returnData }) => ({
          id,
          ...(source !== undefined && {
            metric: { namespace: source.namespace, metricName: source.metricName, dimensions: source.dimensions },
            statistic: source.statistic,
          }),
          ...(expression !== undefined && { expression }),
          returnData: returnData ?? true,
        })),
      };
    case 'predefined':
      return { metric: predefinedMetric(metric.predefinedMetricType, key) };
    case undefined:
      throw new AutoScalingError(
        'ValidationException',
        'A target tracking policy needs a PredefinedMetricSpecification or a CustomizedMetricSpecification',
      );
  }
}

/** Metric names behind the predefined ones (SageMaker developer guide, "Define a scaling policy"). */
const PREDEFINED: {
  readonly [type: string]: { readonly metricName: string; readonly dimension: TargetKey['scalableDimension'] };
} = {
  SageMakerVariantInvocationsPerInstance: {
    metricName: 'InvocationsPerInstance',
    dimension: SCALABLE_DIMENSIONS.instanceCount,
  },
  SageMakerVariantConcurrentRequestsPerModelHighResolution: {
    metricName: 'ConcurrentRequestsPerModel',
    dimension: SCALABLE_DIMENSIONS.instanceCount,
  },
  SageMakerInferenceComponentInvocationsPerCopy: {
    metricName: 'InvocationsPerCopy',
    dimension: SCALABLE_DIMENSIONS.copyCount,
  },
  SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution: {
    metricName: 'ConcurrentRequestsPerCopy',
    dimension: SCALABLE_DIMENSIONS.copyCount,
  },
  SageMakerVariantProvisionedConcurrencyUtilization: {
    metricName: 'ServerlessProvisionedConcurrencyUtilization',
    dimension: SCALABLE_DIMENSIONS.provisionedConcurrency,
  },
};

function predefinedMetric(type: string, key: TargetKey): MetricId {
  const known = PREDEFINED[type];
  if (known === undefined || known.dimension !== key.scalableDimension) {
    const usable = Object.keys(PREDEFINED).filter((name) => PREDEFINED[name]!.dimension === key.scalableDimension);
    throw new AutoScalingError(
      'ValidationException',
      `PredefinedMetricType ${type} cannot be used with ${key.scalableDimension}; usable: ${usable.join(', ') || 'none'}`,
    );
  }
  return {
    namespace: SAGEMAKER_NAMESPACE,
    metricName: known.metricName,
    dimensions: resourceDimensions(key.resourceId),
  };
}

/** Metric dimensions of `endpoint/<name>/variant/<name>` and `inference-component/<name>`. */
function resourceDimensions(resourceId: string): { readonly [name: string]: string } {
  const resource = parseResourceId(resourceId);
  if (resource !== undefined) return resourceMetricDimensions(resource);
  throw new AutoScalingError(
    'ValidationException',
    `ResourceId ${resourceId} is not endpoint/<name>/variant/<name> or inference-component/<name>`,
  );
}

/**
 * Signal of a target-tracking policy, from the states of its two alarms. An alarm keeps its state for a while when its metric ends; the
 * policy then has insufficient data, on which it does not act
 * (https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html).
 */
export function trackingSignal(cloudWatch: CloudWatch, alarms: PolicyAlarms): PolicySignal {
  const high = alarms.high === undefined ? undefined : cloudWatch.alarmCondition(alarms.high);
  const low = alarms.low === undefined ? undefined : cloudWatch.alarmCondition(alarms.low);
  const value = currentValue(high) ?? currentValue(low);
  const standing =
    high?.state === 'ALARM'
      ? 'high'
      : low?.state === 'ALARM'
        ? 'low'
        : high?.state === 'INSUFFICIENT_DATA' && (low === undefined || low.state === 'INSUFFICIENT_DATA')
          ? 'insufficient-data'
          : 'ok';
  return signalOf(value, standing);
}

/** Signal of target tracking; an object without a value has no such property. */
export function signalOf(value: number | undefined, alarm: AlarmStanding): PolicySignal {
  return value === undefined ? { alarm } : { value, alarm };
}

/** Newest value of an alarm's metric; undefined where it has ended. */
export function currentValue(alarm: AlarmCondition | undefined): number | undefined {
  return alarm?.isCurrent === true ? (alarm.value ?? undefined) : undefined;
}

/** Signal of the alarm that invokes a step policy. */
export function stepSignal(
  { comparisonOperator, threshold }: AlarmDefinition,
  { value, datapoints }: AlarmEvaluation,
): PolicySignal {
  return {
    ...(value !== null && { value, datapoints }),
    threshold,
    alarm: comparisonOperator.startsWith('Greater') ? 'high' : 'low',
  };
}
