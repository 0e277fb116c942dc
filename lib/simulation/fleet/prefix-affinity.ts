import { mixHash } from '../random';
import type { FleetInstance } from './fleet-instance';

/**
 * The instance that requests with a prefix go to. Every instance draws a number from the prefix and itself, and the highest wins: each gets
 * its share of the prefixes, and a change of the fleet moves only those of the instances that come or go.
 *
 * @param prefix a 32-bit hash
 */
export function preferredInstance(serving: readonly FleetInstance[], prefix: number): FleetInstance | undefined {
  let best: FleetInstance | undefined;
  let highest = -1;
  for (const instance of serving) {
    const drawn = mixHash(prefix ^ mixHash(instance.serial));
    if (drawn <= highest) continue;
    highest = drawn;
    best = instance;
  }
  return best;
}
