import type { LimitsSeen } from '../../scaling/decide/limits';
import { believedLimits, claimLimits, ownsMaximum, ownsMinimum, rememberHeld, type HeldLimits } from './held-limits';
import type { GuardLevel } from './levels';
import type { LimitsOutcome } from './limits-outcome';
import type { FleetMemory } from './meter';
import type { GuardedFleet } from './plan';
import { restoreLimits } from './restore-limits';

/** Decision for one fleet at a level, with the state to keep of it. */
export interface FleetOutcome extends LimitsOutcome {
  readonly memory: FleetMemory;
}

/**
 * Decides the limits of one fleet at a level, as absolute limits of its scalable target.
 *
 * A tighter limit set by someone else stays. A limit that was loosened while the guard holds the fleet (by a deployment or a
 * scheduled action) is tightened again. On release the declared limits are restored. A target that is not registered stays so: to
 * deregister it is the first step of changing an endpoint's instance types
 * (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html).
 */
export function decideFleetLimits(
  fleet: GuardedFleet,
  level: GuardLevel,
  limits: LimitsSeen,
  memory: FleetMemory,
  heldBefore: HeldLimits | undefined,
): FleetOutcome {
  const { resourceId, scalableDimension, minCapacity, maxCapacity, protectedFloor } = fleet;
  const target = { scalableDimension, declared: { minCapacity, maxCapacity } };
  const held = heldBefore === undefined ? undefined : { ...heldBefore, ...target };
  if (level === 'ok' || level === 'warn')
    return withMemory(restoreLimits(resourceId, held, limits, level), thawed(memory));
  const frozenCapacity = memory.frozenCapacity ?? memory.desiredCapacity;
  const frozen = { ...memory, frozenCapacity };
  if (protectedFloor >= maxCapacity) {
    const why = `protected at its maximum of ${maxCapacity}, the guard never limits it`;
    return withMemory(restoreLimits(resourceId, held, limits, why), frozen);
  }
  const stage = `limit:${resourceId}`;
  const maximum = level === 'shrink' ? protectedFloor : frozenMaximum(fleet, frozenCapacity);
  if (maximum === null)
    return {
      memory,
      held,
      action: undefined,
      step: { stage, reason: 'never observed, so there is no capacity to freeze at: the limits stay as they are' },
    };
  if (limits.kind === 'not-registered')
    return {
      memory: frozen,
      held: rememberHeld(held, limits, false),
      action: undefined,
      step: { stage, reason: `${level}: the scalable target is not registered: nothing to limit` },
    };

  const believed = believedLimits(limits, held, target.declared);
  const own = ownsMaximum(held, believed.maxCapacity);
  const mustChange =
    believed.maxCapacity > maximum ||
    believed.minCapacity > maximum ||
    (own && (believed.maxCapacity !== maximum || held?.status !== 'set'));
  if (!mustChange)
    return {
      memory: frozen,
      held: rememberHeld(held, limits, own),
      action: undefined,
      step: { stage, reason: `${level} allows at most ${maximum}; the maximum is ${believed.maxCapacity} already` },
    };
  // A minimum that the guard lowered is raised again as far as the new maximum allows; any other minimum is kept.
  const wantedMinimum = ownsMinimum(held, believed.minCapacity)
    ? Math.max(believed.minCapacity, minCapacity)
    : believed.minCapacity;
  const wanted = { minCapacity: Math.min(wantedMinimum, maximum), maxCapacity: maximum };
  const why = level === 'shrink' ? 'its protected floor' : 'its capacity when growth was frozen, at least its floor';
  return {
    memory: frozen,
    held: claimLimits(rememberHeld(held, limits, false), target, wanted),
    action: { resourceId, ...wanted },
    before: believed,
    step: {
      stage,
      reason: `${level}: minimum ${believed.minCapacity} -> ${wanted.minCapacity}, maximum ${believed.maxCapacity} -> ${maximum}, ${why}`,
    },
  };
}

function withMemory({ held, action, before, step }: LimitsOutcome, memory: FleetMemory): FleetOutcome {
  return before === undefined ? { held, action, step, memory } : { held, action, before, step, memory };
}

/** Memory of a fleet that may grow. */
function thawed(memory: FleetMemory): FleetMemory {
  return memory.frozenCapacity === null ? memory : { ...memory, frozenCapacity: null };
}

/** Growth is frozen at the capacity the fleet had, but never below its floor. */
function frozenMaximum(fleet: GuardedFleet, frozenCapacity: number | null): number | null {
  if (frozenCapacity === null) return null;
  return Math.min(fleet.maxCapacity, Math.max(frozenCapacity, fleet.protectedFloor));
}
