import { alarmShapes, type AlarmShape } from '../../scaling/decide/target-tracking';
import type { PolicyMetric, PolicySignal, TargetTrackingPolicy } from '../../scaling/decide/plan';
import type { CloudWatch } from '../cloudwatch/service';
import type { AlarmDefinition, AlarmStatus, MetricDataQuery, MetricId } from '../cloudwatch/types';
import { AutoScalingError } from './errors';
import type { TargetKey } from './types';

/** A policy's alarms by role; step policies answer alarms that others made. */
export interface PolicyAlarms {
  readonly high?: string;
  readonly low?: string;
}

interface MetricSource {
  readonly metric?: MetricId;
  readonly metrics?: readonly MetricDataQuery[];
}

/** The two alarms (one without scale-in) that the service makes for a target-tracking policy. */
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

/** The CloudWatch metric behind a policy's metric, with the dimensions of the resource. */
export function metricSource(metric: PolicyMetric | undefined, key: TargetKey): MetricSource {
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
    dimension: 'sagemaker:variant:DesiredInstanceCount',
  },
  SageMakerVariantConcurrentRequestsPerModelHighResolution: {
    metricName: 'ConcurrentRequestsPerModel',
    dimension: 'sagemaker:variant:DesiredInstanceCount',
  },
  SageMakerInferenceComponentInvocationsPerCopy: {
    metricName: 'InvocationsPerCopy',
    dimension: 'sagemaker:inference-component:DesiredCopyCount',
  },
  SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution: {
    metricName: 'ConcurrentRequestsPerCopy',
    dimension: 'sagemaker:inference-component:DesiredCopyCount',
  },
  SageMakerVariantProvisionedConcurrencyUtilization: {
    metricName: 'ServerlessProvisionedConcurrencyUtilization',
    dimension: 'sagemaker:variant:DesiredProvisionedConcurrency',
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
  return { namespace: 'AWS/SageMaker', metricName: known.metricName, dimensions: resourceDimensions(key.resourceId) };
}

/** The metric dimensions of `endpoint/<name>/variant/<name>` and `inference-component/<name>`. */
export function resourceDimensions(resourceId: string): { readonly [name: string]: string } {
  const variant = /^endpoint\/([^/]+)\/variant\/([^/]+)$/.exec(resourceId);
  if (variant !== null) return { EndpointName: variant[1]!, VariantName: variant[2]! };
  const component = /^inference-component\/([^/]+)$/.exec(resourceId);
  if (component !== null) return { InferenceComponentName: component[1]! };
  throw new AutoScalingError(
    'ValidationException',
    `ResourceId ${resourceId} is not endpoint/<name>/variant/<name> or inference-component/<name>`,
  );
}

/** What a target-tracking policy's two alarms say together. */
export function trackingSignal(cloudWatch: CloudWatch, alarms: PolicyAlarms): PolicySignal {
  const high = alarms.high === undefined ? undefined : cloudWatch.alarm(alarms.high);
  const low = alarms.low === undefined ? undefined : cloudWatch.alarm(alarms.low);
  const value = high?.value ?? low?.value ?? undefined;
  const standing =
    high?.state === 'ALARM'
      ? 'high'
      : low?.state === 'ALARM'
        ? 'low'
        : high?.state === 'INSUFFICIENT_DATA' && (low === undefined || low.state === 'INSUFFICIENT_DATA')
          ? 'insufficient-data'
          : 'ok';
  return { ...(value !== undefined && { value }), alarm: standing };
}

/** What the alarm that a step policy answers says, when its action names the policy in the state it is in. */
export function stepSignal(alarm: AlarmStatus): PolicySignal {
  const { comparisonOperator, threshold } = alarm.definition;
  return {
    ...(alarm.value !== null && { value: alarm.value, datapoints: alarm.datapoints }),
    threshold,
    alarm: comparisonOperator.startsWith('Greater') ? 'high' : 'low',
  };
}

/** The actions of an alarm in its present state. */
export function actionsOf({ definition, state }: AlarmStatus): readonly string[] {
  switch (state) {
    case 'ALARM':
      return definition.alarmActions ?? [];
    case 'OK':
      return definition.okActions ?? [];
    case 'INSUFFICIENT_DATA':
      return definition.insufficientDataActions ?? [];
  }
}
