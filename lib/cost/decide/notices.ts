import { isEmpty } from '../../core/lookup';
import { SECONDS_PER_HOUR } from '../../core/time';
import { budgetText, type Budget, type BudgetInForce, type BudgetPeriod } from './budget-period';
import { checkFloors } from './floors';
import { isExecution, type OpenJob } from './meter';
import type { MeteredSpend } from './metered-spend';
import type { GuardMemory, GuardPlan, GuardSeen } from './plan';

/** Problem that may pass by itself and causes no notice. */
const UNREAD = 'the budget could not be read; the last known one stays in force';

/** Returns the problems of the budget: unread, refused, or spent by the protected floors alone. */
export function settingProblems(
  plan: GuardPlan,
  { budget: written, budgetRefusal }: GuardSeen,
  budget: Budget,
  period: BudgetPeriod,
  { meteredSince }: MeteredSpend,
): readonly string[] {
  const hours = (period.endSeconds - Math.max(period.startSeconds, meteredSince)) / SECONDS_PER_HOUR;
  const ofFloors = checkFloors(budgetText(budget), budget.amountUsd, plan.fleets, hours);
  if (written !== null && budgetRefusal === null) return ofFloors;
  const unread = written === null && budgetRefusal === null ? [UNREAD] : [];
  const refused =
    budgetRefusal === null
      ? []
      : [`the budget parameter is refused, and ${budgetText(budget)} stays in force: ${budgetRefusal}`];
  return [...unread, ...refused, ...ofFloors];
}

/**
 * Returns the sentences that people are to know: problems of the budget, a period that has not begun or is over, training jobs that are
 * stopped. Each is sent once, as long as it holds.
 */
export function noticesOf(
  plan: GuardPlan,
  settings: readonly string[],
  { note }: BudgetInForce,
  open: { readonly [jobName: string]: OpenJob },
  memory: GuardMemory | undefined,
): readonly string[] {
  if (settings.length === 0 && note === undefined && isEmpty(open)) return [];
  const present = [
    ...settings.filter((problem) => problem !== UNREAD),
    ...(note === undefined ? [] : [note]),
    ...stopNotices(plan, open),
  ];
  // Notices about a budget stay while it cannot be read.
  return settings.includes(UNREAD) ? [...new Set([...(memory?.notices ?? []), ...present])] : present;
}

function stopNotices({ dryRun }: GuardPlan, open: { readonly [jobName: string]: OpenJob }): string[] {
  const verb = dryRun ? 'would be stopped, were this no dry run' : 'is stopped';
  return Object.entries(open).flatMap(([name, { stopReason }]) =>
    stopReason === null ? [] : [`${isExecution(name) ? 'execution' : 'training job'} ${name} ${verb}: ${stopReason}`],
  );
}
