import { levelRank, levelsEntered, type GuardLevel } from './levels';
import type { GuardThresholds } from './plan';
import { usd } from './usd';

/** A change of level. */
export interface LevelChange {
  readonly previousLevel: GuardLevel;
  readonly level: GuardLevel;
  readonly reason: string;
}

/**
 * Numbers that decide the level.
 *
 * The budget has two parts: what the protected floors cost in the period, and the free part for everything else. Fleets above their
 * floors and training jobs spend the free part.
 */
export interface BudgetPosition {
  readonly spentUsd: number;
  readonly budgetUsd: number;
  readonly forecastUsd: number;
  /** Cost of the protected floors in the whole period. */
  readonly floorsUsd: number;
  /** Spend, and what is bound to follow: the floors until the period ends, and training jobs that may finish. */
  readonly committedUsd: number;
  /** Cost above the floors until a limit that is set now has taken effect. */
  readonly horizonUsd: number;
}

/** Cost above the floors that a release allows before the level is looked at again in earnest, in USD. */
export interface ReleaseCost {
  /** At the capacity of the moment when growth was frozen. */
  readonly frozenUsd: number;
  /** At the declared maximum. */
  readonly maximumUsd: number;
}

/** Time for which a level that limits stays away once it is left: a day; an hour after the budget was changed. */
export const RELEASE_SECONDS = 86_400;
export const RELEASE_AFTER_CHANGE_SECONDS = 3600;

/**
 * Returns the level for a position, given the previous one.
 *
 * A level that limits is entered when the committed amount reaches its threshold, and left when what the release allows keeps below it:
 * a fleet at its floor frees nothing, so only a bigger budget, cheaper instances or the end of the period release it.
 *
 * @param release returns the cost of a release; asked only where the level may fall
 * @param changed whether the budget or its period is another one than at the last evaluation; the hysteresis is then left out
 */
export function chooseLevel(
  position: BudgetPosition,
  thresholds: GuardThresholds,
  previous: GuardLevel,
  release: () => ReleaseCost,
  changed: boolean,
): GuardLevel {
  const entered = levelAt(position, thresholds, 0, NOTHING_RELEASED);
  if (levelRank(entered) >= levelRank(previous)) return entered;
  const kept = levelAt(position, thresholds, changed ? 0 : thresholds.releasePercent, release());
  // With the hysteresis and the cost of a release, the kept level is never below the entered one.
  return levelRank(kept) < levelRank(previous) ? kept : previous;
}

/** Returns the level at which a position is for itself, without a level before it. */
export function enteredLevel(position: BudgetPosition, thresholds: GuardThresholds): GuardLevel {
  return levelAt(position, thresholds, 0, NOTHING_RELEASED);
}

const NOTHING_RELEASED: ReleaseCost = { frozenUsd: 0, maximumUsd: 0 };

/** Tolerance for the rounding error of a month of minutes, as a share of the budget. */
const ROUNDING = 1e-8;

function levelAt(
  position: BudgetPosition,
  thresholds: GuardThresholds,
  belowBy: number,
  release: ReleaseCost,
): GuardLevel {
  const { budgetUsd, committedUsd, horizonUsd, forecastUsd } = position;
  const bound = committedUsd + horizonUsd + ROUNDING * budgetUsd;
  if (bound + release.frozenUsd >= thresholdUsd(position, thresholds.shrinkAtPercent - belowBy)) return 'shrink';
  if (bound + release.maximumUsd >= thresholdUsd(position, thresholds.freezeAtPercent - belowBy))
    return 'freeze-growth';
  const used = usedPercent(position) + 100 * ROUNDING;
  const forecastPercent = (100 * forecastUsd) / budgetUsd;
  if (used >= thresholds.warnAtPercent - belowBy || forecastPercent > 100 - belowBy) return 'warn';
  return 'ok';
}

/** Committed amount at a percentage of the budget's free part; the whole budget at 100. */
function thresholdUsd({ budgetUsd, floorsUsd }: BudgetPosition, percent: number): number {
  const floors = Math.min(floorsUsd, budgetUsd);
  return floors + ((budgetUsd - floors) * percent) / 100;
}

/** Returns the lowest whole amount of USD at which no fleet is limited, if the budget is changed to it now. */
export function liftingBudgetUsd(
  { committedUsd, horizonUsd, floorsUsd }: BudgetPosition,
  thresholds: GuardThresholds,
  { frozenUsd, maximumUsd }: ReleaseCost,
): number {
  const free = Math.max(
    (committedUsd + horizonUsd + maximumUsd - floorsUsd) / (thresholds.freezeAtPercent / 100),
    (committedUsd + horizonUsd + frozenUsd - floorsUsd) / (thresholds.shrinkAtPercent / 100),
    0,
  );
  return Math.floor((floorsUsd + free) * (1 + 2 * ROUNDING)) + 1;
}

/** Returns the spent part of the budget, in percent. */
export function usedPercent({ spentUsd, budgetUsd }: Pick<BudgetPosition, 'spentUsd' | 'budgetUsd'>): number {
  return (100 * spentUsd) / budgetUsd;
}

/** Returns one change for every level on the way up, in order; one change on the way down. */
export function levelChanges(
  previous: GuardLevel,
  next: GuardLevel,
  position: BudgetPosition,
  thresholds: GuardThresholds,
): readonly LevelChange[] {
  if (next === previous) return [];
  let from = previous;
  return levelsEntered(previous, next).map((level) => {
    const change = { previousLevel: from, level, reason: reasonFor(from, level, next, position, thresholds) };
    from = level;
    return change;
  });
}

function reasonFor(
  from: GuardLevel,
  to: GuardLevel,
  target: GuardLevel,
  position: BudgetPosition,
  thresholds: GuardThresholds,
): string {
  const { spentUsd, budgetUsd, committedUsd, horizonUsd, forecastUsd } = position;
  const used = usedPercent(position);
  const spent = `${usd(spentUsd)} of ${usd(budgetUsd)} is spent (${used.toFixed(1)} %)`;
  const bound = `${spent}, ${usd(committedUsd)} is committed and ${usd(horizonUsd)} more until limits take effect`;
  const limit = (percent: number): string => usd(thresholdUsd(position, percent));
  if (levelRank(to) < levelRank(from))
    return from === 'warn'
      ? `${spent}, more than ${thresholds.releasePercent} points below the threshold of warn`
      : `${bound}, and what a release allows stays below the threshold of ${from}`;
  switch (to) {
    case 'shrink':
      return `${bound}, at or above ${limit(thresholds.shrinkAtPercent)}: fleets are held at their protected floor`;
    case 'freeze-growth':
      return `${bound}, at or above ${limit(thresholds.freezeAtPercent)}: fleets may not grow`;
    case 'warn':
    case 'ok':
      if (used >= thresholds.warnAtPercent) return `${spent}, at or above ${thresholds.warnAtPercent} %`;
      if (forecastUsd > budgetUsd)
        return `${spent}, and the period's forecast is ${usd(forecastUsd)}, above the budget`;
      return `${spent}, on the way to ${target}`;
  }
}
