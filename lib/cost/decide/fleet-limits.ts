import type { GuardLevel } from './levels';
import type { CapacityBounds, FleetMemory, FleetSeen, GuardAction, GuardedFleet, GuardStep } from './plan';

/** What a level means for one fleet. */
export interface FleetLimits {
  readonly memory: FleetMemory;
  /** What must be done; undefined when the fleet is as it should be. */
  readonly action: GuardAction | undefined;
  readonly step: GuardStep;
}

/**
 * The limits of one fleet at a level, as absolute bounds of its scalable target.
 *
 * A bound that someone else has set tighter stays; one that was loosened while the guard holds (a deployment, a
 * scheduled action) is tightened again; and when the guard lets go, what the deployment declared comes back.
 */
export function fleetLimits(
  fleet: GuardedFleet,
  level: GuardLevel,
  seen: FleetSeen | undefined,
  memory: FleetMemory,
): FleetLimits {
  const stage = `limit:${fleet.resourceId}`;
  if (level === 'ok' || level === 'warn') return released(fleet, level, memory, stage);
  const frozenCapacity = memory.frozenCapacity ?? memory.desiredCapacity;
  if (fleet.protectedFloor >= fleet.maxCapacity)
    return {
      memory: { ...memory, frozenCapacity },
      action: undefined,
      step: { stage, reason: `protected at its maximum of ${fleet.maxCapacity}: the guard never limits it` },
    };
  const ceiling = level === 'shrink' ? fleet.protectedFloor : freezeCeiling(fleet, frozenCapacity);
  if (ceiling === null)
    return {
      memory,
      action: undefined,
      step: { stage, reason: 'never seen, so there is no capacity to freeze at: the limits stay as they are' },
    };
  return limited(fleet, level, ceiling, seen?.bounds ?? null, { ...memory, frozenCapacity }, stage);
}

/** Growth is frozen at the capacity the fleet had, but never below its floor. */
function freezeCeiling(fleet: GuardedFleet, frozenCapacity: number | null): number | null {
  if (frozenCapacity === null) return null;
  return Math.min(fleet.maxCapacity, Math.max(frozenCapacity, fleet.protectedFloor));
}

function limited(
  fleet: GuardedFleet,
  level: GuardLevel,
  ceiling: number,
  observed: CapacityBounds | null,
  memory: FleetMemory,
  stage: string,
): FleetLimits {
  const applied = memory.appliedBounds;
  const believed = observed ?? applied ?? fleet;
  const must =
    believed.maxCapacity > ceiling ||
    believed.minCapacity > ceiling ||
    (applied !== null && applied.maxCapacity !== ceiling);
  if (!must)
    return {
      memory,
      action: undefined,
      step: { stage, reason: `${level} asks for at most ${ceiling}; the maximum is ${believed.maxCapacity} already` },
    };
  // A minimum that the guard lowered comes back as far as the ceiling allows; any other minimum is kept.
  const wantedMinimum = applied === null ? believed.minCapacity : Math.max(believed.minCapacity, fleet.minCapacity);
  const bounds = { minCapacity: Math.min(wantedMinimum, ceiling), maxCapacity: ceiling };
  const why = level === 'shrink' ? 'its protected floor' : `what it had when growth was frozen, its floor at least`;
  return {
    memory: { ...memory, appliedBounds: bounds },
    action: { resourceId: fleet.resourceId, ...bounds },
    step: {
      stage,
      reason: `${level}: minimum ${believed.minCapacity} -> ${bounds.minCapacity}, maximum ${believed.maxCapacity} -> ${ceiling}, ${why}`,
    },
  };
}

function released(fleet: GuardedFleet, level: GuardLevel, memory: FleetMemory, stage: string): FleetLimits {
  const { minCapacity, maxCapacity } = fleet;
  if (memory.appliedBounds === null)
    return {
      memory: { ...memory, frozenCapacity: null },
      action: undefined,
      step: { stage, reason: `${level} limits nothing` },
    };
  return {
    memory: { ...memory, frozenCapacity: null, appliedBounds: null },
    action: { resourceId: fleet.resourceId, minCapacity, maxCapacity },
    step: {
      stage,
      reason: `${level}: the declared limits ${minCapacity} to ${maxCapacity} come back (maximum was ${memory.appliedBounds.maxCapacity})`,
    },
  };
}
