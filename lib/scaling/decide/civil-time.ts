import { InputError } from '../../core/errors';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';

/** A date in the proleptic Gregorian calendar; January is 1. */
export interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A date and a time of day as a clock on the wall shows it. */
export interface CivilTime extends CivilDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Days from 1970-01-01 to a date. */
export function dayNumber({ year, month, day }: CivilDate): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The date so many days after 1970-01-01. */
export function dateOf(days: number): CivilDate {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1,
  };
}

/** Sunday is 0. */
export function dayOfWeek(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}

export function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: month + 1, day: 1 };
  return dayNumber(next) - dayNumber({ year, month, day: 1 });
}

/** The date and time of a moment on clocks in a time zone. */
export function civilOf(at: EpochSeconds, timezone: string): CivilTime {
  const local = Math.floor(at) + offsetAt(at, timezone);
  const days = Math.floor(local / SECONDS_PER_DAY);
  const inDay = local - days * SECONDS_PER_DAY;
  return {
    ...dateOf(days),
    hour: Math.floor(inDay / SECONDS_PER_HOUR),
    minute: Math.floor((inDay % SECONDS_PER_HOUR) / SECONDS_PER_MINUTE),
    second: inDay % SECONDS_PER_MINUTE,
  };
}

/**
 * The moment when clocks in a time zone show a date and time. A time that comes twice (clocks set back) means its first coming;
 * one that is skipped (clocks set forward) is moved forward by what was skipped.
 */
export function momentOf(civil: CivilTime, timezone: string): EpochSeconds {
  const asUtc =
    dayNumber(civil) * SECONDS_PER_DAY +
    civil.hour * SECONDS_PER_HOUR +
    civil.minute * SECONDS_PER_MINUTE +
    civil.second;
  const before = offsetAt(asUtc - SECONDS_PER_DAY, timezone);
  const after = offsetAt(asUtc + SECONDS_PER_DAY, timezone);
  if (before === after || offsetAt(asUtc - before, timezone) === before) return asUtc - before;
  return offsetAt(asUtc - after, timezone) === after ? asUtc - after : asUtc - before;
}

/** Throws an InputError when a time zone is not known. */
export function checkTimezone(timezone: string): void {
  offsetAt(0, timezone);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Seconds that clocks in a time zone are ahead of UTC at a moment. */
function offsetAt(at: EpochSeconds, timezone: string): number {
  if (timezone === 'UTC' || timezone === 'Etc/UTC') return 0;
  const seconds = Math.floor(at);
  const part: { [type: string]: number } = {};
  for (const { type, value } of formatFor(timezone).formatToParts(seconds * 1000)) part[type] = Number(value);
  const shown =
    dayNumber({ year: part.year!, month: part.month!, day: part.day! }) * SECONDS_PER_DAY +
    part.hour! * SECONDS_PER_HOUR +
    part.minute! * SECONDS_PER_MINUTE +
    part.second!;
  return shown - seconds;
}

function formatFor(timezone: string): Intl.DateTimeFormat {
  let format = formats.get(timezone);
  if (format === undefined) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: timezone,
        calendar: 'gregory',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      });
    } catch {
      throw new InputError(`time zone '${timezone}' is not known; use a name like Europe/Berlin or UTC`);
    }
    formats.set(timezone, format);
  }
  return format;
}
