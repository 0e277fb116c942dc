/** Traffic and fleet without single requests. */
export interface FluidOptions {
  /** Arrivals in each second of the window. */
  readonly arrivals: Float64Array;
  /** Requests in slots at each second if none ever waited, with the spread of service times; one value more than arrivals. */
  readonly occupancy: Float64Array;
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly sloWaitSeconds: number;
}

/**
 * Misses of each minute by itself with each number of instances. Requests end at the rate of a fleet without waits while slots suffice, and at
 * the mean rate of busy slots otherwise; requests that wait too long at the end of a minute count as its misses.
 *
 * @param share share of those in slots when a minute begins that are in its instances
 */
export function fluidMisses(
  options: FluidOptions,
  minutes: number,
  maxInstances: number,
  share: (instances: number) => number = () => 1,
): Float32Array {
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
      let present = occupancy[begin] * (n === 0 ? 1 : share(n));
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
