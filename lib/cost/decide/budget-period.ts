import type { EpochSeconds } from '../../core/time';
import { SECONDS_PER_DAY } from '../../core/time';

/** What may be spent, and when. */
export interface Budget {
  /** What may be spent in the period, in USD; above zero. */
  readonly amountUsd: number;
  /** Where the period starts; null is the start of the present calendar month (UTC). */
  readonly periodStart: EpochSeconds | null;
  /** Where the period ends; null is the end of the present calendar month (UTC). */
  readonly periodEnd: EpochSeconds | null;
}

/** The period a moment belongs to. */
export interface BudgetPeriod {
  readonly startSeconds: EpochSeconds;
  readonly endSeconds: EpochSeconds;
}

/**
 * The period in force at a moment.
 *
 * A period with a fixed end stays in force after its end until the budget is changed, so that a forgotten budget
 * keeps guarding instead of lapsing.
 */
export function budgetPeriod(budget: Budget, at: EpochSeconds): BudgetPeriod {
  const month = utcMonth(at);
  const startSeconds = budget.periodStart ?? month.startSeconds;
  return { startSeconds, endSeconds: Math.max(budget.periodEnd ?? month.endSeconds, startSeconds) };
}

/** The UTC calendar month that contains a moment: from its first second to the first second of the next one. */
export function utcMonth(at: EpochSeconds): BudgetPeriod {
  const { year, month } = civilMonth(Math.floor(at / SECONDS_PER_DAY));
  const next = month === 12 ? { year: year + 1, month: 1 } : { year, month: month + 1 };
  return {
    startSeconds: daysSinceEpoch(year, month) * SECONDS_PER_DAY,
    endSeconds: daysSinceEpoch(next.year, next.month) * SECONDS_PER_DAY,
  };
}

// The proleptic Gregorian calendar by arithmetic (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"):
// years begin in March, so that the leap day is a year's last day, and repeat in eras of 400 years = 146,097 days.
const DAYS_PER_ERA = 146_097;
const DAYS_FROM_ERA_TO_EPOCH = 719_468;

function civilMonth(days: number): { year: number; month: number } {
  const shifted = days + DAYS_FROM_ERA_TO_EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month };
}

/** The first day of a month, counted from 1970-01-01. */
function daysSinceEpoch(year: number, month: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5);
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_PER_ERA + dayOfEra - DAYS_FROM_ERA_TO_EPOCH;
}
