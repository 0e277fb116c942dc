import {
  DEFAULT_THRESHOLDS,
  type FleetSeen,
  type GuardedFleet,
  type GuardPlan,
  type GuardSeen,
  type TrainingJobSeen,
} from '../../../lib/cost/decide';
import type { LimitsSeen } from '../../../lib/scaling/decide/limits';

/** 2026-11-01T00:00:00Z, the first second of a month of 30 days. */
export const NOVEMBER = 1_793_491_200;
export const RESOURCE = 'endpoint/chat/variant/main';

export const fleet: GuardedFleet = {
  resourceId: RESOURCE,
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  minCapacity: 2,
  maxCapacity: 8,
  protectedFloor: 1,
  pricesPerHourUsd: { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 },
};

export const plan: GuardPlan = {
  fleets: [fleet],
  runningJobs: 'FINISH',
  dryRun: false,
  trainingPricesPerHourUsd: { 'ml.g5.xlarge': 2 },
  thresholds: DEFAULT_THRESHOLDS,
  forecastSmoothingSeconds: 3600,
};

/** Limits as the service describes them. */
export function inForce(minCapacity: number, maxCapacity: number): LimitsSeen {
  return { kind: 'in-force', minCapacity, maxCapacity };
}

/** Job of one ml.g5.xlarge that has run since the start of November, for an hour at most. */
export const job: TrainingJobSeen = {
  name: 'train-1',
  instanceType: 'ml.g5.xlarge',
  instanceCount: 1,
  startedAt: NOVEMBER,
  endedAt: null,
  billableSeconds: null,
  maxRuntimeSeconds: 3600,
  isStopping: false,
};

/** Fleet of ml.g5.xlarge with all of its desired instances. */
export function fleetSeen(count: number, overrides: Partial<FleetSeen> = {}): FleetSeen {
  return {
    resourceId: RESOURCE,
    capacity: { currentByType: { 'ml.g5.xlarge': count }, currentCapacity: count, desiredCapacity: count },
    limits: inForce(fleet.minCapacity, fleet.maxCapacity),
    ...overrides,
  };
}

/** A period of ten hours, of which the floor of the fleet costs 15 USD; it begins a minute before the meter. */
export const BUDGET = { amountUsd: 100, periodStart: NOVEMBER - 60, periodEnd: NOVEMBER + 10 * 3600 };

export function seenAt(seconds: number, overrides: Partial<GuardSeen> = {}): GuardSeen {
  return {
    atSeconds: NOVEMBER + seconds,
    budget: BUDGET,
    budgetRefusal: null,
    fleets: [fleetSeen(4)],
    trainingJobs: [],
    ...overrides,
  };
}
