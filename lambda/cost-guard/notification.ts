import type { GuardConfiguration, GuardNotice, GuardRecord } from '../../lib/cost/contract';
import type { GuardAction } from '../../lib/cost/decide/limits-outcome';
import { MAX_SUBJECT_LENGTH, type Notification } from '../clients/notifier';

/**
 * Returns the notification of a change of level (the numbers, the limits that were set, and how to lift them), or of something else that
 * people are to know.
 *
 * @param repeated true if the same notification may have been sent before; its subject says so
 */
export function levelNotification(
  configuration: Pick<GuardConfiguration, 'name'>,
  notice: GuardNotice,
  budgetParameter: string,
  repeated: boolean,
): Notification {
  const last = notice.at(-1)!;
  const from = notice[0]!.previousLevel;
  const change = from === last.level ? 'notice' : `${from} -> ${last.level}`;
  const dryRun = last.dryRun ? ' (dry run: the guard limits nothing)' : '';
  return {
    subject: subjectOf(configuration.name, `: ${change}${repeated ? ' (repeated)' : ''}`),
    message: [
      ...(from === last.level ? [] : [`${configuration.name} went from ${from} to ${last.level}${dryRun}.`]),
      last.reason,
      '',
      `Spent ${last.spentUsd.toFixed(2)} of ${last.budgetUsd.toFixed(2)} USD, now ${last.burnRateUsdPerHour.toFixed(2)} USD an hour; ` +
        `${last.committedUsd.toFixed(2)} USD is committed until the period ends, forecast for the period ${last.forecastUsd.toFixed(2)} USD.`,
      ...(from === last.level ? [] : limitLines(last)),
      '',
      wayOut(last, budgetParameter),
    ].join('\n'),
  };
}

/** Returns the subject: a long name is cut, never the levels. */
function subjectOf(name: string, change: string): string {
  const title = 'Tidegate cost guard ';
  return `${title}${name.slice(0, MAX_SUBJECT_LENGTH - title.length - change.length)}${change}`;
}

function limitLines({ actions, failedResourceIds, withheldActions }: GuardRecord): readonly string[] {
  const line = ({ resourceId, minCapacity, maxCapacity }: GuardAction): string =>
    `  ${resourceId}: minimum ${minCapacity}, maximum ${maxCapacity}`;
  const failed = ({ resourceId }: GuardAction): string =>
    failedResourceIds.includes(resourceId) ? ' - FAILED, tried again in a minute' : '';
  return [
    ...(actions.length === 0
      ? ['No limit was changed.']
      : ['Limits set:', ...actions.map((action) => line(action) + failed(action))]),
    ...(withheldActions.length === 0
      ? []
      : ['Limits that would have been set without the dry run:', ...withheldActions.map(line)]),
  ];
}

function wayOut({ dryRun, liftingBudgetUsd }: GuardRecord, budgetParameter: string): string {
  if (dryRun || liftingBudgetUsd === null)
    return `To change the budget, write {"amountUsd": ...} to the parameter ${budgetParameter}.`;
  return (
    `To lift the limits, write {"amountUsd": ${liftingBudgetUsd}} or more, with the period as it is, to the parameter ` +
    `${budgetParameter}; the guard restores the declared limits within a minute, and without a change when the next period begins.`
  );
}
