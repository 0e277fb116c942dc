/** Search for the cheapest number of instances in each minute. */
export interface ScheduleSearch {
  readonly minutes: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Seconds for which an instance is billed before it serves. */
  readonly provisioningSeconds: number;
  /** Seconds for which an instance is billed after its release. */
  readonly drainSeconds: number;
  /** Misses by minute and number of instances: `misses[minute * (maxInstances + 1) + instances]`. */
  readonly misses: Float32Array;
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

/**
 * Returns the schedule with the minimum of cost + price × misses, exactly, by dynamic programming over minutes and instances: each start
 * costs provisioning, each release costs draining; the instances of the first minute are in service from the start.
 */
export function cheapestAtPrice(search: ScheduleSearch, price: number): PricedSchedule {
  const { minutes, minInstances: lowest, maxInstances: highest, provisioningSeconds, drainSeconds, misses } = search;
  const width = highest + 1;
  let best = new Float64Array(width);
  let next = new Float64Array(width);
  const came = new Int16Array(minutes * width);
  const fromBelow = new Float64Array(width);
  const fromBelowAt = new Int16Array(width);
  for (let minute = 0; minute < minutes; minute++) {
    const row = minute * width;
    if (minute === 0) {
      for (let n = lowest; n <= highest; n++) {
        next[n] = 60 * n + price * misses[row + n];
        came[row + n] = n;
      }
    } else {
      const start = startCost(minute, provisioningSeconds);
      let value = Infinity;
      let at = lowest;
      for (let n = lowest; n <= highest; n++) {
        value += start;
        if (best[n] <= value) {
          value = best[n];
          at = n;
        }
        fromBelow[n] = value;
        fromBelowAt[n] = at;
      }
      value = Infinity;
      at = highest;
      for (let n = highest; n >= lowest; n--) {
        value += drainSeconds;
        if (best[n] < value) {
          value = best[n];
          at = n;
        }
        const above = value < fromBelow[n];
        next[n] = (above ? value : fromBelow[n]) + 60 * n + price * misses[row + n];
        came[row + n] = above ? at : fromBelowAt[n];
      }
    }
    [best, next] = [next, best];
  }
  let n = lowest;
  for (let other = lowest; other <= highest; other++) if (best[other] < best[n]) n = other;
  const instances = new Int16Array(minutes);
  let missed = 0;
  const total = best[n];
  for (let minute = minutes - 1; minute >= 0; minute--) {
    instances[minute] = n;
    missed += misses[minute * width + n];
    n = came[minute * width + n];
  }
  return { instances, cost: total - price * missed, misses: missed };
}
