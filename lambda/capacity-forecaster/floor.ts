import type { ForecastDecision, ForecastSettings } from '../../lib/scaling/decide/forecast';
import type { ScalingLimits } from '../clients/scaling-target';

/** The minimum to have in force, and why. */
export interface Floor {
  readonly minCapacity: number;
  readonly reason: string;
}

/**
 * The minimum that a decision means under the limits in force.
 *
 * It never exceeds the maximum. While the maximum is below the declared one, somebody limits the fleet on purpose (the cost
 * guard): the forecast then asks for nothing and the declared minimum comes back, as far as the maximum allows. The same when
 * the naive forecast is better.
 */
export function floorOf(
  { capacity, mode }: Pick<ForecastDecision, 'capacity' | 'mode'>,
  declared: Pick<ForecastSettings, 'minCapacity' | 'maxCapacity'>,
  { maxCapacity }: Pick<ScalingLimits, 'maxCapacity'>,
): Floor {
  const lowest = Math.min(declared.minCapacity, maxCapacity);
  if (maxCapacity < declared.maxCapacity)
    return {
      minCapacity: lowest,
      reason: `the maximum is held at ${maxCapacity}, below the declared ${declared.maxCapacity}: the forecast asks for nothing`,
    };
  if (mode === 'reactive')
    return { minCapacity: lowest, reason: 'the naive forecast is better: the policies scale alone' };
  return {
    minCapacity: Math.min(maxCapacity, Math.max(lowest, capacity)),
    reason: `the forecast asks for ${capacity}`,
  };
}
