import { dateOf, dayNumber, nextMonth } from '../../core/calendar';
import { SECONDS_PER_DAY, type EpochSeconds } from '../../core/time';

/** Amount that may be spent, and the period in which it may be spent. */
export interface Budget {
  /** Amount for the period, in USD; above zero. */
  readonly amountUsd: number;
  /** Start of the period; null, with the end, for the present calendar month (UTC). */
  readonly periodStart: EpochSeconds | null;
  /** End of the period; null, with the start, for the present calendar month (UTC). */
  readonly periodEnd: EpochSeconds | null;
}

/** Budget period that contains a moment. */
export interface BudgetPeriod {
  readonly startSeconds: EpochSeconds;
  readonly endSeconds: EpochSeconds;
}

/** Highest amount of a budget, in USD: an amount above it is a slip of the keyboard. */
export const MAX_BUDGET_USD = 1e9;

/** Longest time before its start at which a period may be written. */
export const MAX_LEAD_DAYS = 93;

/** Longest period: a leap year. */
export const MAX_PERIOD_DAYS = 366;

/** Shortest period: one evaluation. */
const MIN_PERIOD_SECONDS = 60;

/** Age of the oldest spend that can be cut into a period. */
export const MAX_AGE_DAYS = 3 * 366;

/** Moments below it, in 2001, are no moments of a budget; from the second on they are too large for seconds. */
const EARLIEST_SECONDS = 1e9;
const MILLISECONDS_FROM = 1e11;

/**
 * Returns every problem of a budget; none if it may be put in force.
 *
 * @param at present moment, for the distance of the start; null where it is not known, as at synthesis
 */
export function checkBudget(budget: Budget, at: EpochSeconds | null): readonly string[] {
  const { amountUsd, periodStart, periodEnd } = budget;
  const problems: string[] = [];
  if (!(amountUsd > 0 && amountUsd <= MAX_BUDGET_USD))
    problems.push(`amountUsd (${amountUsd}) is out of range; give an amount above 0 and up to ${MAX_BUDGET_USD} USD`);
  const moments = [...checkMoment('periodStart', periodStart), ...checkMoment('periodEnd', periodEnd)];
  problems.push(...moments);
  if ((periodStart === null) !== (periodEnd === null))
    problems.push(
      `${periodStart === null ? 'periodStart' : 'periodEnd'} is missing; ` +
        'give both ends of the period, or none for the calendar month',
    );
  if (periodStart === null || periodEnd === null || moments.length > 0) return problems;
  const length = periodEnd - periodStart;
  if (length <= 0)
    problems.push(`periodEnd (${periodEnd}) is not after periodStart (${periodStart}); give a later end`);
  else if (length < MIN_PERIOD_SECONDS || length > MAX_PERIOD_DAYS * SECONDS_PER_DAY)
    problems.push(
      `the period from ${periodStart} to ${periodEnd} is ${length} s long; ` +
        `give one of ${MIN_PERIOD_SECONDS} s to ${MAX_PERIOD_DAYS} days`,
    );
  if (at === null) return problems;
  if (periodStart > at + MAX_LEAD_DAYS * SECONDS_PER_DAY)
    problems.push(
      `periodStart (${periodStart}, ${dayText(periodStart)}) is more than ${MAX_LEAD_DAYS} days ahead; ` +
        'write a period when its start is nearer',
    );
  if (periodStart < at - MAX_AGE_DAYS * SECONDS_PER_DAY)
    problems.push(
      `periodStart (${periodStart}, ${dayText(periodStart)}) is more than ${MAX_AGE_DAYS} days ago, ` +
        'further back than spend is remembered; give a later start',
    );
  return problems;
}

function checkMoment(name: string, seconds: EpochSeconds | null): readonly string[] {
  if (seconds === null || (seconds >= EARLIEST_SECONDS && seconds < MILLISECONDS_FROM)) return [];
  if (seconds >= MILLISECONDS_FROM && seconds < 1000 * MILLISECONDS_FROM)
    return [`${name} (${seconds}) is in milliseconds; give seconds since 1970: ${Math.floor(seconds / 1000)}`];
  return [`${name} (${seconds}) is no moment of this century; give seconds since 1970, such as 1793491200`];
}

/** Budget that counts at a moment, and what people are to know about it. */
export interface BudgetInForce {
  readonly budget: Budget;
  /** Sentence on a period that has not begun, or is over. */
  readonly note: string | undefined;
}

/**
 * Returns the budget in force at a moment; undefined if none was ever read.
 *
 * A budget whose period has not begun leaves the stored one in force; without a stored one, its amount counts for the present calendar
 * month.
 *
 * @param written budget of the parameter; null when it could not be read or is refused
 * @param stored budget in force at the last evaluation
 */
export function budgetInForce(
  written: Budget | null,
  stored: Budget | undefined,
  at: EpochSeconds,
): BudgetInForce | undefined {
  const present = written ?? stored;
  if (present === undefined) return undefined;
  if (present.periodStart !== null && present.periodStart > at) {
    const begun = stored !== undefined && !(stored.periodStart !== null && stored.periodStart > at);
    const budget = begun ? stored : { amountUsd: present.amountUsd, periodStart: null, periodEnd: null };
    return {
      budget,
      note:
        `the budget of ${present.amountUsd} USD begins at ${momentText(present.periodStart)}; ` +
        `until then ${budgetText(budget)} stays in force`,
    };
  }
  const over = present.periodEnd !== null && present.periodEnd <= at;
  return {
    budget: present,
    note: over
      ? `the period of ${budgetText(present)} is over; it stays in force until another budget is written`
      : undefined,
  };
}

/** Returns a budget in words. */
export function budgetText({ amountUsd, periodStart, periodEnd }: Budget): string {
  if (periodStart === null || periodEnd === null) return `the budget of ${amountUsd} USD for a calendar month`;
  return `the budget of ${amountUsd} USD from ${momentText(periodStart)} to ${momentText(periodEnd)}`;
}

/** True if two budgets are the same amount for the same period. */
export function isSameBudget(a: Budget, b: Budget): boolean {
  return a.amountUsd === b.amountUsd && a.periodStart === b.periodStart && a.periodEnd === b.periodEnd;
}

/**
 * Returns the period in force at a moment.
 *
 * A period with a fixed end stays in force after its end until the budget is changed, so that a forgotten budget does not lapse.
 */
export function budgetPeriod(budget: Budget, at: EpochSeconds): BudgetPeriod {
  const { periodStart, periodEnd } = budget;
  if (periodStart === null || periodEnd === null) return utcMonth(at);
  return { startSeconds: periodStart, endSeconds: periodEnd };
}

/** Month that was asked for last: most moments follow each other. */
let lastMonth: BudgetPeriod = { startSeconds: Infinity, endSeconds: -Infinity };

/** Returns the UTC calendar month that contains a moment: from its first second to the first second of the next one. */
export function utcMonth(at: EpochSeconds): BudgetPeriod {
  if (at >= lastMonth.startSeconds && at < lastMonth.endSeconds) return lastMonth;
  const { year, month } = dateOf(Math.floor(at / SECONDS_PER_DAY));
  lastMonth = {
    startSeconds: dayNumber(year, month, 1) * SECONDS_PER_DAY,
    endSeconds: nextMonth(year, month) * SECONDS_PER_DAY,
  };
  return lastMonth;
}

function dayText(at: EpochSeconds): string {
  return new Date(at * 1000).toISOString().slice(0, 10);
}

function momentText(at: EpochSeconds): string {
  return new Date(at * 1000).toISOString().replace('.000Z', 'Z');
}
