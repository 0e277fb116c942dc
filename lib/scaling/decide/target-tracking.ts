import type { MetricStatistic, PolicyMetric, PolicySignal, TargetTrackingPolicy } from './plan';
import { ceilCapacity, shown, type Proposal } from './proposal';

/** Cooldown of SageMaker variants and inference components in seconds (Application Auto Scaling API reference). */
export const DEFAULT_COOLDOWN_SECONDS = 300;

/**
 * The low alarm's threshold as a share of the target by service.
 *
 * Seen in accounts: SageMaker 1500 and 1350, ECS 30 and 27 (0.9); EC2 Auto Scaling 40 and 28, 50 and 35 (0.7).
 */
export const SCALE_IN_FACTORS: { readonly default: number; readonly [serviceNamespace: string]: number } = {
  default: 0.9,
  ec2: 0.7,
};

/** One of the two alarms of a target-tracking policy. */
export interface AlarmShape {
  readonly comparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly statistic: MetricStatistic;
}

/** The alarms of a target-tracking policy; without scale-in there is no low one. */
export interface AlarmShapes {
  readonly high: AlarmShape;
  readonly low?: AlarmShape;
}

/** Whether a predefined metric comes every 10 seconds ("Specify a high-resolution predefined metric", SageMaker guide). */
export function isHighResolution(metric: PolicyMetric | undefined): boolean {
  return metric?.kind === 'predefined' && metric.predefinedMetricType.endsWith('HighResolution');
}

/**
 * The alarms that Application Auto Scaling creates for a target-tracking policy.
 *
 * Standard metrics: above the target for 3 datapoints of 60 seconds, below 0.9 × target for 15 of 60 seconds. High-resolution
 * predefined metrics: 3 of 10 seconds and 90 of 10 seconds, so scale-out is quicker and scale-in is not. AWS does not publish
 * these numbers; they are what accounts show, and each can be overridden in the policy.
 *
 * @param serviceNamespace chooses the low factor; default `sagemaker`
 */
export function alarmShapes(policy: TargetTrackingPolicy, serviceNamespace = 'sagemaker'): AlarmShapes {
  const shape = policy.alarmShape ?? {};
  const fine = isHighResolution(policy.metric);
  const periodSeconds = shape.periodSeconds ?? (fine ? 10 : 60);
  const scaleOutDatapoints = shape.scaleOutDatapoints ?? 3;
  const scaleInDatapoints = shape.scaleInDatapoints ?? Math.max(15, Math.round(900 / periodSeconds));
  const statistic = statisticOf(policy.metric);
  return {
    high: {
      comparisonOperator: 'GreaterThanThreshold',
      threshold: policy.targetValue,
      periodSeconds,
      evaluationPeriods: scaleOutDatapoints,
      datapointsToAlarm: scaleOutDatapoints,
      statistic,
    },
    ...(policy.disableScaleIn !== true && {
      low: {
        comparisonOperator: 'LessThanThreshold' as const,
        threshold: lowThreshold(policy, serviceNamespace),
        periodSeconds,
        evaluationPeriods: scaleInDatapoints,
        datapointsToAlarm: scaleInDatapoints,
        statistic,
      },
    }),
  };
}

/** Below this the metric asks for less capacity. */
export function lowThreshold(policy: TargetTrackingPolicy, serviceNamespace = 'sagemaker'): number {
  const factor = policy.alarmShape?.scaleInFactor ?? SCALE_IN_FACTORS[serviceNamespace] ?? SCALE_IN_FACTORS.default;
  return Math.round(policy.targetValue * factor * 1e9) / 1e9;
}

/** The statistic an alarm takes of a policy's metric: the sum of invocations per instance, the average of everything else. */
export function statisticOf(metric: PolicyMetric | undefined): MetricStatistic {
  switch (metric?.kind) {
    case 'custom':
      return metric.statistic;
    case 'predefined':
      return /InvocationsPer(Instance|Copy)$/.test(metric.predefinedMetricType) ? 'Sum' : 'Average';
    case 'math':
    case undefined:
      return 'Average';
  }
}

/** What the policy is asked about. */
export interface TargetTrackingSituation {
  readonly signal: PolicySignal | undefined;
  /** The capacity wanted now. */
  readonly desiredCapacity: number;
  /** The capacity whose load the metric shows: without replicas that are still awaited. */
  readonly measuredCapacity: number;
}

/**
 * Asks a target-tracking policy: capacity × metric ÷ target, rounded so that the metric ends at or below the target
 * ("rounds conservatively": 1.5 more become 2, 1.5 fewer become 1).
 */
export function proposeTargetTracking(policy: TargetTrackingPolicy, situation: TargetTrackingSituation): Proposal {
  const { signal, desiredCapacity, measuredCapacity } = situation;
  const target = policy.targetValue;
  const base = {
    policyName: policy.policyName,
    kind: 'target-tracking' as const,
    mustAgreeToScaleIn: policy.disableScaleIn !== true,
  };
  const hold = (reason: string): Proposal => ({
    ...base,
    direction: 'hold',
    capacity: desiredCapacity,
    cooldownSeconds: 0,
    reason,
  });

  const value = signal?.value;
  if (value === undefined || !Number.isFinite(value)) {
    return hold('the metric is missing (insufficient data), so capacity is held in both directions');
  }
  const low = lowThreshold(policy);
  const standing = signal?.alarm ?? (value > target ? 'high' : value < low ? 'low' : 'ok');
  switch (standing) {
    case 'insufficient-data':
      return hold('the alarms have insufficient data, so capacity is held in both directions');
    case 'ok':
      return hold(`metric ${shown(value)} asks for no change (target ${shown(target)}, scale-in below ${shown(low)})`);
    case 'high': {
      if (measuredCapacity <= 0) {
        return hold(
          `metric ${shown(value)} is above target ${shown(target)}, but no replica serves: ` +
            'a share of zero stays zero, so growing from zero needs a step policy or a higher minimum',
        );
      }
      const wanted = ceilCapacity((measuredCapacity * value) / target);
      const arithmetic = `${measuredCapacity} × ${shown(value)} ÷ ${shown(target)} = ${shown((measuredCapacity * value) / target)}`;
      const awaited =
        measuredCapacity === desiredCapacity
          ? ''
          : ` (${desiredCapacity - measuredCapacity} more are already on their way)`;
      if (value <= target || wanted <= measuredCapacity) {
        return hold(`the alarm is high, but the newest value asks for no more: ${arithmetic}`);
      }
      return {
        ...base,
        direction: 'out',
        capacity: wanted,
        cooldownSeconds: policy.scaleOutCooldownSeconds ?? DEFAULT_COOLDOWN_SECONDS,
        reason: `metric ${shown(value)} is above target ${shown(target)}: ${arithmetic}, rounded up to ${wanted}${awaited}`,
      };
    }
    case 'low': {
      if (policy.disableScaleIn === true) {
        return hold(`metric ${shown(value)} is below ${shown(low)}, but scale-in is disabled`);
      }
      if (desiredCapacity <= 0) return hold(`metric ${shown(value)} is low and there is no replica to remove`);
      const exact = (desiredCapacity * value) / target;
      const limit = policy.maxScaleInPerDecision ?? Infinity;
      const wanted = Math.max(0, ceilCapacity(exact), desiredCapacity - limit);
      const arithmetic = `${desiredCapacity} × ${shown(value)} ÷ ${shown(target)} = ${shown(exact)}`;
      if (wanted >= desiredCapacity) {
        return hold(
          `metric ${shown(value)} is below ${shown(low)}, but one fewer would exceed the target: ${arithmetic}`,
        );
      }
      const slowed = wanted > ceilCapacity(exact) ? `, at most ${limit} fewer at a time` : '';
      return {
        ...base,
        direction: 'in',
        capacity: wanted,
        cooldownSeconds: policy.scaleInCooldownSeconds ?? DEFAULT_COOLDOWN_SECONDS,
        reason: `metric ${shown(value)} is below ${shown(low)}: ${arithmetic}, rounded up to ${ceilCapacity(exact)}${slowed}`,
      };
    }
  }
}
