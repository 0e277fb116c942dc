import type { EpochSeconds } from '../../core/time';
import { shown, traceError } from './trace-text';

const DATE_TIME =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,12})?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?$/i;

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** Days from 1970-01-01 to a date of the Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? daysFromCivil(year + 1, 1, 1) : daysFromCivil(year, month + 1, 1);
  return next - daysFromCivil(year, month, 1);
}

/** Seconds east of UTC of `+02:00`, `-0500`, `Z`; text without a zone is UTC. */
function zoneSeconds(zone: string | undefined): number {
  if (zone === undefined || /^(Z|UTC)$/i.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}

/** A digit's value; NaN for any other character, and behind the end. */
function digit(text: string, index: number): number {
  const value = text.charCodeAt(index) - 48;
  return value >= 0 && value <= 9 ? value : NaN;
}

function twoDigits(text: string, index: number): number {
  return digit(text, index) * 10 + digit(text, index + 1);
}

const DASH = 45;
const POINT = 46;
const COLON = 58;
const BLANK = 32;
const LETTER_T = 84;

/**
 * The most common form, `2023-11-16 18:15:46.6805900` in UTC, several times as fast as the pattern; undefined for anything else,
 * also where it is a moment.
 */
function parseUtcDateTime(text: string): EpochSeconds | undefined {
  const between = text.charCodeAt(10);
  if (
    text.charCodeAt(4) !== DASH ||
    text.charCodeAt(7) !== DASH ||
    (between !== BLANK && between !== LETTER_T) ||
    text.charCodeAt(13) !== COLON ||
    text.charCodeAt(16) !== COLON
  )
    return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  // Not a number compares as false.
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && hour <= 23 && minute <= 59 && second <= 60))
    return undefined;
  if (day > 28 && day > daysInMonth(year, month)) return undefined;
  let end = 19;
  let fraction = 0;
  if (text.charCodeAt(end) === POINT) {
    let scale = 1;
    let value = digit(text, ++end);
    if (Number.isNaN(value)) return undefined;
    for (; value >= 0; value = digit(text, ++end)) {
      fraction = fraction * 10 + value;
      scale *= 10;
    }
    // Both are exact, so that the quotient is what the decimal fraction is rounded to.
    if (scale > 1e12) return undefined;
    fraction /= scale;
  }
  const zone = text.length - end;
  if (zone !== 0 && !(zone === 1 && text.endsWith('Z')) && !(zone === 6 && text.endsWith('+00:00'))) return undefined;
  return daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second + fraction;
}

/**
 * The moment that a date and time names, or undefined when the text names none: `2023-11-16 18:15:46.6805900`,
 * `2023-11-16T18:15:46Z`, `2023/11/16 18:15`, `2023-11-16T18:15:46+01:00`. Without a zone it is UTC.
 */
export function parseDateTime(text: string): EpochSeconds | undefined {
  const common = parseUtcDateTime(text);
  if (common !== undefined) return common;
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const fraction = match[7] === undefined ? 0 : Number(match[7]);
  const whole = daysFromCivil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zoneSeconds(match[8]);
  return whole + fraction;
}

/**
 * Reads a column of timestamps into seconds. The first one decides for all: dates, or numbers in seconds; numbers too
 * large for that (from the year 5138 on) are milliseconds, microseconds or nanoseconds since 1970.
 */
export class TimestampColumn {
  private kind: 'undecided' | 'date' | 'number' = 'undecided';
  private unitsPerSecond = 1;

  public constructor(private readonly name: string) {}

  /** @throws InputError naming the text when it is no moment, or of another kind than the first. */
  public read(text: string, line: number): number {
    const numeric = NUMBER.test(text);
    if (this.kind === 'undecided') this.decide(text, numeric);
    const value = this.kind === 'number' ? (numeric ? Number(text) / this.unitsPerSecond : NaN) : parseDateTime(text);
    if (value !== undefined && Number.isFinite(value) && value >= 0) return value;
    const like = this.kind === 'number' ? 'a number of at least 0 like those before' : 'like 2023-11-16 18:15:46.68';
    throw traceError(
      this.name,
      line,
      text === ''
        ? `the timestamp is empty; write it ${like}, or remove the row`
        : `the timestamp is ${shown(text)}; write it ${like}, or as seconds in all rows`,
    );
  }

  private decide(text: string, numeric: boolean): void {
    this.kind = numeric ? 'number' : 'date';
    const first = numeric ? Number(text) : 0;
    if (first >= 1e17) this.unitsPerSecond = 1e9;
    else if (first >= 1e14) this.unitsPerSecond = 1e6;
    else if (first >= 1e11) this.unitsPerSecond = 1e3;
  }
}
