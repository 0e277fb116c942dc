import type { MetricStatistic } from '../../../catalog/hosting-metrics';
import type {
  AdjustmentType,
  PolicyMetric,
  ScalingPolicy,
  ScheduledAction,
  StepPolicy,
  SuspendedScaling,
  TargetTrackingPolicy,
} from '../../../scaling/decide/plan';
import { AutoScalingError } from './errors';
import type {
  ScalableTarget,
  ScalingActivityDescription,
  ScalingPolicyDescription,
  ScheduledActionDescription,
} from './types';

/** A parsed JSON object. */
export interface WireObject {
  readonly [name: string]: unknown;
}

/** Returns a required string; throws a ValidationException where it is missing. */
export function text(request: WireObject, name: string): string {
  const value = request[name];
  if (typeof value !== 'string' || value === '') throw invalid(`${name} must be a string of at least one character`);
  return value;
}

export function targetToWire(target: ScalableTarget): WireObject {
  return {
    ...keyToWire(target),
    ScalableTargetARN: target.scalableTargetArn,
    MinCapacity: target.minCapacity,
    MaxCapacity: target.maxCapacity,
    RoleARN: target.roleArn,
    CreationTime: target.creationTimeSeconds,
    SuspendedState: {
      DynamicScalingInSuspended: target.suspendedState.dynamicScalingInSuspended,
      DynamicScalingOutSuspended: target.suspendedState.dynamicScalingOutSuspended,
      ScheduledScalingSuspended: target.suspendedState.scheduledScalingSuspended,
    },
  };
}

export function suspendedFromWire(state: WireObject | undefined): SuspendedScaling | undefined {
  if (state === undefined) return undefined;
  return given({
    dynamicScalingInSuspended: state.DynamicScalingInSuspended as boolean | undefined,
    dynamicScalingOutSuspended: state.DynamicScalingOutSuspended as boolean | undefined,
    scheduledScalingSuspended: state.ScheduledScalingSuspended as boolean | undefined,
  });
}

export function policyFromWire(request: WireObject): ScalingPolicy {
  const policyName = text(request, 'PolicyName');
  const tracking = request.TargetTrackingScalingPolicyConfiguration as WireObject | undefined;
  const step = request.StepScalingPolicyConfiguration as WireObject | undefined;
  const type = request.PolicyType ?? (tracking !== undefined ? 'TargetTrackingScaling' : 'StepScaling');
  if (type === 'TargetTrackingScaling' && tracking !== undefined) return trackingFromWire(policyName, tracking);
  if (type === 'StepScaling' && step !== undefined) return stepFromWire(policyName, step);
  if (type === 'PredictiveScaling') throw invalid('PredictiveScaling is supported for Amazon ECS services only');
  throw invalid(`PolicyType ${String(type)} needs its configuration`);
}

function trackingFromWire(policyName: string, config: WireObject): TargetTrackingPolicy {
  return {
    kind: 'target-tracking',
    policyName,
    metric: metricFromWire(config),
    targetValue: config.TargetValue as number,
    ...given({
      scaleOutCooldownSeconds: config.ScaleOutCooldown as number | undefined,
      scaleInCooldownSeconds: config.ScaleInCooldown as number | undefined,
      disableScaleIn: config.DisableScaleIn as boolean | undefined,
    }),
  };
}

function metricFromWire(config: WireObject): PolicyMetric {
  const predefined = config.PredefinedMetricSpecification as WireObject | undefined;
  const custom = config.CustomizedMetricSpecification as WireObject | undefined;
  if ((predefined === undefined) === (custom === undefined)) {
    throw invalid('Give either PredefinedMetricSpecification or CustomizedMetricSpecification');
  }
  if (predefined !== undefined) {
    return {
      kind: 'predefined',
      predefinedMetricType: text(predefined, 'PredefinedMetricType'),
      ...given({ resourceLabel: predefined.ResourceLabel as string | undefined }),
    };
  }
  const queries = custom!.Metrics as WireObject[] | undefined;
  if (queries === undefined) return { kind: 'custom', ...metricOf(custom!, custom!.Statistic) };
  return {
    kind: 'math',
    queries: queries.map((query) => {
      const stat = query.MetricStat as WireObject | undefined;
      return {
        id: text(query, 'Id'),
        ...given({
          metric: stat === undefined ? undefined : metricOf(stat.Metric as WireObject, stat.Stat),
          expression: query.Expression as string | undefined,
          returnData: query.ReturnData as boolean | undefined,
        }),
      };
    }),
  };
}

function metricOf(metric: WireObject, statistic: unknown) {
  const dimensions: { [name: string]: string } = {};
  for (const dimension of (metric.Dimensions as WireObject[] | undefined) ?? []) {
    dimensions[text(dimension, 'Name')] = text(dimension, 'Value');
  }
  return {
    namespace: text(metric, 'Namespace'),
    metricName: text(metric, 'MetricName'),
    dimensions,
    statistic: text({ Statistic: statistic }, 'Statistic') as MetricStatistic,
  };
}

function stepFromWire(policyName: string, config: WireObject): StepPolicy {
  return {
    kind: 'step',
    policyName,
    adjustmentType: text(config, 'AdjustmentType') as AdjustmentType,
    steps: ((config.StepAdjustments as WireObject[] | undefined) ?? []).map((step) => ({
      adjustment: step.ScalingAdjustment as number,
      ...given({
        lowerBound: step.MetricIntervalLowerBound as number | undefined,
        upperBound: step.MetricIntervalUpperBound as number | undefined,
      }),
    })),
    ...given({
      cooldownSeconds: config.Cooldown as number | undefined,
      minAdjustmentMagnitude: config.MinAdjustmentMagnitude as number | undefined,
      metricAggregationType: config.MetricAggregationType as StepPolicy['metricAggregationType'],
    }),
  };
}

export function policyToWire(description: ScalingPolicyDescription): WireObject {
  const { policy } = description;
  return {
    ...keyToWire(description),
    PolicyName: description.policyName,
    PolicyARN: description.policyArn,
    CreationTime: description.creationTimeSeconds,
    Alarms: description.alarms.map(({ alarmName, alarmArn }) => ({ AlarmName: alarmName, AlarmARN: alarmArn })),
    ...(policy.kind === 'target-tracking'
      ? { PolicyType: 'TargetTrackingScaling', TargetTrackingScalingPolicyConfiguration: trackingToWire(policy) }
      : { PolicyType: 'StepScaling', StepScalingPolicyConfiguration: stepToWire(policy) }),
  };
}

function trackingToWire(policy: TargetTrackingPolicy): WireObject {
  return given({
    TargetValue: policy.targetValue,
    ...metricToWire(policy.metric),
    ScaleOutCooldown: policy.scaleOutCooldownSeconds,
    ScaleInCooldown: policy.scaleInCooldownSeconds,
    DisableScaleIn: policy.disableScaleIn,
  });
}

function metricToWire(metric: PolicyMetric | undefined): WireObject {
  switch (metric?.kind) {
    case undefined:
      return {};
    case 'predefined':
      return {
        PredefinedMetricSpecification: given({
          PredefinedMetricType: metric.predefinedMetricType,
          ResourceLabel: metric.resourceLabel,
        }),
      };
    case 'custom':
      return { CustomizedMetricSpecification: { ...namedMetric(metric), Statistic: metric.statistic } };
    case 'math':
      return {
        CustomizedMetricSpecification: {
          Metrics: metric.queries.map(({ id, metric: source, expression, returnData }) =>
            given({
              Id: id,
              MetricStat: source === undefined ? undefined : { Metric: namedMetric(source), Stat: source.statistic },
              Expression: expression,
              ReturnData: returnData ?? true,
            }),
          ),
        },
      };
  }
}

function namedMetric(metric: {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
}): WireObject {
  return {
    Namespace: metric.namespace,
    MetricName: metric.metricName,
    Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
  };
}

function stepToWire(policy: StepPolicy): WireObject {
  return given({
    AdjustmentType: policy.adjustmentType,
    StepAdjustments: policy.steps.map(({ lowerBound, upperBound, adjustment }) =>
      given({
        MetricIntervalLowerBound: lowerBound,
        MetricIntervalUpperBound: upperBound,
        ScalingAdjustment: adjustment,
      }),
    ),
    Cooldown: policy.cooldownSeconds,
    MinAdjustmentMagnitude: policy.minAdjustmentMagnitude,
    MetricAggregationType: policy.metricAggregationType,
  });
}

export function scheduledActionFromWire(request: WireObject): ScheduledAction {
  const change = (request.ScalableTargetAction as WireObject | undefined) ?? {};
  return {
    scheduledActionName: text(request, 'ScheduledActionName'),
    schedule: text(request, 'Schedule'),
    ...given({
      timezone: request.Timezone as string | undefined,
      startSeconds: request.StartTime as number | undefined,
      endSeconds: request.EndTime as number | undefined,
      minCapacity: change.MinCapacity as number | undefined,
      maxCapacity: change.MaxCapacity as number | undefined,
    }),
  };
}

export function scheduledActionToWire(description: ScheduledActionDescription): WireObject {
  const { action } = description;
  return given({
    ...keyToWire(description),
    ScheduledActionName: action.scheduledActionName,
    ScheduledActionARN: description.scheduledActionArn,
    Schedule: action.schedule,
    Timezone: action.timezone,
    StartTime: action.startSeconds,
    EndTime: action.endSeconds,
    ScalableTargetAction: given({ MinCapacity: action.minCapacity, MaxCapacity: action.maxCapacity }),
    CreationTime: description.creationTimeSeconds,
  });
}

export function activityToWire(activity: ScalingActivityDescription): WireObject {
  return given({
    ...keyToWire(activity),
    ActivityId: activity.activityId,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: activity.startTimeSeconds,
    EndTime: activity.endTimeSeconds,
    StatusCode: activity.statusCode,
    StatusMessage: activity.statusMessage,
    Details: JSON.stringify({
      fromCapacity: activity.fromCapacity,
      toCapacity: activity.toCapacity,
      decidedBy: activity.decidedBy,
      steps: activity.steps,
    }),
    NotScaledReasons: activity.notScaledReasons?.map(({ code, currentCapacity, minCapacity, maxCapacity }) =>
      given({ Code: code, CurrentCapacity: currentCapacity, MinCapacity: minCapacity, MaxCapacity: maxCapacity }),
    ),
  });
}

function keyToWire(key: {
  readonly serviceNamespace: string;
  readonly resourceId: string;
  readonly scalableDimension: string;
}): WireObject {
  return {
    ServiceNamespace: key.serviceNamespace,
    ResourceId: key.resourceId,
    ScalableDimension: key.scalableDimension,
  };
}

/** Returns the object without its undefined properties. */
function given<T extends object>(properties: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(properties).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function invalid(message: string): AutoScalingError {
  return new AutoScalingError('ValidationException', message);
}
