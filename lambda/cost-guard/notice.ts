import type { GuardConfiguration, GuardRecord } from '../../lib/cost/contract';
import { levelRank, type GuardLevel } from '../../lib/cost/decide/levels';
import type { GuardThresholds } from '../../lib/cost/decide/plan';
import type { Notice } from '../clients/notifier';

/** What people are told when the level changes: the numbers, what was done, and how to undo it. */
export function levelNotice(
  configuration: GuardConfiguration,
  records: readonly GuardRecord[],
  budgetParameter: string,
): Notice {
  const last = records.at(-1)!;
  const from = records[0]!.previousLevel;
  const dryRun = last.dryRun ? ' (dry run: nothing was changed)' : '';
  const actions = last.actions.map(({ resourceId, minCapacity, maxCapacity }) => {
    const failed = last.failedResourceIds.includes(resourceId) ? ' - FAILED, tried again in a minute' : '';
    return `  ${resourceId}: minimum ${minCapacity}, maximum ${maxCapacity}${failed}`;
  });
  return {
    subject: `Tidegate cost guard ${configuration.name}: ${from} -> ${last.level}`,
    message: [
      `${configuration.name} went from ${from} to ${last.level}${dryRun}.`,
      last.reason,
      '',
      `Spent ${last.spentUsd.toFixed(2)} of ${last.budgetUsd.toFixed(2)} USD, now ${last.burnRateUsdPerHour.toFixed(2)} USD an hour; ` +
        `forecast for the period ${last.forecastUsd.toFixed(2)} USD.`,
      actions.length === 0 ? 'No limit was changed.' : `Limits set:\n${actions.join('\n')}`,
      '',
      wayOut(last, configuration.thresholds, budgetParameter),
    ].join('\n'),
  };
}

function wayOut(record: GuardRecord, thresholds: GuardThresholds, budgetParameter: string): string {
  if (levelRank(record.level) < levelRank('freeze-growth'))
    return `To change the budget, write {"amountUsd": ...} to the parameter ${budgetParameter}.`;
  const releaseAt = threshold('freeze-growth', thresholds) - thresholds.releasePercent;
  const enough = Math.ceil((100 * record.spentUsd) / releaseAt) + 1;
  return (
    `To lift the limits, write {"amountUsd": ${enough}} or more to the parameter ${budgetParameter}; ` +
    `the guard gives the declared limits back within a minute, or by itself when the next period begins.`
  );
}

function threshold(level: GuardLevel, thresholds: GuardThresholds): number {
  return level === 'shrink' ? thresholds.shrinkAtPercent : thresholds.freezeAtPercent;
}
