import type { ForecastDecision } from '../../lib/scaling/decide/forecast';
import type { CapacityLimits } from '../../lib/scaling/decide/limits';

/** Minimum to set, with the reason. */
export interface Floor {
  readonly minCapacity: number;
  readonly reason: string;
}

/**
 * Returns the minimum that follows from a decision under the limits in force.
 *
 * The minimum never exceeds the maximum. A maximum below the declared one is a limit set on purpose (by the cost guard): the forecast
 * is then ignored and the declared minimum restored, as far as the maximum allows. The same applies when the naive forecast is better.
 */
export function floorOf(
  { capacity, mode }: Pick<ForecastDecision, 'capacity' | 'mode'>,
  declared: CapacityLimits,
  { maxCapacity }: Pick<CapacityLimits, 'maxCapacity'>,
): Floor {
  const lowest = Math.min(declared.minCapacity, maxCapacity);
  if (maxCapacity < declared.maxCapacity)
    return {
      minCapacity: lowest,
      reason: `the maximum is held at ${maxCapacity}, below the declared ${declared.maxCapacity}: the forecast is ignored`,
    };
  if (mode === 'reactive')
    return { minCapacity: lowest, reason: 'the naive forecast is better: the policies scale alone' };
  return {
    minCapacity: Math.min(maxCapacity, Math.max(lowest, capacity)),
    reason: `the forecast asks for ${capacity}`,
  };
}

/** Time without a count, in minutes, for which the minimum of the last forecast is held. */
const MAX_HOLD_MINUTES = 30;

/**
 * Returns the minimum to set while no new minute was counted; undefined while the one in force is held.
 *
 * The last minimum is held for {@link MAX_HOLD_MINUTES}: a lost metric is no reason to give up capacity at once, and none to pay for it
 * without end. Then, and under a maximum below the declared one, the declared minimum applies.
 */
export function heldFloorOf(
  minutesWithoutCount: number,
  declared: CapacityLimits,
  limits: Pick<CapacityLimits, 'maxCapacity'>,
): Floor | undefined {
  if (limits.maxCapacity < declared.maxCapacity) return floorOf({ capacity: 0, mode: 'reactive' }, declared, limits);
  if (minutesWithoutCount < MAX_HOLD_MINUTES) return undefined;
  return {
    minCapacity: Math.min(declared.minCapacity, limits.maxCapacity),
    reason: `no requests were counted for ${minutesWithoutCount} minutes: the declared minimum applies`,
  };
}
