import type { EpochSeconds } from '../../core/time';
import { decideGuardLevel } from '../../cost/decide/guard-level';
import { levelRank, type GuardLevel } from '../../cost/decide/levels';
import type { CapacityBounds, FleetSeen, GuardAction, GuardMemory } from '../../cost/decide/plan';
import type { BlueprintGuard } from '../template';

/** The rate at which the guard's handler is invoked. */
export const GUARD_PERIOD_SECONDS = 60;

/** What the guard sees of the rehearsed fleet. */
export interface GuardedFleetState {
  readonly byType: { readonly [instanceType: string]: number };
  readonly inService: number;
  readonly desired: number;
  readonly limits: CapacityBounds;
}

/** A look of the guard that changed something. */
export interface GuardLook {
  readonly level: GuardLevel;
  readonly changes: readonly { readonly level: GuardLevel; readonly reason: string }[];
  /** New limits for the rehearsed fleet. */
  readonly action?: GuardAction;
}

/** The cost guard beside one rehearsed fleet; other fleets of the same budget are taken to stay at their minimum. */
export class GuardWatch {
  public highest: GuardLevel = 'ok';
  public level: GuardLevel = 'ok';
  private memory: GuardMemory | undefined;

  public constructor(
    private readonly guard: BlueprintGuard,
    private readonly resourceId: string,
  ) {}

  /** True while the guard limits the fleet. */
  public get holds(): boolean {
    return this.memory?.fleets[this.resourceId]?.appliedBounds != null && !this.guard.dryRun;
  }

  /** One look, as the handler takes every minute. */
  public look(atSeconds: EpochSeconds, state: GuardedFleetState): GuardLook {
    const { plan, budget, dryRun } = this.guard;
    const fleets = plan.fleets.map(({ resourceId, minCapacity, maxCapacity }): FleetSeen => {
      if (resourceId !== this.resourceId) {
        const capacity = { currentByType: {}, currentCapacity: minCapacity, desiredCapacity: minCapacity };
        return { resourceId, capacity, bounds: { minCapacity, maxCapacity } };
      }
      return {
        resourceId,
        capacity: { currentByType: state.byType, currentCapacity: state.inService, desiredCapacity: state.desired },
        bounds: state.limits,
      };
    });
    const { decision, memory } = decideGuardLevel(plan, { atSeconds, budget, fleets, trainingJobs: [] }, this.memory);
    this.memory = memory;
    this.level = decision.level;
    if (levelRank(decision.level) > levelRank(this.highest)) this.highest = decision.level;
    const action = dryRun ? undefined : decision.actions.find(({ resourceId }) => resourceId === this.resourceId);
    return { level: decision.level, changes: decision.levelChanges, ...(action !== undefined && { action }) };
  }
}
