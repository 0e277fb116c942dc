import type { Duration, TimeZone } from 'aws-cdk-lib';
import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { IBacklogSource } from './backlog-source';
import type { IScalableFleet } from './scalable-fleet';
import type { ServerSignal } from './server-signal';

/** Scaling activity that a scalable target can suspend. */
export enum SuspendableActivity {
  /** Policies remove no capacity. */
  SCALE_IN = 'scale-in',

  /** Policies add no capacity. */
  SCALE_OUT = 'scale-out',

  /** Scheduled actions change no limits. */
  SCHEDULED = 'scheduled',
}

/** Properties of `autoScale`: the capacity limits of a fleet. */
export interface AutoScaleProps {
  /** Minimum number of replicas, at any time; at least the lowest that the fleet accepts. */
  readonly minCapacity: number;

  /** Maximum number of replicas, at any time. */
  readonly maxCapacity: number;

  /**
   * Scaling activities to suspend, for example during an incident.
   *
   * @default - none
   */
  readonly suspended?: SuspendableActivity[];

  /**
   * Halves the fleet every five minutes once no request has arrived for 20 minutes, down to the minimum, where a policy removes capacity by
   * a metric of requests. Target tracking does not scale in on missing data, and the fleet thereby shrinks at night whether or not SageMaker
   * publishes zeros without requests. Costs a step policy with an alarm of up to four metrics.
   *
   * @default true
   */
  readonly scaleInWithoutRequests?: boolean;
}

/** Properties of FleetScaling. */
export interface FleetScalingProps extends AutoScaleProps {
  /** Fleet to scale. */
  readonly fleet: IScalableFleet;
}

/** Common properties of scaling policies. */
export interface ScalingPolicyProps {
  /**
   * Name of the policy, unique within the fleet.
   *
   * @default - the id
   */
  readonly policyName?: string;
}

/** Common properties of target tracking policies. */
export interface TargetTrackingProps extends ScalingPolicyProps {
  /**
   * Time after a scale-in without another one; a scale-out ends it.
   *
   * @default Duration.minutes(5)
   */
  readonly scaleInCooldown?: Duration;

  /**
   * Time after a scale-out in which only a larger one is made.
   *
   * @default Duration.minutes(1)
   */
  readonly scaleOutCooldown?: Duration;

  /**
   * Lets the policy add capacity only.
   *
   * @default false
   */
  readonly disableScaleIn?: boolean;
}

/** Target tracking policy on the concurrent requests of an instance. */
export interface ConcurrencyScalingProps extends TargetTrackingProps {
  /**
   * Concurrent requests, in flight and queued, that each instance is kept at.
   *
   * @default - the fleet's maxConcurrencyPerInstance x targetRatio
   */
  readonly targetPerInstance?: number;

  /**
   * Target as a ratio of the concurrency that an instance was tested with, above 0 and at most 1; the rest absorbs traffic while new
   * instances start. Not together with targetPerInstance.
   *
   * @default 0.7
   */
  readonly targetRatio?: number;

  /**
   * Tracks the metric that is published every 10 seconds instead of every minute: scale-out reacts within 30 seconds instead of 3 minutes;
   * scale-in is not faster.
   *
   * @default true
   */
  readonly highResolution?: boolean;
}

/** Target tracking policy on the invocations of an instance per minute. */
export interface InvocationsScalingProps extends TargetTrackingProps {
  /**
   * Invocations per minute that each instance is kept at.
   *
   * @default - maxRequestsPerSecond x targetRatio x 60
   */
  readonly targetPerInstancePerMinute?: number;

  /**
   * Requests per second that one instance handled in a load test.
   *
   * @default - not used; targetPerInstancePerMinute is required
   */
  readonly maxRequestsPerSecond?: number;

  /**
   * Target as a ratio of the tested rate, above 0 and at most 1; AWS calls it the safety factor and advises to begin with 0.5 ("Load testing
   * your auto scaling configuration", SageMaker developer guide).
   *
   * @default 0.5
   */
  readonly targetRatio?: number;
}

/** Target tracking policy on the queue length per instance. */
export interface BacklogScalingProps extends TargetTrackingProps {
  /**
   * Requests in the queue, waiting and in progress, for each instance. At the number that an instance processes concurrently none waits; with a
   * higher target the fleet is smaller and requests wait.
   *
   * @default - the fleet's maxConcurrencyPerInstance
   */
  readonly targetPerInstance?: number;
}

/** Step scaling policy on the records that wait in a stream for the fleet. */
export interface StreamBacklogScalingProps extends ScalingPolicyProps {
  /** Ingestion that feeds the fleet, for example a `StreamIngestion`. */
  readonly source: IBacklogSource;

  /**
   * Records, in flight and waiting, that each instance may have: the fleet grows above it, to as many instances as bring the backlog to the
   * target. At the tested concurrency none waits. An acceptable wait of w seconds, at a service time of s seconds, is a backlog of tested
   * concurrency x (1 + w / s)
   * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-using-sqs-queue.html, "acceptable backlog per instance").
   *
   * @default - the fleet's maxConcurrencyPerInstance
   */
  readonly acceptablePerInstance?: number;

  /**
   * Target as a ratio of the acceptable backlog, above 0 and at most 1: the size of a step.
   *
   * @default 0.7
   */
  readonly targetRatio?: number;

  /**
   * Time that the backlog must stay above the acceptable one: a multiple of ten seconds, 10 seconds to 10 minutes.
   *
   * @default Duration.seconds(30)
   */
  readonly addAfter?: Duration;

  /**
   * Time between one change and the next: about that in which an instance starts.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;
}

/** Step scaling policy that scales a fleet from zero. */
export interface ScaleToZeroProps extends ScalingPolicyProps {
  /**
   * Replicas to start at once.
   *
   * @default 1
   */
  readonly replicas?: number;

  /**
   * Time for the new replicas to start before another step adds to them.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;
}

/** Target tracking policy on the utilization of provisioned concurrency. */
export interface ProvisionedConcurrencyScalingProps extends TargetTrackingProps {
  /**
   * Ratio of the provisioned concurrency that is kept in use, above 0 and at most 1.
   *
   * @default 0.7
   */
  readonly targetUtilizationRatio?: number;
}

/** Target tracking policy on a metric of your choice. */
export interface TrackMetricProps extends TargetTrackingProps {
  /**
   * Metric to track; it must fall as capacity grows. Metric math is allowed; `FILL(m1, REPEAT)` closes gaps, during which scaling would pause.
   * Application Auto Scaling evaluates it every minute.
   */
  readonly metric: cloudwatch.IMetric;

  /** Value that the metric is kept at, in its unit, above 0. */
  readonly targetValue: number;
}

/** Step scaling policy on a metric of the model server (PromQL). */
export interface ServerSignalScalingProps extends ScalingPolicyProps {
  /** Metric, averaged over the replicas, for example `ServerSignal.kvCacheUse()`. */
  readonly signal: ServerSignal;

  /** Value above which replicas are added, in the unit of the signal. */
  readonly addAbove: number;

  /**
   * Value below which replicas are removed.
   *
   * @default - none are removed; use another policy for scale-in
   */
  readonly removeBelow?: number;

  /**
   * Replicas to add or remove at once. A PromQL alarm passes no value, so the change does not depend on the size of the breach.
   *
   * @default 1
   */
  readonly replicas?: number;

  /**
   * Time that the value must stay above `addAbove` before replicas are added.
   *
   * @default Duration.minutes(1)
   */
  readonly addAfter?: Duration;

  /**
   * Time that the value must stay below `removeBelow` before replicas are removed.
   *
   * @default Duration.minutes(15)
   */
  readonly removeAfter?: Duration;

  /**
   * Interval between evaluations of the alarm, 10 seconds to an hour.
   *
   * @default Duration.minutes(1)
   */
  readonly evaluationInterval?: Duration;

  /**
   * Time between one change and the next.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;
}

/** Adjustment for a range of breaches. */
export interface ScalingStep {
  /**
   * Lower bound of the breach (metric minus threshold).
   *
   * @default - minus infinity
   */
  readonly lowerBound?: number;

  /**
   * Upper bound of the breach (metric minus threshold).
   *
   * @default - plus infinity
   */
  readonly upperBound?: number;

  /** Change in instances or in percent, or the new capacity, depending on the adjustment type. */
  readonly change: number;
}

/** Step scaling policy with its own alarm; the adjustment depends on the size of the breach. */
export interface StepScalingProps extends ScalingPolicyProps {
  /** Threshold of the alarm; bounds of the steps are relative to it. */
  readonly threshold: number;

  /** One to twenty steps without gaps or overlaps. */
  readonly steps: ScalingStep[];

  /**
   * Metric of the alarm, with the alarm's period (10, 20, 30 or a multiple of 60 seconds).
   *
   * @default - the concurrent requests of the busiest instance; of an asynchronous endpoint the backlog per instance
   */
  readonly metric?: cloudwatch.IMetric;

  /**
   * Period of the default metric; 10 seconds is the fastest and makes a high-resolution alarm.
   *
   * @default Duration.minutes(1)
   */
  readonly period?: Duration;

  /**
   * Comparison of the metric with the threshold.
   *
   * @default ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
   */
  readonly comparisonOperator?: cloudwatch.ComparisonOperator;

  /**
   * Number of recent periods that the alarm evaluates.
   *
   * @default 3
   */
  readonly evaluationPeriods?: number;

  /**
   * Number of these periods that must breach the threshold.
   *
   * @default - all of them
   */
  readonly datapointsToAlarm?: number;

  /**
   * Treatment of missing datapoints. With the default the alarm turns to INSUFFICIENT_DATA and does not scale.
   *
   * @default TreatMissingData.MISSING
   */
  readonly treatMissingData?: cloudwatch.TreatMissingData;

  /**
   * Meaning of a step's change.
   *
   * @default AdjustmentType.CHANGE_IN_CAPACITY
   */
  readonly adjustmentType?: appscaling.AdjustmentType;

  /**
   * Time between one change and the next.
   *
   * @default Duration.minutes(5)
   */
  readonly cooldown?: Duration;

  /**
   * Minimum number of instances to add or remove with a percentage.
   *
   * @default - no minimum
   */
  readonly minAdjustmentMagnitude?: number;

  /**
   * Aggregation of the alarm's datapoints to the value that selects the step.
   *
   * @default MetricAggregationType.AVERAGE
   */
  readonly metricAggregationType?: appscaling.MetricAggregationType;
}

/** Scheduled change of the limits. */
export interface ScheduledScalingProps {
  /**
   * Name of the scheduled action, unique within the fleet.
   *
   * @default - the id
   */
  readonly scheduledActionName?: string;

  /** Schedule, for example `Schedule.cron({ hour: '8', minute: '0', weekDay: 'MON-FRI' })`. */
  readonly schedule: appscaling.Schedule;

  /**
   * Minimum number of instances from then on.
   *
   * @default - unchanged
   */
  readonly minCapacity?: number;

  /**
   * Maximum number of instances from then on.
   *
   * @default - unchanged
   */
  readonly maxCapacity?: number;

  /**
   * Time zone of the schedule.
   *
   * @default TimeZone.ETC_UTC
   */
  readonly timeZone?: TimeZone;
}
