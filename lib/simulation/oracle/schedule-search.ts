/** A search for the cheapest number of instances in each minute. */
export interface ScheduleSearch {
  readonly minutes: number;
  /** The fewest and the most instances that are tried. */
  readonly least: number;
  readonly most: number;
  /** Seconds an instance is paid for before it serves. */
  readonly provisioningSeconds: number;
  /** Seconds a released instance is still paid for. */
  readonly drainSeconds: number;
  /** Misses in a minute with so many instances: `misses[minute * (most + 1) + instances]`. */
  readonly misses: Float32Array;
}

/** A schedule that is cheapest at a price of misses. */
export interface PricedSchedule {
  /** Instances in service in each minute. */
  readonly instances: Int16Array;
  /** Paid instance-seconds. */
  readonly cost: number;
  /** The search's own misses. */
  readonly misses: number;
}

/** What starting an instance at the beginning of a minute costs: a window is charged only from its beginning. */
export function startCost(minute: number, provisioningSeconds: number): number {
  return Math.min(provisioningSeconds, minute * 60);
}

/**
 * The schedule with the least cost + price × misses, exactly, by dynamic programming over minutes and instances: each start pays
 * provisioning, each release its draining; the first minute's instances are there already.
 */
export function cheapestAtPrice(search: ScheduleSearch, price: number): PricedSchedule {
  const { minutes, least, most, provisioningSeconds, drainSeconds, misses } = search;
  const width = most + 1;
  let best = new Float64Array(width);
  let next = new Float64Array(width);
  const came = new Int16Array(minutes * width);
  const fromBelow = new Float64Array(width);
  const fromBelowAt = new Int16Array(width);
  for (let minute = 0; minute < minutes; minute++) {
    const row = minute * width;
    if (minute === 0) {
      for (let n = least; n <= most; n++) {
        next[n] = 60 * n + price * misses[row + n];
        came[row + n] = n;
      }
    } else {
      const start = startCost(minute, provisioningSeconds);
      let value = Infinity;
      let at = least;
      for (let n = least; n <= most; n++) {
        value += start;
        if (best[n] <= value) {
          value = best[n];
          at = n;
        }
        fromBelow[n] = value;
        fromBelowAt[n] = at;
      }
      value = Infinity;
      at = most;
      for (let n = most; n >= least; n--) {
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
  let n = least;
  for (let other = least; other <= most; other++) if (best[other] < best[n]) n = other;
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
