import type { EpochSeconds } from '../../core/time';
import type { CapacityLimits } from '../../scaling/decide/limits';
import type { Budget } from './budget-period';
import type { HeldLimits } from './held-limits';
import type { GuardLevel } from './levels';
import type { FleetMemory, FleetSeen, HourlyPrices, TrainingJobSeen, TrainingMemory } from './meter';
import type { SpendHistory } from './spend-history';

/** A guarded fleet, with the limits that its owner declared; the guard restores them when it releases the fleet. */
export interface GuardedFleet extends CapacityLimits {
  /** Resource id of the scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  /** For example `sagemaker:variant:DesiredInstanceCount`. */
  readonly scalableDimension: string;
  /**
   * Minimum number of instances that the guard leaves the fleet; the budget has to cover it. Equal to `maxCapacity`: the fleet is never
   * limited, and its maximum is reserved.
   */
  readonly protectedFloor: number;
  /** USD per instance-hour of every instance type the fleet may use. */
  readonly pricesPerHourUsd: HourlyPrices;
}

/** A guarded fleet as the deployment of the guard states it. Null limits are those of whoever registered the fleet. */
export interface StatedFleet extends Omit<GuardedFleet, keyof CapacityLimits> {
  readonly minCapacity: number | null;
  readonly maxCapacity: number | null;
}

/** Thresholds of the levels. */
export interface GuardThresholds {
  /** In percent of the budget spent. */
  readonly warnAtPercent: number;
  /** In percent of the budget's free part, which is what the protected floors leave of it. */
  readonly freezeAtPercent: number;
  /** In percent of the budget's free part; 100 is the whole budget. */
  readonly shrinkAtPercent: number;
  /** A level is left when the percentage falls this many points below its threshold. */
  readonly releasePercent: number;
}

/** 80, 90 and 100 %, released 5 points lower. */
export const DEFAULT_THRESHOLDS: GuardThresholds = {
  warnAtPercent: 80,
  freezeAtPercent: 90,
  shrinkAtPercent: 100,
  releasePercent: 5,
};

/** Default time constant of the forecast's rate: one hour. */
export const DEFAULT_FORECAST_SMOOTHING_SECONDS = 3600;

/** Treatment of running training jobs when growth is frozen. */
export const RUNNING_JOBS = ['FINISH', 'STOP'] as const;
export type RunningJobs = (typeof RUNNING_JOBS)[number];

/** Fleets to meter and to limit, with prices and thresholds. */
export interface GuardPlan {
  readonly fleets: readonly GuardedFleet[];
  /** `FINISH` reserves the rest of their maximum runtime; `STOP` stops them. */
  readonly runningJobs: RunningJobs;
  /** USD per instance-hour for training, by instance type. */
  readonly trainingPricesPerHourUsd: HourlyPrices;
  readonly thresholds: GuardThresholds;
  readonly forecastSmoothingSeconds: number;
  /** True if the guard limits and stops nothing, and only tells what it would do. */
  readonly dryRun: boolean;
}

/** A plan as the deployment of the guard states it. */
export interface StatedPlan extends Omit<GuardPlan, 'fleets'> {
  readonly fleets: readonly StatedFleet[];
}

/** Observations at one moment. */
export interface GuardSeen {
  readonly atSeconds: EpochSeconds;
  /** Null when the budget could not be read, or is refused: the last one stays in force. */
  readonly budget: Budget | null;
  /** Why the budget is refused; null when it is not. */
  readonly budgetRefusal: string | null;
  /** Fleets of the plan, and those that have left it while the guard held limits of theirs. */
  readonly fleets: readonly FleetSeen[];
  /** Jobs that run, or have ended since the last evaluation; null when they could not be listed. */
  readonly trainingJobs: readonly TrainingJobSeen[] | null;
  /** Kinds of jobs that could not be listed. */
  readonly unreadJobs?: readonly ('training' | 'executions')[];
}

/** State that one evaluation leaves for the next. */
export interface GuardMemory {
  readonly atSeconds: EpochSeconds;
  /** Budget in force. */
  readonly budget: Budget;
  readonly level: GuardLevel;
  /** First evaluation: spend before it is not known. */
  readonly meteredSince: EpochSeconds;
  /** Spend of the fleets and of training jobs that have ended. */
  readonly spend: SpendHistory;
  readonly smoothedRateUsdPerHour: number;
  readonly fleets: { readonly [resourceId: string]: FleetMemory };
  readonly training: TrainingMemory;
  /** Limits that are, or may be, in force by the guard: of the fleets of the plan, and of those that have left it. */
  readonly holds: { readonly [resourceId: string]: HeldLimits };
  /** Limits that their owners set last, of fleets whose limits the plan does not state. */
  readonly ownersLimits: { readonly [resourceId: string]: CapacityLimits };
  /** Limits that a dry run would have set. */
  readonly rehearsedHolds: { readonly [resourceId: string]: HeldLimits };
  /** Notices in force, which people have been sent already. */
  readonly notices: readonly string[];
}

/** One stage of a decision, with the reason and its numbers. */
export interface GuardStep {
  readonly stage: string;
  readonly reason: string;
}
