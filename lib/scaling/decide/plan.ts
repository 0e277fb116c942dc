import type { MetricStatistic } from '../../catalog/metrics';
import type { Ceiling, Decision } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';

export type { MetricStatistic } from '../../catalog/metrics';

/** The predefined metrics of Application Auto Scaling for SageMaker. */
export type SageMakerPredefinedMetric =
  | 'SageMakerVariantInvocationsPerInstance'
  | 'SageMakerVariantConcurrentRequestsPerModelHighResolution'
  | 'SageMakerInferenceComponentInvocationsPerCopy'
  | 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution'
  | 'SageMakerVariantProvisionedConcurrencyUtilization';

/** A metric that Application Auto Scaling knows by name; its dimensions follow from the resource. */
export interface PredefinedMetric {
  readonly kind: 'predefined';
  readonly predefinedMetricType: SageMakerPredefinedMetric | (string & {});
  readonly resourceLabel?: string;
}

/** A CloudWatch metric named in full. */
export interface CustomMetric {
  readonly kind: 'custom';
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
  readonly statistic: MetricStatistic;
}

/** One line of a metric-math specification: a metric or an expression over other lines. */
export interface MetricMathQuery {
  readonly id: string;
  readonly metric?: Omit<CustomMetric, 'kind'>;
  readonly expression?: string;
  /** True on exactly one query: the one whose value the policy follows. */
  readonly returnData?: boolean;
}

/** A metric computed from others. */
export interface MetricMath {
  readonly kind: 'math';
  readonly queries: readonly MetricMathQuery[];
}

/** What a target-tracking policy follows. */
export type PolicyMetric = PredefinedMetric | CustomMetric | MetricMath;

/** Overrides of the two alarms that a target-tracking policy watches; see `alarmShapes` for the defaults. */
export interface AlarmShapeOverrides {
  /** Length of a datapoint in seconds: 10, 20, 30 or a multiple of 60. */
  readonly periodSeconds?: number;
  /** Datapoints in a row above the target before the policy scales out. */
  readonly scaleOutDatapoints?: number;
  /** Datapoints in a row below the low threshold before the policy scales in. */
  readonly scaleInDatapoints?: number;
  /** The low threshold as a share of the target, above 0 and at most 1. */
  readonly scaleInFactor?: number;
}

/** Keeps a metric at a value: capacity follows `capacity × metric ÷ target`. */
export interface TargetTrackingPolicy {
  readonly kind: 'target-tracking';
  readonly policyName: string;
  /** What the policy follows; may be left out where the caller hands in the metric's value. */
  readonly metric?: PolicyMetric;
  /** The value to hold; above 0. */
  readonly targetValue: number;
  /** Seconds after a scale-out in which only a larger one is made. Default 300 (SageMaker). */
  readonly scaleOutCooldownSeconds?: number;
  /** Seconds after a scale-in in which no other is made. Default 300 (SageMaker). */
  readonly scaleInCooldownSeconds?: number;
  /** The policy never removes capacity and has no say in the removal others want. Default false. */
  readonly disableScaleIn?: boolean;
  /** At most so many instances are removed by one decision. Default unlimited: AWS publishes no number. */
  readonly maxScaleInPerDecision?: number;
  /** The alarms of the policy where they differ from the service's own. */
  readonly alarmShape?: AlarmShapeOverrides;
}

/** How a step's adjustment is read. */
export type AdjustmentType = 'ChangeInCapacity' | 'PercentChangeInCapacity' | 'ExactCapacity';

/** One step: an adjustment for a range of breaches. Bounds are relative to the alarm threshold. */
export interface StepAdjustment {
  /** Left out means minus infinity. */
  readonly lowerBound?: number;
  /** Left out means plus infinity. */
  readonly upperBound?: number;
  /** Instances, percent or the capacity itself, as the adjustment type says. */
  readonly adjustment: number;
}

/** Adds or removes by how far an alarm's metric is past its threshold. */
export interface StepPolicy {
  readonly kind: 'step';
  readonly policyName: string;
  readonly adjustmentType: AdjustmentType;
  readonly steps: readonly StepAdjustment[];
  /** The alarm's threshold that step bounds start from; a signal's own threshold goes first. */
  readonly threshold?: number;
  /** Seconds to let a change take effect. Default 300. */
  readonly cooldownSeconds?: number;
  /** With percentages: at least so many instances are added or removed. */
  readonly minAdjustmentMagnitude?: number;
  /** How the alarm's datapoints become one value. Default Average. */
  readonly metricAggregationType?: 'Average' | 'Minimum' | 'Maximum';
}

/** A policy that answers a metric. */
export type ScalingPolicy = TargetTrackingPolicy | StepPolicy;

/** A change of the limits at a time. At least one of the two limits is given. */
export interface ScheduledAction {
  readonly scheduledActionName: string;
  /** `at(yyyy-mm-ddThh:mm:ss)`, `rate(value unit)` or `cron(minute hour day-of-month month day-of-week year)`. */
  readonly schedule: string;
  /** IANA time zone of `at` and `cron`. Default UTC. */
  readonly timezone?: string;
  /** The action does not run before; a recurring one runs at this moment too. A `rate` counts from here. */
  readonly startSeconds?: EpochSeconds;
  /** Without a start, a `rate` counts from here. Default the epoch. */
  readonly createdSeconds?: EpochSeconds;
  /** The action does not run after. */
  readonly endSeconds?: EpochSeconds;
  readonly minCapacity?: number;
  readonly maxCapacity?: number;
}

/** The brakes of a scalable target. */
export interface SuspendedScaling {
  readonly dynamicScalingInSuspended?: boolean;
  readonly dynamicScalingOutSuspended?: boolean;
  readonly scheduledScalingSuspended?: boolean;
}

/** How a fleet is to be scaled: all that was decided before the first request came. */
export interface FleetPlan {
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly policies: readonly ScalingPolicy[];
  readonly schedules: readonly ScheduledAction[];
  readonly suspended?: SuspendedScaling;
}

/**
 * Where a policy's alarms stand. For target tracking `high` is the scale-out alarm and `low` the scale-in alarm in ALARM;
 * for a step policy either means that its alarm is in ALARM.
 */
export type AlarmStanding = 'high' | 'low' | 'ok' | 'insufficient-data';

/** What is known about one policy's metric. */
export interface PolicySignal {
  /** The newest value; left out when the metric is missing. */
  readonly value?: number;
  /** The datapoints the alarm looked at, oldest first; a step policy aggregates them. Default: the value alone. */
  readonly datapoints?: readonly number[];
  /** The threshold of the alarm that a step policy answers. */
  readonly threshold?: number;
  /** The standing of the alarms. Left out, the value alone decides. */
  readonly alarm?: AlarmStanding;
}

/** What is seen of a fleet at one moment. */
export interface FleetObservation {
  readonly atSeconds: EpochSeconds;
  /** The capacity wanted now (instances or copies), not the one that has arrived. */
  readonly desiredCapacity: number;
  /** The capacity that serves now; left out, the wanted capacity is taken to have arrived at once. */
  readonly inServiceCapacity?: number;
  /** By policy name; a policy without a signal is taken as missing data. */
  readonly signals: { readonly [policyName: string]: PolicySignal };
  /** The policies whose alarms were evaluated now; the others only agree or disagree with a scale-in. Default all. */
  readonly triggered?: readonly string[];
  /** Limits from outside, such as the cost guard's. */
  readonly ceilings?: readonly Ceiling[];
}

/** A scale-out whose effect is still awaited. */
export interface CountedScaleOut {
  readonly policyName: string;
  readonly atSeconds: EpochSeconds;
  /** When the capacity had arrived; the cooldown runs from here. */
  readonly completedAtSeconds?: EpochSeconds;
  readonly from: number;
  readonly to: number;
  readonly cooldownSeconds: number;
}

/** A scale-in whose cooldown may still run. */
export interface CountedScaleIn {
  readonly policyName: string;
  readonly atSeconds: EpochSeconds;
  readonly from: number;
  readonly to: number;
  readonly cooldownSeconds: number;
}

/** The limits in force, once a scheduled action has changed them. */
export interface CapacityLimits {
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** What one decision leaves for the next. */
export interface ScalingMemory {
  /** Scale-outs in progress or in cooldown, oldest first. */
  readonly scaleOuts: readonly CountedScaleOut[];
  readonly scaleIn?: CountedScaleIn;
  /** Limits set by scheduled actions; they replace the plan's. */
  readonly limits?: CapacityLimits;
  /** Scheduled actions up to this moment have been applied. */
  readonly schedulesSeenUntil?: EpochSeconds;
}

/** The memory before the first decision. */
export const EMPTY_MEMORY: ScalingMemory = { scaleOuts: [] };

/** What was done, in one word. */
export type ScalingOutcome = 'scale-out' | 'scale-in' | 'hold';

/** Why a wanted change was not made, in the words of `DescribeScalingActivities`. */
export type NotScaledCode =
  | 'AutoScalingAnticipatedFlapping'
  | 'TargetServicePutResourceAsUnscalable'
  | 'AlreadyAtMaxCapacity'
  | 'AlreadyAtMinCapacity'
  | 'AlreadyAtDesiredCapacity';

/** One reason for not scaling. */
export interface NotScaledReason {
  readonly code: NotScaledCode;
  readonly currentCapacity: number;
  readonly maxCapacity?: number;
  readonly minCapacity?: number;
}

/** A decision for a fleet. */
export interface FleetDecision extends Decision {
  readonly outcome: ScalingOutcome;
  /** The policy or scheduled action that won; left out when nothing changed or a limit alone did it. */
  readonly decidedBy?: string;
  /** The limits in force after this decision. */
  readonly limits: CapacityLimits;
  /** Set when the policies wanted more than the limits allow. */
  readonly limitedBy?: 'max' | 'min' | 'ceiling';
  readonly notScaledReasons: readonly NotScaledReason[];
}

/** A decision and what to remember of it. */
export interface Decided {
  readonly decision: FleetDecision;
  readonly memory: ScalingMemory;
}
