import { mixHash } from '../../random';
import type { FleetInstance } from './fleet-instance';

/**
 * Returns the instance of a prefix by rendezvous hashing: each instance has a weight, a hash of the prefix and the instance, and the highest
 * one wins. Prefixes spread evenly, and a change of the fleet moves only those of instances that come or go.
 *
 * @param prefix 32-bit hash
 */
export function rendezvousInstance(serving: readonly FleetInstance[], prefix: number): FleetInstance | undefined {
  let best: FleetInstance | undefined;
  let highest = -1;
  for (const instance of serving) {
    const weight = mixHash(prefix ^ mixHash(instance.serial));
    if (weight <= highest) continue;
    highest = weight;
    best = instance;
  }
  return best;
}
