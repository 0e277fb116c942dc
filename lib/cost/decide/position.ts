import type { Budget, BudgetPeriod } from './budget-period';
import { forecastUsd, withinPeriod } from './burn-rate';
import { floorRate, floorsUsd } from './floors';
import type { BudgetPosition, ReleaseCost } from './level-choice';
import { highestPrice, runningRate, spentUsd, type OpenJob } from './meter';
import type { MeteredSpend } from './metered-spend';
import type { GuardPlan } from './plan';

/**
 * Time from a decision to its full effect: the next evaluation, a minute later, is the first that can decide otherwise, and then scaling
 * and the end of the instances take up to two more.
 */
const HORIZON_SECONDS = 180;

/** Returns the position of a metered spend, without training jobs that are still to run. */
export function positionOf(
  plan: GuardPlan,
  budget: Budget,
  period: BudgetPeriod,
  metered: MeteredSpend,
): BudgetPosition {
  const { atSeconds, meteredSince, spentUsd: spent, smoothedRateUsdPerHour } = metered;
  return {
    spentUsd: spent,
    budgetUsd: budget.amountUsd,
    forecastUsd: forecastUsd(spent, smoothedRateUsdPerHour, atSeconds, period),
    floorsUsd: floorsUsd(plan.fleets, period.endSeconds - Math.max(period.startSeconds, meteredSince)),
    committedUsd: spent + floorsUsd(plan.fleets, period.endSeconds - atSeconds),
    horizonUsd: horizonUsd(plan, metered, metered.training.open, period),
  };
}

/** Cost above the floors, and of training jobs for which nothing is reserved, until limits that are set now have taken effect. */
export function horizonUsd(
  plan: GuardPlan,
  metered: MeteredSpend,
  open: { readonly [jobName: string]: OpenJob },
  period: BudgetPeriod,
): number {
  let rate = 0;
  for (const fleet of plan.fleets)
    rate += Math.max(0, metered.fleets[fleet.resourceId]!.rateUsdPerHour - floorRate(fleet));
  for (const job of Object.values(open))
    if (job.stopReason !== null || plan.runningJobs === 'STOP') rate += runningRate(job);
  return spentUsd(rate, withinPeriod(HORIZON_SECONDS, metered.atSeconds, period));
}

/** Returns the cost above the floors if a level that limits is left for some seconds. */
export function releaseCost(plan: GuardPlan, metered: MeteredSpend, seconds: number): ReleaseCost {
  let frozen = 0;
  let maximum = 0;
  for (const fleet of plan.fleets) {
    const { frozenCapacity, desiredCapacity } = metered.fleets[fleet.resourceId]!;
    const price = highestPrice(fleet.pricesPerHourUsd);
    const above = (capacity: number): number => price * Math.max(0, capacity - fleet.protectedFloor);
    maximum += above(fleet.maxCapacity);
    frozen += above(Math.min(frozenCapacity ?? desiredCapacity ?? fleet.maxCapacity, fleet.maxCapacity));
  }
  return { frozenUsd: spentUsd(frozen, seconds), maximumUsd: spentUsd(maximum, seconds) };
}
