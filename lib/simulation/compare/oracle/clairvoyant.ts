import { improveSchedule, type QueueFlow } from './schedule-improvement';
import { cheapestAtPrice, type ScheduleSearch } from './schedule-search';

/** Traffic, fleet and objective of a clairvoyant schedule. */
export interface ClairvoyantOptions {
  /** Arrivals in each second of the window. */
  readonly arrivals: Float64Array;
  /** Requests in slots at each second if none ever waited, with the spread of service times; one value more than arrivals. */
  readonly occupancy: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly sloWaitSeconds: number;
  /** Objective: ratio of requests on time. */
  readonly sloRatio: number;
  readonly provisioningSeconds: number;
  readonly drainSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** Ratio of requests on time with a schedule of instances per minute, by the fleet model that evaluates every policy. */
  readonly onTimeRatio: (instances: Int16Array) => number;
}

/**
 * Returns the cheapest schedule found on a one-minute grid that meets the objective, with all traffic known.
 *
 * Dynamic programming at a price of misses treats minutes independently; a local search then moves intervals of the schedule up and down
 * with queues carried from minute to minute. Bisection finds the price at which the evaluated schedule just meets the objective. A second
 * search, over the ratio of each minute's busiest second that has slots, competes with it.
 */
export function clairvoyantSchedule(options: ClairvoyantOptions): Int16Array {
  const { arrivals, occupancy, slotsPerInstance: slots, minCapacity } = options;
  const minutes = Math.floor(arrivals.length / 60);
  let peak = 0;
  for (const present of occupancy) peak = Math.max(peak, present);
  const maxInstances = Math.min(options.maxCapacity, Math.max(minCapacity, Math.ceil((peak / slots) * 1.15) + 1));
  const search = {
    minutes,
    minInstances: minCapacity,
    maxInstances,
    provisioningSeconds: options.provisioningSeconds,
    drainSeconds: options.drainSeconds,
    misses: minuteMisses(options, minutes, maxInstances),
  };
  const flow: QueueFlow = { ...options, minutes, maxInstances };
  let low = Math.log(0.01);
  let high = Math.log(100);
  let best: { instances: Int16Array; cost: number } | undefined;
  for (let round = 0; round < 12; round++) {
    const middle = (low + high) / 2;
    const price = Math.exp(middle);
    const { instances } = cheapestAtPrice(search, price);
    const cost = improveSchedule(instances, flow, price);
    if (options.onTimeRatio(instances) >= options.sloRatio) {
      if (best === undefined || cost < best.cost) best = { instances, cost };
      high = middle;
    } else low = middle;
  }
  const covering = cheapestCovering(options, search);
  if (covering !== undefined && (best === undefined || covering.cost < best.cost)) best = covering;
  // If even the largest fleet misses the objective, it is the best schedule.
  return best?.instances ?? new Int16Array(minutes).fill(maxInstances);
}

const COVERING_ROUNDS = 10;
/** Smallest ratio of the busiest second's requests that a schedule may cover. */
const MIN_COVERED_RATIO = 0.25;

/**
 * Returns the cheapest schedule that meets the objective and always has slots for the same ratio of each minute's busiest second; undefined
 * if none does. The ratio is found by evaluation alone, so that it is right where the queue model of the price search is not: for service
 * times of about a second and below.
 */
function cheapestCovering(
  { occupancy, slotsPerInstance, sloRatio, onTimeRatio }: ClairvoyantOptions,
  search: ScheduleSearch,
): { readonly instances: Int16Array; readonly cost: number } | undefined {
  const { minutes, maxInstances } = search;
  const width = maxInstances + 1;
  let low = MIN_COVERED_RATIO;
  let high = 1;
  let best: { readonly instances: Int16Array; readonly cost: number } | undefined;
  for (let round = 0; round < COVERING_ROUNDS; round++) {
    // All of it first: if that misses the objective, less does too.
    const ratio = round === 0 ? 1 : (low + high) / 2;
    const misses = new Float32Array(minutes * width);
    for (let minute = 0; minute < minutes; minute++) {
      let peak = 0;
      for (let second = minute * 60; second <= minute * 60 + 60; second++) peak = Math.max(peak, occupancy[second]);
      const needed = Math.min(maxInstances, Math.ceil((ratio * peak) / slotsPerInstance));
      misses.fill(1, minute * width, minute * width + needed);
    }
    const { instances, cost } = cheapestAtPrice({ ...search, misses }, UNCOVERED_PRICE);
    if (onTimeRatio(instances) >= sloRatio) {
      best = { instances, cost };
      high = ratio;
    } else if (round === 0) return undefined;
    else low = ratio;
  }
  return best;
}

/** Price of a minute with too few slots, above that of any fleet. */
const UNCOVERED_PRICE = 1e9;

/**
 * Misses of each minute by itself with each number of instances. Requests end at the rate of a fleet without waits while slots suffice, and at
 * the mean rate of busy slots otherwise; requests that wait too long at the end of a minute count as its misses.
 */
function minuteMisses(options: ClairvoyantOptions, minutes: number, maxInstances: number): Float32Array {
  const { arrivals, occupancy, slotsPerInstance, serviceMeanSeconds, sloWaitSeconds } = options;
  const width = maxInstances + 1;
  const misses = new Float32Array(minutes * width);
  for (let minute = 0; minute < minutes; minute++) {
    const begin = minute * 60;
    let peak = 0;
    for (let second = begin; second <= begin + 60; second++) peak = Math.max(peak, occupancy[second]);
    for (let n = 0; n <= maxInstances; n++) {
      const slots = Math.max(0.5, n * slotsPerInstance);
      if (slots >= peak) break;
      const full = slots / serviceMeanSeconds;
      const waitLimit = full * sloWaitSeconds;
      let present = occupancy[begin];
      let missed = 0;
      for (let second = begin; second < begin + 60; second++) {
        const arrived = arrivals[second];
        const before = occupancy[second];
        const undisturbed = arrived - (occupancy[second + 1] - before);
        const ended = present > slots ? full : before > 0 ? (undisturbed * present) / before : 0;
        present = Math.max(0, present + arrived - ended);
        if (present - slots > waitLimit) missed += arrived;
      }
      misses[minute * width + n] = missed + Math.max(0, present - slots - waitLimit);
    }
  }
  return misses;
}
