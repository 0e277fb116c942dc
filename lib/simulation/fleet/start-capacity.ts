import type { CapacityLimits } from '../../scaling/decide';

/** Seconds of traffic from which the start capacity is derived. */
export const START_SECONDS = 300;

/** Returns the capacity that serves a load at a target per instance, within the limits: what a scaling policy would have reached. */
export function startCapacity(
  load: number,
  targetPerInstance: number,
  { minCapacity, maxCapacity }: CapacityLimits,
): number {
  return Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(load / targetPerInstance)));
}
