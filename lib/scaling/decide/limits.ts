import type { Ceiling, Step } from '../../core/decision';
import type { CapacityLimits } from './plan';

/** A capacity within its limits, and which of them took hold. */
export interface Limited {
  readonly capacity: number;
  readonly limitedBy?: 'max' | 'min' | 'ceiling';
  readonly step: Step;
}

/**
 * Keeps a capacity between minimum and maximum and under every ceiling. The lowest ceiling goes before the minimum: whoever sets
 * one means the whole fleet.
 */
export function applyLimits(wanted: number, limits: CapacityLimits, ceilings: readonly Ceiling[] = []): Limited {
  const { minCapacity, maxCapacity } = limits;
  const ceiling = ceilings.reduce<Ceiling | undefined>(
    (lowest, next) => (lowest === undefined || next.maxCapacity < lowest.maxCapacity ? next : lowest),
    undefined,
  );
  const to = (capacity: number, limitedBy: Limited['limitedBy'], reason: string): Limited => ({
    capacity,
    ...(limitedBy !== undefined && { limitedBy }),
    step: { stage: 'limits', from: wanted, to: capacity, reason },
  });

  const most = Math.max(minCapacity, maxCapacity);
  if (ceiling !== undefined && ceiling.maxCapacity < Math.min(Math.max(wanted, minCapacity), most)) {
    const below = ceiling.maxCapacity < minCapacity ? `, although the minimum is ${minCapacity}` : '';
    const capacity = Math.max(0, ceiling.maxCapacity);
    return to(
      capacity,
      'ceiling',
      `${ceiling.source} allows at most ${ceiling.maxCapacity}${below}: ${ceiling.reason}`,
    );
  }
  if (wanted > maxCapacity) return to(maxCapacity, 'max', `${wanted} is above the maximum ${maxCapacity}`);
  if (wanted < minCapacity) return to(minCapacity, 'min', `${wanted} is below the minimum ${minCapacity}`);
  return to(wanted, undefined, `${wanted} lies between minimum ${minCapacity} and maximum ${maxCapacity}`);
}
