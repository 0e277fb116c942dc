import type { Duration, TimeZone } from 'aws-cdk-lib';
import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IScalableFleet } from './scalable-fleet';
import type { ServerSignal } from './server-signal';

/** The brakes of a scalable target. */
export interface SuspendedScalingProps {
  /**
   * Policies remove no capacity.
   *
   * @default false
   */
  readonly scaleIn?: boolean;

  /**
   * Policies add no capacity.
   *
   * @default false
   */
  readonly scaleOut?: boolean;

  /**
   * Scheduled actions change no limits.
   *
   * @default false
   */
  readonly scheduled?: boolean;
}

/** Properties of FleetScaling. */
export interface FleetScalingProps {
  /** The fleet whose replica count is scaled. */
  readonly fleet: IScalableFleet;

  /** The fewest instances, at any time; at least the lowest the fleet accepts. */
  readonly minCapacity: number;

  /** The most instances, at any time. */
  readonly maxCapacity: number;

  /**
   * Brakes, for example while an incident is looked into.
   *
   * @default - nothing is suspended
   */
  readonly suspended?: SuspendedScalingProps;
}

/** What target-tracking policies have in common. */
export interface TargetTrackingProps {
  /**
   * After a scale-in, how long no other one is made; a scale-out ends it.
   *
   * @default Duration.minutes(5)
   */
  readonly scaleInCooldown?: Duration;

  /**
   * After a scale-out, how long only a larger one is made.
   *
   * @default Duration.minutes(1)
   */
  readonly scaleOutCooldown?: Duration;

  /**
   * The policy only adds capacity.
   *
   * @default false
   */
  readonly disableScaleIn?: boolean;

  /**
   * The policy's name, unique within the fleet.
   *
   * @default - the kind of the policy, for example `concurrency`
   */
  readonly policyName?: string;
}

/** A policy that keeps the concurrent requests of an instance at a value. */
export interface ConcurrencyScalingProps extends TargetTrackingProps {
  /**
   * Concurrent requests, in flight and queued, to hold on each instance.
   *
   * @default - the fleet's maxConcurrencyPerInstance x safetyFactor
   */
  readonly targetPerInstance?: number;

  /**
   * The share of an instance's tested concurrency to hold, above 0 and at most 1; what is left absorbs traffic while new instances
   * start. Not together with targetPerInstance.
   *
   * @default 0.7
   */
  readonly safetyFactor?: number;

  /**
   * Follow the metric every 10 seconds instead of every minute: scale-out reacts within 30 seconds instead of 3 minutes, scale-in
   * stays as slow.
   *
   * @default true
   */
  readonly highResolution?: boolean;
}

/** A policy that keeps the invocations of an instance in a minute at a value. */
export interface InvocationsScalingProps extends TargetTrackingProps {
  /**
   * Invocations a minute to hold on each instance.
   *
   * @default - maxRequestsPerSecond x safetyFactor x 60
   */
  readonly targetPerInstancePerMinute?: number;

  /**
   * Requests a second that one instance answered in a load test.
   *
   * @default - targetPerInstancePerMinute is given instead
   */
  readonly maxRequestsPerSecond?: number;

  /**
   * The share of the tested rate to hold, above 0 and at most 1. AWS advises to begin with 0.5 ("Load testing your auto scaling
   * configuration", SageMaker developer guide).
   *
   * @default 0.5
   */
  readonly safetyFactor?: number;
}

/** A policy that keeps the queue of an instance at a length. */
export interface BacklogScalingProps extends TargetTrackingProps {
  /**
   * Requests in the queue, waiting or being worked on, to hold for each instance. With what an instance works on at once nothing waits;
   * with more the fleet is smaller and requests wait.
   *
   * @default - the fleet's maxConcurrencyPerInstance
   */
  readonly targetPerInstance?: number;
}

/** How a fleet without any replica is woken. */
export interface ScaleToZeroProps {
  /**
   * The replicas that are made at once.
   *
   * @default 1
   */
  readonly wakeTo?: number;

  /**
   * How long to let the wake take effect before another step, which would add to it.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;
}

/** A policy that keeps a share of the provisioned concurrency in use. */
export interface ProvisionedConcurrencyScalingProps extends TargetTrackingProps {
  /**
   * The share of the provisioned concurrency to hold in use, above 0 and at most 1.
   *
   * @default 0.7
   */
  readonly targetUtilization?: number;
}

/** A policy that keeps a metric of your choice at a value. */
export interface MetricScalingProps extends TargetTrackingProps {
  /**
   * The metric: it must fall as capacity grows. Metric math works; `FILL(m1, REPEAT)` keeps a metric with gaps from holding the fleet.
   * Application Auto Scaling reads it every minute.
   */
  readonly metric: cloudwatch.IMetric;

  /** The value to hold, in the metric's unit, above 0. */
  readonly targetValue: number;
}

/** A policy that answers a number that the model server publishes itself. */
export interface ServerSignalScalingProps {
  /** The number, for example `ServerSignal.kvCacheUse()`: its average over the replicas. */
  readonly signal: ServerSignal;

  /** Above this value, in the unit of the signal, replicas are added. */
  readonly addAbove: number;

  /**
   * Below this value replicas are removed.
   *
   * @default - none are; let another policy do it
   */
  readonly removeBelow?: number;

  /**
   * Replicas that are added or removed at once. The alarm tells that the value is past the threshold, not by how much.
   *
   * @default 1
   */
  readonly replicas?: number;

  /**
   * How long the value has to stay above before the first are added.
   *
   * @default Duration.minutes(1)
   */
  readonly addAfter?: Duration;

  /**
   * How long the value has to stay below before the first are removed.
   *
   * @default Duration.minutes(15)
   */
  readonly removeAfter?: Duration;

  /**
   * How often the value is looked at, 10 seconds to an hour.
   *
   * @default Duration.minutes(1)
   */
  readonly evaluationInterval?: Duration;

  /**
   * How long to let a change take effect before the next.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;
}

/** One step: an adjustment for a range of breaches. */
export interface ScalingStep {
  /**
   * The breach (metric minus threshold) from which the step applies.
   *
   * @default - minus infinity
   */
  readonly lowerBound?: number;

  /**
   * The breach up to which the step applies.
   *
   * @default - plus infinity
   */
  readonly upperBound?: number;

  /** Instances, percent, or the capacity itself, as the adjustment type says. */
  readonly change: number;
}

/** A policy that answers an alarm of its own by how far the metric is past the threshold. */
export interface StepScalingProps {
  /** The value at which the alarm goes off; bounds of the steps count from here. */
  readonly threshold: number;

  /** One to twenty steps without gaps or overlaps. */
  readonly steps: ScalingStep[];

  /**
   * The metric to watch, with the period the alarm shall have (10, 20, 30 or a multiple of 60 seconds).
   *
   * @default - the concurrent requests of the busiest instance
   */
  readonly metric?: cloudwatch.IMetric;

  /**
   * The period of the default metric; 10 seconds reacts fastest and costs a high-resolution alarm.
   *
   * @default Duration.minutes(1)
   */
  readonly period?: Duration;

  /**
   * How the metric is compared with the threshold.
   *
   * @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
   */
  readonly comparisonOperator?: cloudwatch.ComparisonOperator;

  /**
   * How many of the newest periods the alarm looks at.
   *
   * @default 3
   */
  readonly evaluationPeriods?: number;

  /**
   * How many of them must be past the threshold.
   *
   * @default - all of them
   */
  readonly datapointsToAlarm?: number;

  /**
   * What a missing datapoint counts as. With the default the alarm turns to INSUFFICIENT_DATA and nothing is scaled.
   *
   * @default TreatMissingData.MISSING
   */
  readonly treatMissingData?: cloudwatch.TreatMissingData;

  /**
   * What a step's change means.
   *
   * @default AdjustmentType.CHANGE_IN_CAPACITY
   */
  readonly adjustmentType?: appscaling.AdjustmentType;

  /**
   * How long to let a change take effect.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;

  /**
   * With percentages, the least number of instances to add or remove.
   *
   * @default - no least number
   */
  readonly minAdjustmentMagnitude?: number;

  /**
   * How the alarm's datapoints become the value the steps are chosen by.
   *
   * @default MetricAggregationType.AVERAGE
   */
  readonly metricAggregationType?: appscaling.MetricAggregationType;
}

/** A change of the limits at a time. */
export interface ScheduledScalingProps {
  /** When, for example `Schedule.cron({ hour: '8', minute: '0', weekDay: 'MON-FRI' })`. */
  readonly schedule: appscaling.Schedule;

  /**
   * The fewest instances from then on.
   *
   * @default - unchanged
   */
  readonly minCapacity?: number;

  /**
   * The most instances from then on.
   *
   * @default - unchanged
   */
  readonly maxCapacity?: number;

  /**
   * The time zone of the schedule.
   *
   * @default TimeZone.ETC_UTC
   */
  readonly timeZone?: TimeZone;
}
