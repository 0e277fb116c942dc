import type { MetricStatistic } from '../../catalog/hosting-metrics';
import type { EpochSeconds } from '../../core/time';
import type { CapacityLimits } from './limits';

/** Name of the step policy that scales a fleet in while no request arrives. */
export const QUIET_POLICY_NAME = 'without-requests';

/** Predefined metric types of Application Auto Scaling for SageMaker. */
export type SageMakerPredefinedMetric =
  | 'SageMakerVariantInvocationsPerInstance'
  | 'SageMakerVariantConcurrentRequestsPerModelHighResolution'
  | 'SageMakerInferenceComponentInvocationsPerCopy'
  | 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution'
  | 'SageMakerVariantProvisionedConcurrencyUtilization';

/** Predefined metric; its dimensions follow from the resource. */
export interface PredefinedMetric {
  readonly kind: 'predefined';
  readonly predefinedMetricType: SageMakerPredefinedMetric | (string & {});
  readonly resourceLabel?: string;
}

/** CloudWatch metric, fully specified. */
export interface CustomMetric {
  readonly kind: 'custom';
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
  readonly statistic: MetricStatistic;
}

/** Query of a metric-math specification: a metric or an expression over other queries. */
export interface MetricMathQuery {
  readonly id: string;
  readonly metric?: Omit<CustomMetric, 'kind'>;
  readonly expression?: string;
  /** True on exactly one query: the one whose value the policy tracks. */
  readonly returnData?: boolean;
}

/** Metric computed from others. */
export interface MetricMath {
  readonly kind: 'math';
  readonly queries: readonly MetricMathQuery[];
}

/** Metric of a target-tracking policy. */
export type PolicyMetric = PredefinedMetric | CustomMetric | MetricMath;

/** Overrides of the two alarms of a target-tracking policy; see `alarmShapes` for the defaults. */
export interface AlarmShapeOverrides {
  /** Period of the datapoints in seconds: 10, 20, 30 or a multiple of 60. */
  readonly periodSeconds?: number;
  /** Consecutive datapoints above the target before the policy scales out. */
  readonly scaleOutDatapoints?: number;
  /** Consecutive datapoints below the low threshold before the policy scales in. */
  readonly scaleInDatapoints?: number;
  /** Ratio of the low threshold to the target, above 0 and at most 1. */
  readonly scaleInRatio?: number;
}

/** Target-tracking policy: sets the capacity to `capacity × metric ÷ target`. */
export interface TargetTrackingPolicy {
  readonly kind: 'target-tracking';
  readonly policyName: string;
  /** Metric to track; may be omitted where the caller passes its value. */
  readonly metric?: PolicyMetric;
  /** Value that the metric is kept at; above 0. */
  readonly targetValue: number;
  /** Seconds after a scale-out in which only a larger one is made. Default 300 (SageMaker). */
  readonly scaleOutCooldownSeconds?: number;
  /** Seconds after a scale-in in which no other is made. Default 300 (SageMaker). */
  readonly scaleInCooldownSeconds?: number;
  /** True if the policy never removes capacity; its agreement to a scale-in is then not needed. Default false. */
  readonly disableScaleIn?: boolean;
  /** Maximum number of instances that one decision removes. Default unlimited: AWS publishes no number. */
  readonly maxScaleInPerDecision?: number;
  /** Overrides of the alarms that the service creates. */
  readonly alarmShape?: AlarmShapeOverrides;
}

/** Meaning of a step's adjustment. */
export type AdjustmentType = 'ChangeInCapacity' | 'PercentChangeInCapacity' | 'ExactCapacity';

/** Adjustment for a range of breaches. Bounds are relative to the alarm threshold. */
export interface StepAdjustment {
  /** Lower bound. Default minus infinity. */
  readonly lowerBound?: number;
  /** Upper bound. Default plus infinity. */
  readonly upperBound?: number;
  /** Change in instances or in percent, or the new capacity, depending on the adjustment type. */
  readonly adjustment: number;
}

/** Step policy: the adjustment depends on the size of the breach of an alarm's threshold. */
export interface StepPolicy {
  readonly kind: 'step';
  readonly policyName: string;
  readonly adjustmentType: AdjustmentType;
  readonly steps: readonly StepAdjustment[];
  /** Threshold that the bounds are relative to; a signal's own threshold takes precedence. */
  readonly threshold?: number;
  /** Seconds between one change and the next. Default 300. */
  readonly cooldownSeconds?: number;
  /** Minimum number of instances to add or remove with a percentage. */
  readonly minAdjustmentMagnitude?: number;
  /** Aggregation of the alarm's datapoints to one value. Default Average. */
  readonly metricAggregationType?: 'Average' | 'Minimum' | 'Maximum';
}

/** Scaling policy. */
export type ScalingPolicy = TargetTrackingPolicy | StepPolicy;

/** Scheduled change of the limits, with at least one of them. */
export interface ScheduledAction {
  readonly scheduledActionName: string;
  /** `at(yyyy-mm-ddThh:mm:ss)`, `rate(value unit)` or `cron(minute hour day-of-month month day-of-week year)`. */
  readonly schedule: string;
  /** IANA time zone of `at` and `cron`. Default UTC. */
  readonly timezone?: string;
  /** Start: a recurring action runs at this moment first. A `rate` counts from here. */
  readonly startSeconds?: EpochSeconds;
  /** Time of creation: without a start, a `rate` counts from here. Default the epoch. */
  readonly createdSeconds?: EpochSeconds;
  /** End: the action does not run afterwards. */
  readonly endSeconds?: EpochSeconds;
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
}

/** Scaling activities that a scalable target suspends. */
export interface SuspendedScaling {
  readonly dynamicScalingInSuspended?: boolean;
  readonly dynamicScalingOutSuspended?: boolean;
  readonly scheduledScalingSuspended?: boolean;
}

/** Scaling plan of a fleet: its limits, policies and schedules. */
export interface FleetPlan extends CapacityLimits {
  readonly policies: readonly ScalingPolicy[];
  readonly schedules: readonly ScheduledAction[];
  readonly suspended?: SuspendedScaling;
}
