import { improveSchedule, type QueueFlow } from './schedule-improvement';
import { cheapestAtPrice } from './schedule-search';

/** What the clairvoyant knows. */
export interface ClairvoyantOptions {
  /** Arrivals in each second of the window. */
  readonly arrivals: Float64Array;
  /** Requests in slots at each second if nobody ever waited, scatter of service times included; one more than arrivals. */
  readonly occupancy: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly sloWaitSeconds: number;
  readonly sloShare: number;
  readonly provisioningSeconds: number;
  readonly drainSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** The share on time of a schedule of minutes, played in the engine that judges everyone. */
  readonly play: (instances: Int16Array) => number;
}

/**
 * The cheapest schedule found on a one-minute grid that starts the share of requests asked for in time, knowing all traffic. Dynamic
 * programming at a price of misses takes minutes one by one; a local search then moves stretches of it up and down with queues
 * carried from minute to minute; the price is found by halving until the played schedule just meets the objective.
 */
export function clairvoyantSchedule(options: ClairvoyantOptions): Int16Array {
  const { arrivals, occupancy, slotsPerInstance: slots, minCapacity } = options;
  const minutes = Math.floor(arrivals.length / 60);
  let peak = 0;
  for (const present of occupancy) peak = Math.max(peak, present);
  const most = Math.min(options.maxCapacity, Math.max(minCapacity, Math.ceil((peak / slots) * 1.15) + 1));
  const search = {
    minutes,
    least: minCapacity,
    most,
    provisioningSeconds: options.provisioningSeconds,
    drainSeconds: options.drainSeconds,
    misses: minuteMisses(options, minutes, most),
  };
  const flow: QueueFlow = { ...options, minutes, most };
  let low = Math.log(0.01);
  let high = Math.log(100);
  let best: { instances: Int16Array; cost: number } | undefined;
  for (let round = 0; round < 12; round++) {
    const middle = (low + high) / 2;
    const price = Math.exp(middle);
    const { instances } = cheapestAtPrice(search, price);
    const cost = improveSchedule(instances, flow, price);
    if (options.play(instances) >= options.sloShare) {
      if (best === undefined || cost < best.cost) best = { instances, cost };
      high = middle;
    } else low = middle;
  }
  // No price is high enough where even the greatest fleet misses too much; it is the best there is.
  return best?.instances ?? new Int16Array(minutes).fill(most);
}

/**
 * Misses of each minute by itself with each number of instances. The fleet ends requests at the rate of the undisturbed one while slots suffice, and at the
 * mean rate of busy slots when they do not; whoever must wait too long at the minute's end is charged to the minute.
 */
function minuteMisses(options: ClairvoyantOptions, minutes: number, most: number): Float32Array {
  const { arrivals, occupancy, slotsPerInstance, serviceMeanSeconds, sloWaitSeconds } = options;
  const width = most + 1;
  const misses = new Float32Array(minutes * width);
  for (let minute = 0; minute < minutes; minute++) {
    const begin = minute * 60;
    let peak = 0;
    for (let second = begin; second <= begin + 60; second++) peak = Math.max(peak, occupancy[second]);
    for (let n = 0; n <= most; n++) {
      const slots = Math.max(0.5, n * slotsPerInstance);
      if (slots >= peak) break;
      const full = slots / serviceMeanSeconds;
      const bearable = full * sloWaitSeconds;
      let present = occupancy[begin];
      let missed = 0;
      for (let second = begin; second < begin + 60; second++) {
        const come = arrivals[second];
        const before = occupancy[second];
        const undisturbed = come - (occupancy[second + 1] - before);
        const ended = present > slots ? full : before > 0 ? (undisturbed * present) / before : 0;
        present = Math.max(0, present + come - ended);
        if (present - slots > bearable) missed += come;
      }
      misses[minute * width + n] = missed + Math.max(0, present - slots - bearable);
    }
  }
  return misses;
}
