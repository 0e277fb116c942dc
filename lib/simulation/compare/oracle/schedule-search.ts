/** Search for the cheapest number of instances in each minute. */
export interface ScheduleSearch {
  readonly minutes: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  /** Seconds for which an instance is billed before it serves. */
  readonly provisioningSeconds: number;
  /** Seconds for which an instance is billed after its release. */
  readonly drainSeconds: number;
  /**
   * Misses by minute and number of instances, `misses[age][minute * (maxInstances + 1) + instances]`: for minutes that begin with a release,
   * for those one minute after the last release, and so on; the last table is that of all later ones. One table is that of all minutes.
   */
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
  { provisioningSeconds, drainSeconds }: Pick<ScheduleSearch, 'provisioningSeconds' | 'drainSeconds'>,
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
 * Returns the schedule with the minimum of cost + price × misses, exactly, by dynamic programming over minutes, instances and the minutes
 * since the last release: each start costs provisioning, each release costs draining; the instances of the first minute are in service
 * from the start.
 */
export function cheapestAtPrice(search: ScheduleSearch, price: number): PricedSchedule {
  const { minutes, minInstances: lowest, maxInstances: highest, provisioningSeconds, drainSeconds, misses } = search;
  const width = highest + 1;
  const oldest = misses.length - 1;
  const states = misses.length * width;
  let best = new Float64Array(states).fill(Infinity);
  let next = new Float64Array(states);
  // State before: age × width + instances.
  const came = new Int32Array(minutes * states);
  for (let n = lowest; n <= highest; n++) best[oldest * width + n] = 60 * n + price * misses[oldest][n];
  for (let minute = 1; minute < minutes; minute++) {
    const start = startCost(minute, provisioningSeconds);
    const row = minute * states;
    next.fill(Infinity);
    for (let age = 0; age <= oldest; age++) {
      const before = age * width;
      // As many as before, or more.
      const after = Math.min(oldest, age + 1) * width;
      let value = Infinity;
      let at = before + lowest;
      for (let n = lowest; n <= highest; n++) {
        value += start;
        if (best[before + n] <= value) {
          value = best[before + n];
          at = before + n;
        }
        if (value < next[after + n]) {
          next[after + n] = value;
          came[row + after + n] = at;
        }
      }
      // Fewer.
      value = Infinity;
      at = before + highest;
      for (let n = highest - 1; n >= lowest; n--) {
        value += drainSeconds;
        if (best[before + n + 1] + drainSeconds < value) {
          value = best[before + n + 1] + drainSeconds;
          at = before + n + 1;
        }
        if (value < next[n]) {
          next[n] = value;
          came[row + n] = at;
        }
      }
    }
    for (let age = 0; age <= oldest; age++) {
      for (let n = lowest; n <= highest; n++) {
        next[age * width + n] += 60 * n + price * misses[age][minute * width + n];
      }
    }
    [best, next] = [next, best];
  }
  let state = oldest * width + lowest;
  for (let other = 0; other < states; other++) if (best[other] < best[state] && other % width >= lowest) state = other;
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
