import { IN_WORDS, type Wording } from '../../core/decision';
import { InputError } from '../../core/errors';
import { isEmpty } from '../../core/lookup';
import type { CapacityLimits, LimitsSeen } from '../../scaling/decide/limits';
import { budgetInForce, budgetPeriod, isSameBudget, type BudgetPeriod } from './budget-period';
import { withinPeriod } from './burn-rate';
import { decideFleetLimits } from './fleet-limits';
import type { HeldLimits } from './held-limits';
import {
  chooseLevel,
  levelChanges,
  liftingBudgetUsd,
  RELEASE_AFTER_CHANGE_SECONDS,
  RELEASE_SECONDS,
  usedPercent,
  type BudgetPosition,
  type LevelChange,
} from './level-choice';
import { levelRank, type GuardLevel } from './levels';
import type { GuardAction, LimitsOutcome } from './limits-outcome';
import type { FleetMemory } from './meter';
import { meterSpend } from './metered-spend';
import { noticesOf, settingProblems } from './notices';
import { unregisteredFleets, withOwnersLimits } from './owners-limits';
import type { GuardedFleet, GuardMemory, GuardPlan, GuardSeen, GuardStep, StatedPlan } from './plan';
import { horizonUsd, positionOf, releaseCost } from './position';
import { restoreLimits } from './restore-limits';
import { admitJobs, haltJobs, stopsOf, type TrainingStop } from './training-stops';
import { usd } from './usd';

/** Decision of the guard at one moment. */
export interface GuardDecision {
  readonly level: GuardLevel;
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly usedPercent: number;
  /** Spend, and what is bound to follow: protected floors until the period ends, training jobs that may finish. */
  readonly committedUsd: number;
  readonly burnRateUsdPerHour: number;
  readonly forecastUsd: number;
  /** Amount of the budget that would lift the limits; null while nothing is limited. */
  readonly liftingBudgetUsd: number | null;
  /** One entry for every level entered, in order; empty when the level stays. */
  readonly levelChanges: readonly LevelChange[];
  /** Limits to set now; empty when every fleet has the right ones. In a dry run, the limits to restore. */
  readonly actions: readonly GuardAction[];
  /** Limits before the actions, as far as they are known, by resource id. */
  readonly limitsBefore: { readonly [resourceId: string]: CapacityLimits };
  /** Limits that a dry run would set. */
  readonly withheldActions: readonly GuardAction[];
  /** Training jobs to stop now. */
  readonly stops: readonly TrainingStop[];
  /** Sentences to tell people, once each: a refused budget, a period that has not begun or is over, a training job that is stopped. */
  readonly notices: readonly string[];
  readonly steps: readonly GuardStep[];
  /** Failures to observe or to price, and settings that are refused, for a person to act on. */
  readonly problems: readonly string[];
}

/** A decision with the state to keep of it. */
export interface GuardOutcome {
  readonly decision: GuardDecision;
  readonly memory: GuardMemory;
}

/**
 * Decides the guard's level and the limits of its fleets: meter, commitments, level, limits.
 *
 * Pure and repeatable: the same plan, observations and memory give the same decision, and deciding again from its own memory
 * changes nothing more. Where an observation is missing, the last one counts: the budget stays in force, the rate is charged on.
 *
 * Limits that the plan does not state are those that the owner of the fleet set last.
 *
 * @param memory state that the last evaluation left; undefined at the first one
 * @param words writes the reasons of the meter and of the level; without words the decision is the same
 * @throws InputError when no budget was ever read
 */
export function decideGuardLevel(
  stated: StatedPlan,
  seen: GuardSeen,
  memory: GuardMemory | undefined,
  words: Wording = IN_WORDS,
): GuardOutcome {
  const { plan, ownersLimits, unread } = withOwnersLimits(stated, seen, memory);
  const atSeconds = Math.max(seen.atSeconds, memory?.atSeconds ?? seen.atSeconds);
  const inForce = budgetInForce(seen.budget, memory?.budget, atSeconds);
  if (inForce === undefined)
    throw new InputError(
      `the budget ${seen.budgetRefusal === null ? 'cannot be read' : `is refused (${seen.budgetRefusal})`} and no earlier one is ` +
        'stored; write the budget parameter',
    );
  const { budget } = inForce;
  const period = budgetPeriod(budget, atSeconds);
  const metered = meterSpend(plan, seen, memory, period, words);
  const previous = memory?.level ?? 'ok';

  const bare = positionOf(plan, budget, period, metered);
  const admission = admitJobs(plan, bare, previous, metered.training.open, memory?.training.open, {
    at: atSeconds,
    until: period.endSeconds,
  });
  const position: BudgetPosition = isEmpty(admission.open)
    ? bare
    : {
        ...bare,
        committedUsd: bare.committedUsd + admission.reservedUsd,
        horizonUsd: horizonUsd(plan, metered, admission.open, period),
      };
  const periodBefore = memory === undefined ? period : budgetPeriod(memory.budget, memory.atSeconds);
  const isNewPeriod = periodBefore.startSeconds !== period.startSeconds;
  const changed = memory !== undefined && (isNewPeriod || !isSameBudget(memory.budget, budget));
  const releaseSeconds = changed ? RELEASE_AFTER_CHANGE_SECONDS : RELEASE_SECONDS;
  const level = chooseLevel(
    position,
    plan.thresholds,
    previous,
    () => releaseCost(plan, metered, withinPeriod(releaseSeconds, atSeconds, period)),
    changed,
  );
  const open = haltJobs(plan, level, admission.open);
  const stops = stopsOf(plan, seen, open, memory?.training);

  const limits = decideLimits(plan, unread, level, seen, memory, metered.fleets);
  const settings = joined(
    settingProblems(plan, seen, budget, period, metered),
    plan === stated ? [] : unregisteredFleets(stated, seen),
  );
  const notices = noticesOf(plan, settings, inForce, open, memory);
  const budgetStep: GuardStep = {
    stage: 'budget',
    reason: words(
      () =>
        `${usd(position.spentUsd)} of ${usd(position.budgetUsd)} spent (${usedPercent(position).toFixed(1)} %), ` +
        `${usd(position.committedUsd)} committed, forecast ${usd(position.forecastUsd)} ` +
        `at ${metered.smoothedRateUsdPerHour.toFixed(3)} USD/h: ${level}`,
    ),
  };
  return {
    decision: {
      level,
      spentUsd: position.spentUsd,
      budgetUsd: position.budgetUsd,
      committedUsd: position.committedUsd,
      forecastUsd: position.forecastUsd,
      usedPercent: usedPercent(position),
      burnRateUsdPerHour: metered.burnRateUsdPerHour,
      liftingBudgetUsd:
        levelRank(level) < levelRank('freeze-growth')
          ? null
          : liftingBudgetUsd(
              position,
              plan.thresholds,
              releaseCost(plan, metered, withinPeriod(RELEASE_AFTER_CHANGE_SECONDS, atSeconds, period)),
            ),
      levelChanges: levelChanges(previous, level, position, plan.thresholds),
      actions: limits.actions,
      limitsBefore: limits.before,
      withheldActions: limits.withheldActions,
      stops,
      notices: notices.length === 0 ? notices : notices.filter((notice) => memory?.notices.includes(notice) !== true),
      steps: joined(
        isNewPeriod ? periodSteps(periodBefore, period) : [],
        metered.steps,
        [budgetStep],
        stopSteps(stops),
        limits.steps,
      ),
      problems: joined(settings, metered.problems, limitProblems(seen, unread)),
    },
    memory: {
      atSeconds,
      budget,
      level,
      meteredSince: metered.meteredSince,
      spend: metered.spend,
      smoothedRateUsdPerHour: metered.smoothedRateUsdPerHour,
      fleets: limits.fleets,
      training: open === metered.training.open ? metered.training : { ...metered.training, open },
      notices,
      holds: limits.holds,
      ownersLimits,
      rehearsedHolds: limits.rehearsedHolds,
    },
  };
}

/** Joins lists of which most are short: arrays that are spread or concatenated cost several times as much, and this runs every minute. */
function joined<Item>(...lists: readonly (readonly Item[])[]): Item[] {
  const items: Item[] = [];
  for (const list of lists) for (const item of list) items.push(item);
  return items;
}

function periodSteps(before: BudgetPeriod, period: BudgetPeriod): GuardStep[] {
  return [
    {
      stage: 'period',
      reason: `the period begins at ${period.startSeconds}; the last one began at ${before.startSeconds}`,
    },
  ];
}

function stopSteps(stops: readonly TrainingStop[]): GuardStep[] {
  return stops.length === 0 ? [] : stops.map(({ jobName, reason }) => ({ stage: `stop:${jobName}`, reason }));
}

interface LimitDecisions {
  readonly fleets: { readonly [resourceId: string]: FleetMemory };
  readonly holds: GuardMemory['holds'];
  readonly rehearsedHolds: GuardMemory['rehearsedHolds'];
  readonly actions: readonly GuardAction[];
  readonly before: { readonly [resourceId: string]: CapacityLimits };
  readonly withheldActions: readonly GuardAction[];
  readonly steps: readonly GuardStep[];
}

/** Decides the limits of the fleets of the plan, and those to restore of fleets that have left it. */
function decideLimits(
  plan: GuardPlan,
  unread: ReadonlySet<string>,
  level: GuardLevel,
  seen: GuardSeen,
  memory: GuardMemory | undefined,
  metered: { readonly [resourceId: string]: FleetMemory },
): LimitDecisions {
  const fleets: { [resourceId: string]: FleetMemory } = {};
  const holds: { [resourceId: string]: HeldLimits } = {};
  const rehearsedHolds: { [resourceId: string]: HeldLimits } = {};
  const actions: GuardAction[] = [];
  const before: { [resourceId: string]: CapacityLimits } = {};
  const withheldActions: GuardAction[] = [];
  const steps: GuardStep[] = [];
  const take = (resourceId: string, outcome: LimitsOutcome): void => {
    steps.push(outcome.step);
    if (outcome.held !== undefined) holds[resourceId] = outcome.held;
    if (outcome.action === undefined) return;
    actions.push(outcome.action);
    if (outcome.before !== undefined) before[resourceId] = outcome.before;
  };
  const keep = (resourceId: string, held: HeldLimits | undefined): void => {
    if (held !== undefined) holds[resourceId] = held;
    const reason = 'the limits of its owner are not known now, so the guard changes none';
    steps.push({ stage: `limit:${resourceId}`, reason });
  };
  const limitsOf = (resourceId: string): LimitsSeen =>
    seen.fleets.find((fleet) => fleet.resourceId === resourceId)?.limits ?? { kind: 'unreadable' };

  for (const fleet of plan.fleets) {
    const { resourceId, minCapacity, maxCapacity } = fleet;
    const held = memory?.holds[resourceId];
    if (unread.has(resourceId)) {
      const isFrozen = levelRank(level) >= levelRank('freeze-growth');
      fleets[resourceId] = isFrozen ? metered[resourceId]! : { ...metered[resourceId]!, frozenCapacity: null };
      const rehearsed = memory?.rehearsedHolds[resourceId];
      if (rehearsed !== undefined && plan.dryRun) rehearsedHolds[resourceId] = rehearsed;
      keep(resourceId, held);
    } else if (plan.dryRun) {
      const present = held && { ...held, declared: { minCapacity, maxCapacity } };
      if (present !== undefined)
        take(resourceId, restoreLimits(resourceId, present, limitsOf(resourceId), 'a dry run limits nothing'));
      const rehearsed = rehearse(fleet, level, limitsOf(resourceId), metered[resourceId]!, memory);
      fleets[resourceId] = rehearsed.memory;
      steps.push({ ...rehearsed.step, reason: `dry run: ${rehearsed.step.reason}` });
      if (rehearsed.action !== undefined) withheldActions.push(rehearsed.action);
      if (rehearsed.held !== undefined) rehearsedHolds[resourceId] = rehearsed.held;
    } else {
      const outcome = decideFleetLimits(fleet, level, limitsOf(resourceId), metered[resourceId]!, held);
      fleets[resourceId] = outcome.memory;
      take(resourceId, outcome);
    }
  }
  const heldBefore = memory?.holds ?? {};
  for (const resourceId in heldBefore) {
    const held = heldBefore[resourceId]!;
    if (plan.fleets.some((fleet) => fleet.resourceId === resourceId)) continue;
    if (unread.has(resourceId)) keep(resourceId, held);
    else take(resourceId, restoreLimits(resourceId, held, limitsOf(resourceId), 'the fleet is no longer guarded'));
  }
  return { fleets, holds, rehearsedHolds, actions, before, withheldActions, steps };
}

/** Decides the limits that a fleet would have without the dry run: what would have been set counts as set. */
function rehearse(
  fleet: GuardedFleet,
  level: GuardLevel,
  limits: LimitsSeen,
  metered: FleetMemory,
  memory: GuardMemory | undefined,
): ReturnType<typeof decideFleetLimits> {
  const rehearsed = memory?.rehearsedHolds[fleet.resourceId];
  const last = rehearsed?.claimed.at(-1);
  const believed: LimitsSeen = last === undefined ? limits : { kind: 'in-force', ...last };
  const outcome = decideFleetLimits(fleet, level, believed, metered, rehearsed);
  return outcome.held?.status === 'set' ? outcome : { ...outcome, held: undefined };
}

function limitProblems(seen: GuardSeen, unread: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  for (const { resourceId, limits } of seen.fleets) {
    if (limits.kind !== 'unreadable') continue;
    const treated = unread.has(resourceId)
      ? "they are its owner's, so the guard changes none until they can be"
      : 'those that the guard set last count';
    problems.push(`the limits of ${resourceId} could not be read; ${treated}`);
  }
  return problems;
}

/** Returns the memory after actions of which some failed: they may have had their effect, and the next evaluation tries again. */
export function withFailedActions(memory: GuardMemory, failedResourceIds: readonly string[]): GuardMemory {
  const holds: { [resourceId: string]: HeldLimits } = { ...memory.holds };
  for (const resourceId of failedResourceIds) {
    const held = holds[resourceId];
    if (held !== undefined) holds[resourceId] = { ...held, status: 'claimed' };
  }
  return { ...memory, holds };
}

/**
 * Returns the memory with the time charged and every action still pending: its limits are claimed, as they may soon be in force.
 *
 * Stored before the actions: should the run end there, the next evaluation finds the time charged once, decides the same level and the
 * same actions again, and knows which limits may be the guard's.
 */
export function withPendingActions(
  memory: GuardMemory,
  before: GuardMemory | undefined,
  actions: readonly GuardAction[],
): GuardMemory {
  return {
    ...withFailedActions(
      memory,
      actions.map(({ resourceId }) => resourceId),
    ),
    rehearsedHolds: before?.rehearsedHolds ?? {},
    level: before?.level ?? 'ok',
    notices: before?.notices ?? [],
  };
}
