import { FleetHistories, SETTLED, type HistoryLimits } from './fleet-history';

/** Billed time outside of service. */
export interface SchedulePrices {
  /** Seconds for which an instance is billed before it serves. */
  readonly provisioningSeconds: number;
  /** Seconds for which an instance is billed after its release. */
  readonly drainSeconds: number;
}

/** Search for the cheapest number of instances in each minute. */
export interface ScheduleSearch extends SchedulePrices {
  readonly minutes: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  /**
   * The same by instances released in the same minute before it, minute and number of instances that stay:
   * `drains[released][minute * (maxInstances + 1) + instances]`; the last one is that of all later ones. @default drainSeconds
   */
  readonly drains?: readonly Float32Array[];
  /** Past that decides about misses. */
  readonly history: HistoryLimits;
  /** Misses by state of the past, minute and number of instances: `misses[state][minute * (maxInstances + 1) + instances]`. */
  readonly misses: readonly Float32Array[];
}

/** Cheapest schedule at a price of misses. */
export interface PricedSchedule {
  /** Instances in service in each minute. */
  readonly instances: Int16Array;
  /** Billed instance-seconds. */
  readonly cost: number;
  /** Misses by the table of the search. */
  readonly misses: number;
}

/** Billed seconds of an instance before the minute from which it serves: time before the window is not billed. */
export function startCost(minute: number, provisioningSeconds: number): number {
  return Math.min(provisioningSeconds, minute * 60);
}

/** Billed instance-seconds of the minutes [from, to) of a schedule, with the start or release at the beginning of each. */
export function scheduleCost(
  instances: Int16Array,
  { provisioningSeconds, drainSeconds }: SchedulePrices,
  from = 0,
  to = instances.length,
): number {
  let cost = 0;
  for (let minute = from; minute < Math.min(to, instances.length); minute++) {
    cost += 60 * instances[minute];
    if (minute === 0) continue;
    const more = instances[minute] - instances[minute - 1];
    if (more > 0) cost += more * startCost(minute, provisioningSeconds);
    else cost -= more * drainSeconds;
  }
  return cost;
}

/**
 * Returns the schedule with the minimum of cost + price × misses, exactly, by dynamic programming over minutes, instances and the past of the
 * last minutes: each start costs provisioning, each release costs draining; the instances of the first minute are in service
 * from the start.
 */
export function cheapestAtPrice(search: ScheduleSearch, price: number): PricedSchedule {
  const { minutes, minInstances: lowest, maxInstances: highest, provisioningSeconds, misses, history, drains } = search;
  const width = highest + 1;
  const states = misses.length * width;
  const histories = new FleetHistories(history);
  const count = histories.all.length;
  // States a minute later, with an instance more, and with an instance less.
  const offset = (state: number): number => state * width;
  const older = histories.later().map(offset);
  const raised = histories.changed(-1).map(offset);
  const lowered = histories.changed(1).map(offset);
  const drainTables = drains && histories.all.map(([more = 0]) => drains[Math.min(more, drains.length - 1)]);
  let best = new Float64Array(states).fill(Infinity);
  let next = new Float64Array(states);
  const down = new Float64Array(states);
  const downFrom = new Int32Array(states);
  // State before: state of the past × width + instances.
  const came = new Int32Array(minutes * states);
  for (let n = lowest; n <= highest; n++) best[SETTLED + n] = 60 * n + price * misses[SETTLED][n];
  for (let minute = 1; minute < minutes; minute++) {
    const start = startCost(minute, provisioningSeconds);
    const row = minute * states;
    next.fill(Infinity);
    // As many as before.
    for (let state = 0; state < count; state++) {
      const to = older[state];
      for (let n = lowest; n <= highest; n++) {
        const value = best[state * width + n];
        if (value >= next[to + n]) continue;
        next[to + n] = value;
        came[row + to + n] = state * width + n;
      }
    }
    // Fewer, from those before: one less at a time.
    down.fill(Infinity);
    for (let n = highest - 1; n >= lowest; n--) {
      for (let state = 0; state < count; state++) {
        const at = state * width + n + 1;
        const to = lowered[state] + n;
        const drain = drainTables === undefined ? search.drainSeconds : drainTables[state][minute * width + n];
        const isDown = down[at] < next[at];
        const value = (isDown ? down[at] : next[at]) + drain;
        if (value >= down[to]) continue;
        down[to] = value;
        downFrom[to] = isDown ? downFrom[at] : came[row + at];
      }
    }
    // More: one more at a time.
    for (let n = lowest; n < highest; n++) {
      for (let state = 0; state < count; state++) {
        const at = state * width + n;
        const to = raised[state] + n + 1;
        const value = next[at] + start;
        if (value >= next[to]) continue;
        next[to] = value;
        came[row + to] = came[row + at];
      }
    }
    for (let state = 0; state < count; state++) {
      const table = misses[state];
      for (let n = lowest; n <= highest; n++) {
        const at = state * width + n;
        if (down[at] < next[at]) {
          next[at] = down[at];
          came[row + at] = downFrom[at];
        }
        next[at] += 60 * n + price * table[minute * width + n];
      }
    }
    [best, next] = [next, best];
  }
  let state = SETTLED + lowest;
  for (let other = 0; other < states; other++) if (best[other] < best[state]) state = other;
  const instances = new Int16Array(minutes);
  let missed = 0;
  const total = best[state];
  for (let minute = minutes - 1; minute >= 0; minute--) {
    const n = state % width;
    instances[minute] = n;
    missed += misses[Math.floor(state / width)][minute * width + n];
    state = came[minute * states + state];
  }
  return { instances, cost: total - price * missed, misses: missed };
}
