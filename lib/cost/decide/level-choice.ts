import { levelRank, levelsEntered, type GuardLevel } from './levels';
import type { GuardThresholds, LevelChange } from './plan';
import { usd } from './metered-spend';

/** The numbers a level is chosen from. */
export interface BudgetPosition {
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly forecastUsd: number;
}

/** The level for a position, given the level before: entered at a threshold, left some points below it. */
export function chooseLevel(position: BudgetPosition, thresholds: GuardThresholds, previous: GuardLevel): GuardLevel {
  const entered = levelAt(position, thresholds, 0);
  if (levelRank(entered) >= levelRank(previous)) return entered;
  const kept = levelAt(position, thresholds, thresholds.releasePercent);
  return levelRank(kept) < levelRank(previous) ? highest(entered, kept) : previous;
}

/** A month of minutes adds up with a rounding error; less than this many percent below a threshold is on it. */
const ROUNDING_PERCENT = 1e-6;

function levelAt(position: BudgetPosition, thresholds: GuardThresholds, belowBy: number): GuardLevel {
  const used = usedPercent(position) + ROUNDING_PERCENT;
  if (used >= thresholds.shrinkAtPercent - belowBy) return 'shrink';
  if (used >= thresholds.freezeAtPercent - belowBy) return 'freeze-growth';
  const forecastPercent = (100 * position.forecastUsd) / position.budgetUsd;
  if (used >= thresholds.warnAtPercent - belowBy || forecastPercent > 100 - belowBy) return 'warn';
  return 'ok';
}

function highest(a: GuardLevel, b: GuardLevel): GuardLevel {
  return levelRank(a) >= levelRank(b) ? a : b;
}

/** How much of the budget is spent, in percent. */
export function usedPercent({ spentUsd, budgetUsd }: Pick<BudgetPosition, 'spentUsd' | 'budgetUsd'>): number {
  return (100 * spentUsd) / budgetUsd;
}

/** One change for every level on the way up, in order; one change on the way down. */
export function levelChanges(
  previous: GuardLevel,
  next: GuardLevel,
  position: BudgetPosition,
  thresholds: GuardThresholds,
): readonly LevelChange[] {
  let from = previous;
  return levelsEntered(previous, next).map((level) => {
    const change = { previousLevel: from, level, reason: reasonFor(from, level, position, thresholds) };
    from = level;
    return change;
  });
}

function reasonFor(from: GuardLevel, to: GuardLevel, position: BudgetPosition, thresholds: GuardThresholds): string {
  const used = usedPercent(position);
  const spent = `${usd(position.spentUsd)} of ${usd(position.budgetUsd)} is spent (${used.toFixed(1)} %)`;
  if (levelRank(to) < levelRank(from))
    return `${spent}, more than ${thresholds.releasePercent} points below where ${from} begins`;
  switch (to) {
    case 'shrink':
      return `${spent}, at or above ${thresholds.shrinkAtPercent} %: fleets are held at their protected floor`;
    case 'freeze-growth':
      return `${spent}, at or above ${thresholds.freezeAtPercent} %: fleets may not grow`;
    case 'warn':
    case 'ok':
      return used >= thresholds.warnAtPercent
        ? `${spent}, at or above ${thresholds.warnAtPercent} %`
        : `${spent}, and the period's forecast is ${usd(position.forecastUsd)}, above the budget`;
  }
}
