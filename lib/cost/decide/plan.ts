import type { EpochSeconds } from '../../core/time';
import type { Budget } from './budget-period';
import type { GuardLevel } from './levels';
import type { FleetCapacity, HourlyPrices, TrainingJobSeen } from './meter';

/** A fleet under guard, as it was deployed. */
export interface GuardedFleet {
  /** The resource of the scalable target, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  /** The limits the deployment declared; they come back when the guard lets go. */
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** The guard never asks for fewer instances than this. Equal to `maxCapacity`: the fleet is never limited. */
  readonly protectedFloor: number;
  /** USD per instance-hour of every instance type the fleet may use. */
  readonly pricesPerHourUsd: HourlyPrices;
}

/** Where the levels begin, in percent of the budget spent. */
export interface GuardThresholds {
  readonly warnAtPercent: number;
  readonly freezeAtPercent: number;
  readonly shrinkAtPercent: number;
  /** A level is left when the percentage falls this many points below where it begins. */
  readonly releasePercent: number;
}

/** 80, 90 and 100 %, released 5 points lower. */
export const DEFAULT_THRESHOLDS: GuardThresholds = {
  warnAtPercent: 80,
  freezeAtPercent: 90,
  shrinkAtPercent: 100,
  releasePercent: 5,
};

/** The time constant of the forecast's rate when none is given, in seconds: one hour. */
export const DEFAULT_FORECAST_SMOOTHING_SECONDS = 3600;

/** What the guard watches and what it may do. */
export interface GuardPlan {
  readonly fleets: readonly GuardedFleet[];
  /** USD per instance-hour for training, by instance type. */
  readonly trainingPricesPerHourUsd: HourlyPrices;
  readonly thresholds: GuardThresholds;
  readonly forecastSmoothingSeconds: number;
}

/** The limits of a scalable target. */
export interface CapacityBounds {
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** What the guard saw of one fleet; null where it could not look. */
export interface FleetSeen {
  readonly resourceId: string;
  readonly capacity: FleetCapacity | null;
  readonly bounds: CapacityBounds | null;
}

/** What the guard saw at one moment. */
export interface GuardSeen {
  readonly atSeconds: EpochSeconds;
  /** Null when the budget could not be read: the last known one stays in force. */
  readonly budget: Budget | null;
  readonly fleets: readonly FleetSeen[];
  /** Jobs that run, or have ended since the last look; null when they could not be listed. */
  readonly trainingJobs: readonly TrainingJobSeen[] | null;
}

/** What is remembered of one fleet. */
export interface FleetMemory {
  /** The hourly rate at the last look, in USD. */
  readonly rateUsdPerHour: number;
  /** The wanted capacity when last seen; null before it was ever seen. */
  readonly desiredCapacity: number | null;
  /** The capacity at which growth was frozen; null while growth is free. */
  readonly frozenCapacity: number | null;
  /** The limits the guard holds the fleet to; null while it holds none. */
  readonly appliedBounds: CapacityBounds | null;
}

/** What is remembered of training jobs. */
export interface TrainingMemory {
  /** What jobs that have ended cost in the period, in USD. */
  readonly settledUsd: number;
  /** What unfinished jobs cost in the period so far, with their hourly rate, by job name. */
  readonly open: { readonly [jobName: string]: { readonly usd: number; readonly rateUsdPerHour: number } };
  /** Jobs already settled, by name, with the time: a job is never charged twice. */
  readonly settledAt: { readonly [jobName: string]: EpochSeconds };
}

/** What the guard carries from one look to the next. */
export interface GuardMemory {
  readonly atSeconds: EpochSeconds;
  readonly budget: Budget;
  readonly periodStartSeconds: EpochSeconds;
  readonly level: GuardLevel;
  /** What the fleets have cost in the period, in USD. */
  readonly fleetUsd: number;
  readonly smoothedRateUsdPerHour: number;
  readonly fleets: { readonly [resourceId: string]: FleetMemory };
  readonly training: TrainingMemory;
}

/** An effect on one fleet: absolute limits, so that doing it twice is doing it once. */
export interface GuardAction extends CapacityBounds {
  readonly resourceId: string;
}

/** One stage of a decision, with the reason and its numbers. */
export interface GuardStep {
  readonly stage: string;
  readonly reason: string;
}

/** A change of level. */
export interface LevelChange {
  readonly previousLevel: GuardLevel;
  readonly level: GuardLevel;
  readonly reason: string;
}

/** What the guard decided at one moment. */
export interface GuardDecision {
  readonly level: GuardLevel;
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly usedPercent: number;
  readonly burnRateUsdPerHour: number;
  readonly forecastUsd: number;
  /** One entry for every level entered, in order; empty when the level stays. */
  readonly levelChanges: readonly LevelChange[];
  /** What must be done now; empty when every fleet is as it should be. */
  readonly actions: readonly GuardAction[];
  readonly steps: readonly GuardStep[];
  /** What could not be seen or priced; a person has to look. */
  readonly problems: readonly string[];
}

/** A decision with what to remember of it. */
export interface GuardOutcome {
  readonly decision: GuardDecision;
  readonly memory: GuardMemory;
}
