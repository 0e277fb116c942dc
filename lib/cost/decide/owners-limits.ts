import type { CapacityLimits, LimitsSeen } from '../../scaling/decide/limits';
import { ownsMaximum, ownsMinimum, type HeldLimits } from './held-limits';
import type { GuardedFleet, GuardMemory, GuardPlan, GuardSeen, StatedFleet, StatedPlan } from './plan';

/** Limits of fleets whose deployment does not declare them, by resource id: those that their owner set last. */
export type OwnersLimits = GuardMemory['ownersLimits'];

/** A plan whose fleets all have limits. */
export interface KnownPlan {
  readonly plan: GuardPlan;
  /** To remember until the next evaluation. */
  readonly ownersLimits: OwnersLimits;
  /** Fleets whose limits were never read: nothing is known that could be restored, so the guard sets none. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Completes the limits of fleets that somebody else registered. Limits in force that the guard did not set are their owner's: those the guard
 * restores, and above them it never goes.
 */
export function withOwnersLimits(plan: StatedPlan, seen: GuardSeen, memory: GuardMemory | undefined): KnownPlan {
  const ownersLimits: { [resourceId: string]: CapacityLimits } = {};
  const unknown = new Set<string>();
  const fleets = plan.fleets.map((fleet): GuardedFleet => {
    const { resourceId, protectedFloor, minCapacity, maxCapacity } = fleet;
    if (minCapacity !== null && maxCapacity !== null) return { ...fleet, minCapacity, maxCapacity };
    const limits = seen.fleets.find((one) => one.resourceId === resourceId)?.limits ?? { kind: 'unreadable' };
    const held = memory?.holds[resourceId];
    const known = ownersLimitsOf(limits, held, memory?.ownersLimits[resourceId] ?? held?.declared);
    if (known === undefined) unknown.add(resourceId);
    else ownersLimits[resourceId] = known;
    return { ...fleet, ...(known ?? { minCapacity: protectedFloor, maxCapacity: protectedFloor }) };
  });
  return { plan: { ...plan, fleets }, ownersLimits, unknown };
}

function ownersLimitsOf(
  limits: LimitsSeen,
  held: HeldLimits | undefined,
  before: CapacityLimits | undefined,
): CapacityLimits | undefined {
  if (limits.kind !== 'in-force') return before;
  const { minCapacity, maxCapacity } = limits;
  const maximum = before !== undefined && ownsMaximum(held, maxCapacity) ? before.maxCapacity : maxCapacity;
  const minimum = before !== undefined && ownsMinimum(held, minCapacity) ? before.minCapacity : minCapacity;
  return { minCapacity: Math.min(minimum, maximum), maxCapacity: maximum };
}

/** Returns a sentence for every fleet that its owner has not registered: it is metered, and nothing limits it. */
export function unregisteredFleets(plan: StatedPlan, seen: GuardSeen): readonly string[] {
  return plan.fleets
    .filter(
      ({ resourceId, maxCapacity }: StatedFleet) =>
        maxCapacity === null &&
        seen.fleets.find((fleet) => fleet.resourceId === resourceId)?.limits.kind === 'not-registered',
    )
    .map(
      ({ resourceId }) =>
        `${resourceId} is metered, and nothing limits it: it is not registered with Application Auto Scaling; register it ` +
        `(aws application-autoscaling register-scalable-target), or leave it out of the guard`,
    );
}
