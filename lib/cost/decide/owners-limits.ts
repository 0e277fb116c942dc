import { isEmpty } from '../../core/lookup';
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
  /**
   * Resource ids whose owner's limits were not read in this evaluation: setting any would overwrite unknown limits, which could not be
   * restored, so the guard changes none until they can be read.
   */
  readonly unread: ReadonlySet<string>;
}

/**
 * Completes the limits of fleets that somebody else registered. Limits in force that the guard did not set are their owner's: those the guard
 * restores, and above them it never goes.
 */
export function withOwnersLimits(plan: StatedPlan, seen: GuardSeen, memory: GuardMemory | undefined): KnownPlan {
  if (areAllStated(plan) && (memory === undefined || departedOfOwners(plan, memory).length === 0))
    return { plan, ownersLimits: NO_LIMITS, unread: NOTHING_UNREAD };
  const ownersLimits: { [resourceId: string]: CapacityLimits } = {};
  const unread = new Set<string>();
  const limitsOf = (resourceId: string): LimitsSeen =>
    seen.fleets.find((one) => one.resourceId === resourceId)?.limits ?? { kind: 'unreadable' };
  const fleets = plan.fleets.map((fleet): GuardedFleet => {
    const { resourceId, protectedFloor, minCapacity, maxCapacity } = fleet;
    if (minCapacity !== null && maxCapacity !== null) return { ...fleet, minCapacity, maxCapacity };
    const limits = limitsOf(resourceId);
    const held = memory?.holds[resourceId];
    const known = ownersLimitsOf(limits, held, memory?.ownersLimits[resourceId] ?? held?.declared);
    if (known === undefined || limits.kind === 'unreadable') unread.add(resourceId);
    if (known !== undefined) ownersLimits[resourceId] = known;
    return { ...fleet, ...(known ?? { minCapacity: protectedFloor, maxCapacity: protectedFloor }) };
  });
  for (const resourceId of memory === undefined ? [] : departedOfOwners(plan, memory)) {
    ownersLimits[resourceId] = memory!.ownersLimits[resourceId]!;
    if (limitsOf(resourceId).kind === 'unreadable') unread.add(resourceId);
  }
  return { plan: { ...plan, fleets }, ownersLimits, unread };
}

const NO_LIMITS: OwnersLimits = {};
const NOTHING_UNREAD: ReadonlySet<string> = new Set();

function areAllStated(plan: StatedPlan): plan is StatedPlan & GuardPlan {
  for (const { minCapacity, maxCapacity } of plan.fleets)
    if (minCapacity === null || maxCapacity === null) return false;
  return true;
}

/** Resource ids of fleets of other owners that have left the plan while the guard holds their limits. */
function departedOfOwners(plan: StatedPlan, { ownersLimits, holds }: GuardMemory): readonly string[] {
  if (isEmpty(ownersLimits)) return [];
  return Object.keys(ownersLimits).filter(
    (resourceId) => holds[resourceId] !== undefined && !plan.fleets.some((fleet) => fleet.resourceId === resourceId),
  );
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
