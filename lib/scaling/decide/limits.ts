import { IN_WORDS, type Ceiling, type Step, type Wording } from '../../core/decision';

/** Capacity limits of a fleet. */
export interface CapacityLimits {
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** Limits of a scalable target as the service describes them. A target that is not registered has none. */
export type TargetLimits = ({ readonly kind: 'in-force' } & CapacityLimits) | { readonly kind: 'not-registered' };

/** Observation of a scalable target's limits. */
export type LimitsSeen = TargetLimits | { readonly kind: 'unreadable' };

/** Capacity within its limits, and the limit that applied. */
export interface Limited {
  readonly capacity: number;
  readonly limitedBy?: 'max' | 'min' | 'ceiling';
  readonly step: Step;
}

const NO_CEILINGS: readonly Ceiling[] = [];

/** Keeps a capacity between minimum and maximum and under every ceiling. The lowest ceiling takes precedence over the minimum. */
export function applyLimits(
  wanted: number,
  limits: CapacityLimits,
  ceilings: readonly Ceiling[] = NO_CEILINGS,
  words: Wording = IN_WORDS,
): Limited {
  const { minCapacity, maxCapacity } = limits;
  let ceiling: Ceiling | undefined;
  for (const next of ceilings) if (ceiling === undefined || next.maxCapacity < ceiling.maxCapacity) ceiling = next;
  const to = (capacity: number, limitedBy: Limited['limitedBy'], reason: () => string): Limited => {
    const step = { stage: 'limits', from: wanted, to: capacity, reason: words(reason) };
    return limitedBy === undefined ? { capacity, step } : { capacity, limitedBy, step };
  };

  const effectiveMax = Math.max(minCapacity, maxCapacity);
  if (ceiling !== undefined && ceiling.maxCapacity < Math.min(Math.max(wanted, minCapacity), effectiveMax)) {
    const below = ceiling.maxCapacity < minCapacity ? `, although the minimum is ${minCapacity}` : '';
    const capacity = Math.max(0, ceiling.maxCapacity);
    return to(
      capacity,
      'ceiling',
      () => `${ceiling.source} allows at most ${ceiling.maxCapacity}${below}: ${ceiling.reason}`,
    );
  }
  if (wanted > maxCapacity) return to(maxCapacity, 'max', () => `${wanted} is above the maximum ${maxCapacity}`);
  if (wanted < minCapacity) return to(minCapacity, 'min', () => `${wanted} is below the minimum ${minCapacity}`);
  return to(wanted, undefined, () => `${wanted} lies between minimum ${minCapacity} and maximum ${maxCapacity}`);
}
