import { InputError } from '../../core/errors';
import { budgetPeriod } from './budget-period';
import { forecastUsd } from './burn-rate';
import { fleetLimits } from './fleet-limits';
import { chooseLevel, levelChanges, usedPercent } from './level-choice';
import { meterSpend, usd } from './metered-spend';
import type { FleetMemory, GuardAction, GuardMemory, GuardOutcome, GuardPlan, GuardSeen, GuardStep } from './plan';

/**
 * Decides what the budget allows: meter, forecast, level, limits.
 *
 * Plain and repeatable: the same plan, sight and memory give the same decision, and deciding again from its own memory
 * asks for nothing more. What could not be seen is held: the last budget stays in force, the last rate is charged on.
 *
 * @param memory what the last decision left; undefined at the first look
 * @throws InputError when no budget was ever read
 */
export function decideGuardLevel(plan: GuardPlan, seen: GuardSeen, memory: GuardMemory | undefined): GuardOutcome {
  const budget = seen.budget ?? memory?.budget;
  if (budget === undefined)
    throw new InputError('no budget could be read and none is remembered: write the budget parameter');
  const atSeconds = Math.max(seen.atSeconds, memory?.atSeconds ?? seen.atSeconds);
  const period = budgetPeriod(budget, atSeconds);
  const metered = meterSpend(plan, seen, memory, period);
  const position = {
    spentUsd: metered.spentUsd,
    budgetUsd: budget.amountUsd,
    forecastUsd: forecastUsd(metered.spentUsd, metered.smoothedRateUsdPerHour, atSeconds, period),
  };

  const previous = memory?.level ?? 'ok';
  const level = chooseLevel(position, plan.thresholds, previous);
  const changes = levelChanges(previous, level, position, plan.thresholds);
  const budgetStep: GuardStep = {
    stage: 'budget',
    reason:
      `${usd(position.spentUsd)} of ${usd(position.budgetUsd)} spent (${usedPercent(position).toFixed(1)} %), ` +
      `forecast ${usd(position.forecastUsd)} at ${metered.smoothedRateUsdPerHour.toFixed(3)} USD/h: ${level}`,
  };

  const fleets: { [resourceId: string]: FleetMemory } = {};
  const actions: GuardAction[] = [];
  const limitSteps = plan.fleets.map((fleet) => {
    const limits = fleetLimits(
      fleet,
      level,
      seen.fleets.find(({ resourceId }) => resourceId === fleet.resourceId),
      metered.fleets[fleet.resourceId]!,
    );
    fleets[fleet.resourceId] = limits.memory;
    if (limits.action !== undefined) actions.push(limits.action);
    return limits.step;
  });

  const unread = seen.budget === null ? ['the budget could not be read; the last known one stays in force'] : [];
  return {
    decision: {
      level,
      ...position,
      usedPercent: usedPercent(position),
      burnRateUsdPerHour: metered.burnRateUsdPerHour,
      levelChanges: changes,
      actions,
      steps: [...metered.steps, budgetStep, ...limitSteps],
      problems: [...unread, ...metered.problems],
    },
    memory: {
      atSeconds,
      budget,
      periodStartSeconds: period.startSeconds,
      level,
      fleetUsd: metered.fleetUsd,
      smoothedRateUsdPerHour: metered.smoothedRateUsdPerHour,
      fleets,
      training: metered.training,
    },
  };
}

/**
 * The memory after effects of which some failed: those fleets keep what was applied before, so that the next look tries
 * again.
 */
export function withFailedActions(
  memory: GuardMemory,
  before: GuardMemory | undefined,
  failedResourceIds: readonly string[],
): GuardMemory {
  const fleets: { [resourceId: string]: FleetMemory } = { ...memory.fleets };
  for (const resourceId of failedResourceIds) {
    const present = fleets[resourceId];
    if (present === undefined) continue;
    fleets[resourceId] = { ...present, appliedBounds: before?.fleets[resourceId]?.appliedBounds ?? null };
  }
  return { ...memory, fleets };
}

/**
 * The memory with the meter moved on and every effect still to do.
 *
 * Kept before the effects are tried: if nothing comes after it, the next look finds the time charged once and decides
 * the same effects again.
 */
export function beforeEffects(memory: GuardMemory, before: GuardMemory | undefined): GuardMemory {
  const pending = withFailedActions(memory, before, Object.keys(memory.fleets));
  return { ...pending, level: before?.level ?? 'ok' };
}
