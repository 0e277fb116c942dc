import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { FleetScaling } from '../scaling/fleet-scaling';

/** A fleet for the guard to meter and to limit. */
export interface GuardedFleetProps {
  /** Scaling of the fleet. The guard lowers its limits, and restores them when the level falls. */
  readonly scaling: FleetScaling;

  /**
   * Minimum number of instances that the guard leaves the fleet. Its cost until the end of the period is reserved, and the budget has to
   * cover it. Equal to the scaling's maxCapacity: the fleet is metered and never limited, and its maximum is reserved.
   *
   * @default - the scaling's minCapacity
   */
  readonly protectedFloor?: number;
}

/** Properties of a fleet that somebody else registered with Application Auto Scaling. */
export interface ProtectedFleetProps {
  /**
   * Minimum number of instances that the guard leaves the fleet. Its cost until the end of the period is reserved, and the budget has to
   * cover it.
   */
  readonly protectedFloor: number;
}

/** Treatment of running training jobs when the guard freezes growth. No new job may start then in either case. */
export enum RunningTrainingJobs {
  /**
   * They finish. The rest of their maximum runtime is reserved, and a job that could cost more than is free is stopped when it starts.
   */
  FINISH = 'FINISH',

  /**
   * They are stopped, with 120 seconds to write a checkpoint. Nothing is reserved for them.
   *
   * @see https://docs.aws.amazon.com/sagemaker/latest/dg/API_StopTrainingJob.html
   */
  STOP = 'STOP',
}

/** Training jobs for the guard to meter, and to stop. */
export interface GuardedTrainingProps {
  /** Prefix of the names of the jobs. */
  readonly jobNamePrefix: string;

  /** Every instance type that the jobs may use; each needs a price. */
  readonly instanceTypes: string[];

  /**
   * Treatment of running jobs when growth is frozen.
   *
   * @default RunningTrainingJobs.FINISH
   */
  readonly runningJobs?: RunningTrainingJobs;
}

/**
 * Thresholds of the guard's levels. Those that limit are percentages of the budget's free part: what the protected floors leave of it.
 */
export interface GuardThresholdsProps {
  /**
   * Spend at which a notification is sent, in percent of the budget.
   *
   * @default 80
   */
  readonly warnAtPercent?: number;

  /**
   * Committed part of the free budget at which fleets may no longer grow and no training job may start, in percent.
   *
   * @default 90
   */
  readonly freezeAtPercent?: number;

  /**
   * Committed part of the free budget at which fleets are held at their protected floor, in percent; at most 100, which keeps the period
   * within its budget.
   *
   * @default 100
   */
  readonly shrinkAtPercent?: number;

  /**
   * Hysteresis: a level is left when the percentage falls this many points below its threshold.
   *
   * @default 5
   */
  readonly releasePercent?: number;
}

/** Properties of {@link CostGuard}. */
export interface CostGuardProps {
  /**
   * Name of the guard in its metrics and notifications.
   *
   * @default - the construct's path
   */
  readonly guardName?: string;

  /**
   * Budget of a calendar month (UTC), in USD; above the cost of the protected floors. Later changes go into the budget parameter, without
   * a deployment.
   */
  readonly budgetUsd: number;

  /**
   * Fleets to meter and to limit; those that somebody else registered are given to `protect`.
   *
   * @default - none
   */
  readonly fleets?: GuardedFleetProps[];

  /**
   * Training jobs to meter, and to stop from `freeze-growth` on.
   *
   * @default - none
   */
  readonly training?: GuardedTrainingProps;

  /**
   * Prices in USD per instance-hour, by instance type.
   *
   * @default - priceFile, then the dated price table of the package, for the region
   */
  readonly pricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * Prices of training in USD per instance-hour, by instance type.
   *
   * @default - pricesPerHourUsd, then priceFile, then the dated price table of the package, for the region
   */
  readonly trainingPricesPerHourUsd?: { [instanceType: string]: number };

  /**
   * Path of a price file, which `tidegate prices update` writes; its prices of the region replace the dated table of the package.
   *
   * @default - the dated price table of the package
   */
  readonly priceFile?: string;

  /**
   * Region of the prices.
   *
   * @default - the region of the stack, which then has to be known at synthesis
   */
  readonly pricingRegion?: string;

  /**
   * Thresholds of the levels.
   *
   * @default - 80, 90 and 100 percent, released 5 points lower
   */
  readonly thresholds?: GuardThresholdsProps;

  /**
   * Time constant of the forecast's rate: after this time it includes 63 percent of a change.
   *
   * @default Duration.hours(1)
   */
  readonly forecastSmoothing?: Duration;

  /**
   * Meters, decides, records and notifies without setting limits or stopping jobs.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * Topic of the notifications.
   *
   * @default - a new encrypted topic that accepts TLS only
   */
  readonly topic?: sns.ITopic;

  /**
   * Removal policy of the table of records, the key and the topic.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Properties of {@link CostGuard.meterExecutions}. */
export interface MeteredExecutionsProps {
  /** Most that an execution costs, USD an hour: `maxUsdPerHour` of a `SparkPipeline`. */
  readonly maxUsdPerHour: number;

  /** Longest time for which one execution costs something, all attempts together: `maxRuntime` of a `SparkPipeline`. */
  readonly maxRuntime: Duration;
}
