import { dateOf, dayNumber, type CivilDate } from '../../core/calendar';
import { InputError } from '../../core/errors';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR, SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';

/** Date and time of day in a time zone. */
export interface CivilTime extends CivilDate {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Returns the date and time of a moment in a time zone. */
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
 * Returns the moment of a date and time in a time zone. A time that occurs twice (clocks set back) means the first occurrence; one that
 * is skipped (clocks set forward) is moved forward by the skipped time.
 */
export function momentOf(civil: CivilTime, timezone: string): EpochSeconds {
  const asUtc =
    dayNumber(civil.year, civil.month, civil.day) * SECONDS_PER_DAY +
    civil.hour * SECONDS_PER_HOUR +
    civil.minute * SECONDS_PER_MINUTE +
    civil.second;
  const before = offsetAt(asUtc - SECONDS_PER_DAY, timezone);
  const after = offsetAt(asUtc + SECONDS_PER_DAY, timezone);
  if (before === after || offsetAt(asUtc - before, timezone) === before) return asUtc - before;
  return offsetAt(asUtc - after, timezone) === after ? asUtc - after : asUtc - before;
}

/** Throws an InputError if a time zone is not known. */
export function checkTimezone(timezone: string): void {
  offsetAt(0, timezone);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Returns the offset of a time zone from UTC at a moment, in seconds. */
function offsetAt(at: EpochSeconds, timezone: string): number {
  if (timezone === 'UTC' || timezone === 'Etc/UTC') return 0;
  const seconds = Math.floor(at);
  const part: { [type: string]: number } = {};
  for (const { type, value } of formatFor(timezone).formatToParts(seconds * 1000)) part[type] = Number(value);
  const shown =
    dayNumber(part.year!, part.month!, part.day!) * SECONDS_PER_DAY +
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
