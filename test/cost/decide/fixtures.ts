import {
  DEFAULT_THRESHOLDS,
  type FleetSeen,
  type GuardedFleet,
  type GuardPlan,
  type GuardSeen,
} from '../../../lib/cost/decide';

/** 2026-11-01T00:00:00Z, the first second of a month of 30 days. */
export const NOVEMBER = 1_793_491_200;
export const RESOURCE = 'endpoint/chat/variant/main';

export const fleet: GuardedFleet = {
  resourceId: RESOURCE,
  minCapacity: 2,
  maxCapacity: 8,
  protectedFloor: 1,
  pricesPerHourUsd: { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 },
};

export const plan: GuardPlan = {
  fleets: [fleet],
  trainingPricesPerHourUsd: { 'ml.g5.xlarge': 2 },
  thresholds: DEFAULT_THRESHOLDS,
  forecastSmoothingSeconds: 3600,
};

/** A fleet of ml.g5.xlarge with as many instances as it wants. */
export function fleetSeen(count: number, overrides: Partial<FleetSeen> = {}): FleetSeen {
  return {
    resourceId: RESOURCE,
    capacity: { currentByType: { 'ml.g5.xlarge': count }, currentCapacity: count, desiredCapacity: count },
    bounds: { minCapacity: fleet.minCapacity, maxCapacity: fleet.maxCapacity },
    ...overrides,
  };
}

export function seenAt(seconds: number, overrides: Partial<GuardSeen> = {}): GuardSeen {
  return {
    atSeconds: NOVEMBER + seconds,
    budget: { amountUsd: 100, periodStart: NOVEMBER, periodEnd: NOVEMBER + 10 * 3600 },
    fleets: [fleetSeen(4)],
    trainingJobs: [],
    ...overrides,
  };
}
