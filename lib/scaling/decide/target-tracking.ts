import { SAGEMAKER_SERVICE_NAMESPACE } from '../../catalog/scalable-resource';
import type { MetricStatistic } from '../../catalog/hosting-metrics';
import type { PolicySignal } from './observation';
import type { PolicyMetric, TargetTrackingPolicy } from './plan';
import { ceilCapacity, shown, type Proposal } from './proposal';
import { IN_WORDS, type Wording } from '../../core/decision';
import { lookup } from '../../core/lookup';

/** Cooldown of SageMaker variants and inference components in seconds (Application Auto Scaling API reference). */
export const DEFAULT_COOLDOWN_SECONDS = 300;

/** Share of an instance's capacity that policies aim at unless they are given a target; the rest serves growth while instances start. */
export const TARGET_UTILIZATION = 0.7;

/**
 * Ratio of the low alarm's threshold to the target, by service namespace.
 *
 * Observed in accounts: SageMaker 1500 and 1350, ECS 30 and 27 (0.9); EC2 Auto Scaling 40 and 28, 50 and 35 (0.7).
 */
export const SCALE_IN_RATIOS: { readonly default: number; readonly [serviceNamespace: string]: number } = lookup({
  default: 0.9,
  ec2: 0.7,
});

/** Alarm of a target-tracking policy. */
export interface AlarmShape {
  readonly comparisonOperator: 'GreaterThanThreshold' | 'LessThanThreshold';
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly statistic: MetricStatistic;
}

/** Alarms of a target-tracking policy; a policy without scale-in has no low one. */
export interface AlarmShapes {
  readonly high: AlarmShape;
  readonly low?: AlarmShape;
}

/** Returns true if a predefined metric is published every 10 seconds ("Specify a high-resolution predefined metric", SageMaker guide). */
export function isHighResolution(metric: PolicyMetric | undefined): boolean {
  return metric?.kind === 'predefined' && metric.predefinedMetricType.endsWith('HighResolution');
}

/**
 * Returns the alarms that Application Auto Scaling creates for a target-tracking policy.
 *
 * Standard metrics: above the target for 3 datapoints of 60 seconds, below 0.9 × target for 15 of 60 seconds. High-resolution
 * predefined metrics: 3 of 10 seconds and 90 of 10 seconds, so scale-out is quicker and scale-in is not. AWS does not publish
 * these numbers; they are observed in accounts, and each can be overridden in the policy.
 *
 * @param serviceNamespace selects the ratio of the low threshold; default `sagemaker`
 */
export function alarmShapes(
  policy: TargetTrackingPolicy,
  serviceNamespace: string = SAGEMAKER_SERVICE_NAMESPACE,
): AlarmShapes {
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

/** Returns the threshold below which the policy scales in. */
export function lowThreshold(
  policy: TargetTrackingPolicy,
  serviceNamespace: string = SAGEMAKER_SERVICE_NAMESPACE,
): number {
  const ratio = policy.alarmShape?.scaleInRatio ?? SCALE_IN_RATIOS[serviceNamespace] ?? SCALE_IN_RATIOS.default;
  return Math.round(policy.targetValue * ratio * 1e9) / 1e9;
}

/** Returns the statistic of a policy's alarms: the sum of invocations per instance, the average of every other metric. */
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

/** Situation that a target-tracking policy is evaluated in. */
export interface TargetTrackingSituation {
  readonly signal: PolicySignal | undefined;
  /** Desired capacity. */
  readonly desiredCapacity: number;
  /** Capacity whose load the metric covers: without replicas that are still starting. */
  readonly measuredCapacity: number;
}

/**
 * Returns the proposal of a target-tracking policy: capacity × metric ÷ target, rounded so that the metric ends at or below the target
 * ("rounds conservatively": 1.5 more become 2, 1.5 fewer become 1).
 */
export function proposeTargetTracking(
  policy: TargetTrackingPolicy,
  situation: TargetTrackingSituation,
  words: Wording = IN_WORDS,
): Proposal {
  const { signal, desiredCapacity, measuredCapacity } = situation;
  const target = policy.targetValue;
  const propose = (
    direction: Proposal['direction'],
    capacity: number,
    cooldownSeconds: number,
    reason: () => string,
  ): Proposal => ({
    policyName: policy.policyName,
    kind: 'target-tracking',
    mustAgreeToScaleIn: policy.disableScaleIn !== true,
    direction,
    capacity,
    cooldownSeconds,
    reason: words(reason),
  });
  const hold = (reason: () => string): Proposal => propose('hold', desiredCapacity, 0, reason);

  const value = signal?.value;
  if (value === undefined || !Number.isFinite(value)) {
    return hold(() => 'the metric is missing (insufficient data), so capacity is held in both directions');
  }
  const low = lowThreshold(policy);
  const standing = signal?.alarm ?? (value > target ? 'high' : value < low ? 'low' : 'ok');
  switch (standing) {
    case 'insufficient-data':
      return hold(() => 'the alarms have insufficient data, so capacity is held in both directions');
    case 'ok':
      return hold(
        () => `metric ${shown(value)} requires no change (target ${shown(target)}, scale-in below ${shown(low)})`,
      );
    case 'high': {
      if (measuredCapacity <= 0) {
        return hold(
          () =>
            `metric ${shown(value)} is above target ${shown(target)}, but no replica is in service: ` +
            'a multiple of zero is zero, so scaling from zero needs a step policy or a higher minimum',
        );
      }
      const wanted = ceilCapacity((measuredCapacity * value) / target);
      const arithmetic = (): string =>
        `${measuredCapacity} × ${shown(value)} ÷ ${shown(target)} = ${shown((measuredCapacity * value) / target)}`;
      const starting =
        measuredCapacity === desiredCapacity
          ? ''
          : ` (${desiredCapacity - measuredCapacity} more are already starting)`;
      if (wanted <= measuredCapacity) {
        return hold(() => `the alarm is high, but the newest value requires no more capacity: ${arithmetic()}`);
      }
      return propose(
        'out',
        wanted,
        policy.scaleOutCooldownSeconds ?? DEFAULT_COOLDOWN_SECONDS,
        () =>
          `metric ${shown(value)} is above target ${shown(target)}: ${arithmetic()}, rounded up to ${wanted}${starting}`,
      );
    }
    case 'low': {
      if (policy.disableScaleIn === true) {
        return hold(() => `metric ${shown(value)} is below ${shown(low)}, but scale-in is disabled`);
      }
      if (desiredCapacity <= 0) return hold(() => `metric ${shown(value)} is low and there is no replica to remove`);
      const exact = (desiredCapacity * value) / target;
      const limit = policy.maxScaleInPerDecision ?? Infinity;
      const enough = Math.max(0, ceilCapacity(exact));
      const wanted = Math.max(enough, desiredCapacity - limit);
      const arithmetic = (): string => `${desiredCapacity} × ${shown(value)} ÷ ${shown(target)} = ${shown(exact)}`;
      if (wanted >= desiredCapacity) {
        return hold(
          () => `metric ${shown(value)} is below ${shown(low)}, but one fewer would exceed the target: ${arithmetic()}`,
        );
      }
      const slowed = wanted > enough ? `, at most ${limit} fewer in one decision` : '';
      return propose(
        'in',
        wanted,
        policy.scaleInCooldownSeconds ?? DEFAULT_COOLDOWN_SECONDS,
        () => `metric ${shown(value)} is below ${shown(low)}: ${arithmetic()}, rounded up to ${enough}${slowed}`,
      );
    }
  }
}
