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

/**
 * The moment that a date and time names, or undefined when the text names none: `2023-11-16 18:15:46.6805900`,
 * `2023-11-16T18:15:46Z`, `2023/11/16 18:15`, `2023-11-16T18:15:46+01:00`. Without a zone it is UTC.
 */
export function parseDateTime(text: string): EpochSeconds | undefined {
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
