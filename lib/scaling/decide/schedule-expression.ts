import { daysInMonth } from '../../core/calendar';
import { InputError } from '../../core/errors';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';
import { lookup } from '../../core/lookup';
import { checkTimezone, civilOf, momentOf } from './civil-time';
import { parseCron, type Cron } from './cron';

/** Parsed schedule of a scheduled action. */
export type ScheduleExpression =
  | { readonly kind: 'at'; readonly atSeconds: EpochSeconds }
  | { readonly kind: 'rate'; readonly everySeconds: number }
  | { readonly kind: 'cron'; readonly cron: Cron; readonly timezone: string };

const RATE_UNITS: { readonly [unit: string]: number } = lookup({
  minute: SECONDS_PER_MINUTE,
  minutes: SECONDS_PER_MINUTE,
  hour: SECONDS_PER_HOUR,
  hours: SECONDS_PER_HOUR,
  day: SECONDS_PER_DAY,
  days: SECONDS_PER_DAY,
});

/** Maximum time between two moments of a rate: a hundred years. */
const MAX_RATE_SECONDS = 36_525 * SECONDS_PER_DAY;

/**
 * Parses `at(yyyy-mm-ddThh:mm:ss)`, `rate(value unit)` and `cron(fields)`; `at` and `cron` are in the time zone.
 *
 * @throws InputError if the expression or the time zone is invalid
 */
export function parseSchedule(text: string, timezone = 'UTC'): ScheduleExpression {
  checkTimezone(timezone);
  const match = /^(at|rate|cron)\((.*)\)$/.exec(text.trim());
  switch (match?.[1]) {
    case 'at':
      return { kind: 'at', atSeconds: parseAt(match[2]!, timezone) };
    case 'rate':
      return { kind: 'rate', everySeconds: parseRate(match[2]!) };
    case 'cron':
      return { kind: 'cron', cron: parseCron(match[2]!), timezone };
    default:
      throw new InputError(
        `schedule '${text}' is not understood; use at(yyyy-mm-ddThh:mm:ss), rate(5 minutes) or cron(0 8 * * ? *)`,
      );
  }
}

/**
 * Returns the first moment after another at which an expression is due; undefined if there is none.
 *
 * @param anchorSeconds start of a rate
 */
export function nextDue(
  expression: ScheduleExpression,
  afterSeconds: EpochSeconds,
  anchorSeconds: EpochSeconds = 0,
): EpochSeconds | undefined {
  switch (expression.kind) {
    case 'at':
      return expression.atSeconds > afterSeconds ? expression.atSeconds : undefined;
    case 'rate': {
      const { everySeconds } = expression;
      const passed = Math.floor((afterSeconds - anchorSeconds) / everySeconds);
      return anchorSeconds + Math.max(1, passed + 1) * everySeconds;
    }
    case 'cron':
      return nextCron(expression.cron, expression.timezone, afterSeconds);
  }
}

function nextCron(cron: Cron, timezone: string, afterSeconds: EpochSeconds): EpochSeconds | undefined {
  // Clocks that were set back can show an earlier day or hour, so the search begins a day early.
  const start = civilOf(afterSeconds - SECONDS_PER_DAY, timezone);
  const lastYear = cron.years?.[cron.years.length - 1] ?? start.year + 28;
  for (let { year, month } = start, firstDay = start.day; year <= lastYear; firstDay = 1) {
    if (cron.inMonth(month) && (cron.years?.includes(year) ?? true)) {
      for (const day of cron.daysOf(year, month)) {
        if (day < firstDay) continue;
        const due = firstOfDay(cron, timezone, { year, month, day }, afterSeconds);
        if (due !== undefined) return due;
      }
    }
    month = month === 12 ? 1 : month + 1;
    if (month === 1) year++;
  }
  return undefined;
}

function firstOfDay(
  cron: Cron,
  timezone: string,
  date: { readonly year: number; readonly month: number; readonly day: number },
  afterSeconds: EpochSeconds,
): EpochSeconds | undefined {
  const endOfDay = momentOf({ ...date, hour: 23, minute: 59, second: 59 }, timezone);
  if (endOfDay <= afterSeconds) return undefined;
  let first: EpochSeconds | undefined;
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const moment = momentOf({ ...date, hour, minute, second: 0 }, timezone);
      if (moment > afterSeconds && (first === undefined || moment < first)) first = moment;
    }
    if (first !== undefined) return first;
  }
  return first;
}

function parseAt(text: string, timezone: string): EpochSeconds {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text.trim());
  const [year, month, day, hour, minute, second] = (match ?? []).slice(1).map((part) => Number(part ?? 0)) as number[];
  const valid =
    month! >= 1 &&
    month! <= 12 &&
    day! >= 1 &&
    day! <= daysInMonth(year!, month!) &&
    hour! < 24 &&
    minute! < 60 &&
    second! < 60;
  if (!valid)
    throw new InputError(
      `at(${text}) is not a moment; use at(yyyy-mm-ddThh:mm:ss), for example at(2026-12-24T08:00:00)`,
    );
  return momentOf({ year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second: second! }, timezone);
}

function parseRate(text: string): number {
  const match = /^(\d+)\s+([a-z]+)$/.exec(text.trim());
  const unit = RATE_UNITS[match?.[2] ?? ''];
  const value = Number(match?.[1]);
  if (unit === undefined || value < 1) {
    throw new InputError(
      `rate(${text}) is not understood; use a value of at least 1 and minutes, hours or days, for example rate(15 minutes)`,
    );
  }
  if (value * unit > MAX_RATE_SECONDS) {
    throw new InputError(`rate(${text}) is above ${MAX_RATE_SECONDS / SECONDS_PER_DAY} days; use a shorter time`);
  }
  return value * unit;
}
