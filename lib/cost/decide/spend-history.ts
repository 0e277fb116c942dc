import { SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';
import { utcMonth } from './budget-period';

/** Spend up to a moment, in USD, since the meter began. */
export type SpendMark = readonly [atSeconds: EpochSeconds, totalUsd: number];

/**
 * Spend over time: marks of the running total, in order of time, close together for the last hour and further apart before. Any period can
 * be cut out of it, so that a budget whose period is moved forth and back forgets nothing.
 */
export type SpendHistory = readonly SpendMark[];

/** Time for which marks are kept a minute, an hour and a day apart; older ones are at the starts of months. */
const MINUTES_FOR_SECONDS = SECONDS_PER_HOUR;
const HOURS_FOR_SECONDS = 26 * SECONDS_PER_HOUR;
const DAYS_FOR_SECONDS = 62 * SECONDS_PER_DAY;

/** Number of months whose starts are kept. */
const MONTHS = 38;

/** Returns the history of a meter that begins now. */
export function newHistory(at: EpochSeconds): SpendHistory {
  return [[at, 0]];
}

/**
 * Adds a cost, spread evenly over an interval.
 *
 * The interval may lie in the past, as the bill of a training job that has ended does; it ends at the last mark or after it.
 *
 * @param kept start of the period in force, at which a mark is kept so that the period is cut out exactly
 */
export function addSpend(
  history: SpendHistory,
  from: EpochSeconds,
  to: EpochSeconds,
  costUsd: number,
  kept: EpochSeconds,
): SpendHistory {
  const last = history.at(-1)!;
  if (from === last[0] && to > from) return appended(history, last, to, last[1] + costUsd, kept);
  if (costUsd === 0) return history;
  const end = Math.min(to, last[0]);
  const start = Math.min(from, end - 1);
  const marked = withMark(withMark(history, start), end);
  return marked.map(([at, total]) => [at, total + costUsd * Math.min(1, Math.max(0, (at - start) / (end - start)))]);
}

/** Returns the cost from a moment to the last mark. */
export function spentSince(history: SpendHistory, from: EpochSeconds): number {
  const last = history.at(-1)!;
  return last[1] - totalAt(history, Math.min(from, last[0]));
}

/** Total at a moment, between two marks in proportion to the time; before the first mark nothing was spent. */
function totalAt(history: SpendHistory, at: EpochSeconds): number {
  let low = 0;
  let high = history.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (history[middle]![0] > at) high = middle - 1;
    else low = middle;
  }
  const before = history[low]!;
  const after = history[low + 1];
  if (after === undefined || at <= before[0]) return before[1];
  return before[1] + ((after[1] - before[1]) * (at - before[0])) / (after[0] - before[0]);
}

/** Adds a mark at a moment up to the last one. */
function withMark(history: SpendHistory, at: EpochSeconds): SpendHistory {
  const index = history.findIndex(([marked]) => marked >= at);
  if (history[index]![0] === at) return history;
  return [...history.slice(0, index), [at, totalAt(history, at)], ...history.slice(index)];
}

/** Adds a mark after the last one. An array that is taken apart by its iterator costs several times as much, and this runs every minute. */
function appended(
  history: SpendHistory,
  last: SpendMark,
  to: EpochSeconds,
  totalUsd: number,
  kept: EpochSeconds,
): SpendHistory {
  const from = last[0];
  const fromUsd = last[1];
  const marks = history.slice();
  // A mark within a minute of its predecessor is superseded by the next one, so that frequent evaluations do not lengthen the history.
  const before = history.at(-2);
  if (before !== undefined && from - before[0] < SECONDS_PER_MINUTE && !isKept(from, from, kept)) marks.pop();
  const hours = Math.floor(to / SECONDS_PER_HOUR) - Math.floor(from / SECONDS_PER_HOUR);
  if (hours > 0 || (kept > from && kept < to)) {
    const perSecond = (totalUsd - fromUsd) / (to - from);
    for (const at of hours > 0 ? boundaries(from, to, kept) : [kept])
      marks.push([at, fromUsd + perSecond * (at - from)]);
  }
  marks.push([to, totalUsd]);
  return hours > 0 ? pruned(marks, to, kept) : marks;
}

/** Moments between two looks at which marks stay: the starts of hours, days and months as far as they are kept, and of the period. */
function boundaries(from: EpochSeconds, to: EpochSeconds, kept: EpochSeconds): readonly EpochSeconds[] {
  const found = new Set<EpochSeconds>();
  const multiples = (since: EpochSeconds, step: number): void => {
    for (let at = (Math.floor(Math.max(from, since) / step) + 1) * step; at < to; at += step) found.add(at);
  };
  multiples(to - HOURS_FOR_SECONDS, SECONDS_PER_HOUR);
  multiples(to - DAYS_FOR_SECONDS, SECONDS_PER_DAY);
  let { startSeconds } = utcMonth(to);
  for (let months = 0; months < MONTHS && startSeconds > from; months++) {
    if (startSeconds < to) found.add(startSeconds);
    startSeconds = utcMonth(startSeconds - 1).startSeconds;
  }
  if (kept > from && kept < to) found.add(kept);
  return [...found].sort((a, b) => a - b);
}

function pruned(marks: readonly SpendMark[], now: EpochSeconds, kept: EpochSeconds): SpendHistory {
  const stays: SpendMark[] = [];
  const last = marks.length - 1;
  for (let index = 0; index <= last; index++) {
    const mark = marks[index]!;
    if (index === 0 || index === last || isKept(mark[0], now, kept)) stays.push(mark);
  }
  let months = 0;
  let first = stays.length - 1;
  while (first > 0 && months < MONTHS) {
    first--;
    if (stays[first]![0] <= now - DAYS_FOR_SECONDS) months++;
  }
  return stays.slice(first);
}

function isKept(at: EpochSeconds, now: EpochSeconds, kept: EpochSeconds): boolean {
  const age = now - at;
  if (age < MINUTES_FOR_SECONDS && age > 0) return true;
  if (at === kept) return true;
  if (age < HOURS_FOR_SECONDS) return at % SECONDS_PER_HOUR === 0;
  if (at % SECONDS_PER_DAY !== 0) return false;
  return age < DAYS_FOR_SECONDS || utcMonth(at).startSeconds === at;
}
