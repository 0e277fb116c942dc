import { WITHOUT_WORDS } from '../../core/decision';
import type { EpochSeconds } from '../../core/time';
import type { GuardAction } from '../../cost/decide/limits-outcome';
import { decideGuardLevel } from '../../cost/decide/guard-level';
import { levelRank, type GuardLevel } from '../../cost/decide/levels';
import type { FleetSeen } from '../../cost/decide/meter';
import type { GuardMemory, StatedFleet } from '../../cost/decide/plan';
import type { CapacityLimits } from '../../scaling/decide/limits';
import type { BlueprintGuard } from '../blueprint';

/** Interval at which the guard's handler is invoked. */
export const GUARD_PERIOD_SECONDS = 60;

/** State of the rehearsed fleet, as the guard observes it. */
export interface GuardedFleetState {
  readonly byType: { readonly [instanceType: string]: number };
  readonly inService: number;
  readonly desired: number;
  readonly limits: CapacityLimits;
}

/** Outcome of one evaluation of the guard. */
export interface GuardEvaluation {
  readonly changes: readonly { readonly level: GuardLevel; readonly reason: string }[];
  /** New limits for the rehearsed fleet. */
  readonly action?: GuardAction;
}

/** Cost guard of one rehearsed fleet; other fleets of the same budget are assumed to stay at their minimum. */
export class RehearsedGuard {
  /** Highest level reached so far. */
  public highestLevel: GuardLevel = 'ok';
  private memory: GuardMemory | undefined;
  /** Fleets of the plan; undefined for the rehearsed one. */
  private readonly others: readonly (FleetSeen | undefined)[];

  public constructor(
    private readonly guard: BlueprintGuard,
    private readonly resourceId: string,
  ) {
    this.others = guard.plan.fleets.map((fleet) => (fleet.resourceId === resourceId ? undefined : atMinimum(fleet)));
  }

  /** True while the guard limits the fleet. */
  public get limitsFleet(): boolean {
    return this.memory?.holds[this.resourceId]?.status === 'set';
  }

  /** Evaluates the budget once, as the handler does every minute. */
  public evaluate(atSeconds: EpochSeconds, state: GuardedFleetState): GuardEvaluation {
    const { plan, budget } = this.guard;
    const { minCapacity, maxCapacity } = state.limits;
    const rehearsed: FleetSeen = {
      resourceId: this.resourceId,
      capacity: { currentByType: state.byType, currentCapacity: state.inService, desiredCapacity: state.desired },
      limits: { kind: 'in-force', minCapacity, maxCapacity },
    };
    const fleets = this.others.map((fleet) => fleet ?? rehearsed);
    const seen = { atSeconds, budget, budgetRefusal: null, fleets, trainingJobs: [] };
    const { decision, memory } = decideGuardLevel(plan, seen, this.memory, WITHOUT_WORDS);
    this.memory = memory;
    if (levelRank(decision.level) > levelRank(this.highestLevel)) this.highestLevel = decision.level;
    const action = decision.actions.find(({ resourceId }) => resourceId === this.resourceId);
    return { changes: decision.levelChanges, ...(action !== undefined && { action }) };
  }
}

function atMinimum({ resourceId, protectedFloor, ...stated }: StatedFleet): FleetSeen {
  const minCapacity = stated.minCapacity ?? protectedFloor;
  const maxCapacity = stated.maxCapacity ?? minCapacity;
  const capacity = { currentByType: {}, currentCapacity: minCapacity, desiredCapacity: minCapacity };
  return { resourceId, capacity, limits: { kind: 'in-force', minCapacity, maxCapacity } };
}
