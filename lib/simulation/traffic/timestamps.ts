import { dayNumber, daysInMonth } from '../../core/calendar';
import { type EpochSeconds, SECONDS_PER_DAY } from '../../core/time';
import { epochUnit, LATEST_DATE, otherUnit, type TimeUnit, unitName, UNITS_PER_SECOND } from './time-unit';
import { shownValue, traceError } from './trace-text';

const DATE_TIME =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,12})?)?\s*(Z|UTC|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?$/i;

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** Returns the seconds east of UTC of `+02:00`, `-0500`, `+02`, `Z`; 0 without a zone. */
function zoneSeconds(zone: string | undefined): number {
  if (zone === undefined || /^(Z|UTC)$/i.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const seconds = Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60;
  return zone.startsWith('-') ? -seconds : seconds;
}

/** Returns the value of a digit; NaN for any other character and after the end. */
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
 * Parses the most common form, `2023-11-16 18:15:46.6805900` in UTC, several times as fast as the pattern; returns undefined for every
 * other form.
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
  // A comparison with NaN is false.
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
    // Both are exact, so that the quotient is the correctly rounded decimal fraction.
    if (scale > 1e12) return undefined;
    fraction /= scale;
  }
  const zone = text.length - end;
  if (zone !== 0 && !(zone === 1 && text.endsWith('Z')) && !(zone === 6 && text.endsWith('+00:00'))) return undefined;
  return dayNumber(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second + fraction;
}

/** Day.month.year, as spreadsheets of many countries write it. */
const DOTTED = /^(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\S.*))?$/;

/** Month/day/year with AM or PM, as spreadsheets of the United States write it. */
const AMERICAN = /^(\d{1,2})\/(\d{1,2})\/(\d{4}),?\s+(\d{1,2})(:\d{2}(?::\d{2})?)\s*([AP])M$/i;

/** Numbers of day, month and year, whose order the text does not tell. */
const UNKNOWN_ORDER = /^\d{1,2}([/-])\d{1,2}\1\d{4}\b/;

/** True for a date in numbers with its year last, whose order of day and month is not known. */
export function hasUnknownOrder(text: string): boolean {
  return UNKNOWN_ORDER.test(text);
}

/** Day/month name/year, as web servers write it. */
const NAMED = /^(\d{1,2})[/ -]([A-Za-z]{3})[/ -](\d{4})[: ](.*)$/;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Date with its year first; any other text as it is. Slashes between numbers of unknown order stay, as day and month could be swapped. */
function isoOrder(text: string): string {
  const dotted = DOTTED.exec(text);
  if (dotted !== null) {
    const [, day, month, year, time] = dotted;
    return `${year}-${month}-${day}${time === undefined ? '' : ` ${time}`}`;
  }
  const american = AMERICAN.exec(text);
  if (american !== null) {
    const [, month, day, year, hour, rest, half] = american;
    return `${year}-${month}-${day} ${(Number(hour) % 12) + (/p/i.test(half!) ? 12 : 0)}${rest}`;
  }
  const named = NAMED.exec(text);
  const month = named === null ? -1 : MONTHS.indexOf(named[2]!.toLowerCase());
  return month < 0 ? text : `${named![3]}-${month + 1}-${named![1]} ${named![4]}`;
}

/**
 * Returns the moment of a date and time such as `2023-11-16 18:15:46.6805900`, `2023-11-16T18:15:46Z`, `2023/11/16 18:15` or
 * `2023-11-16T18:15:46+01:00`, `16.11.2023 18:15`, `11/16/2023 6:15 PM` or `16/Nov/2023:18:15:46 +0000`; undefined for any other text. Without a zone it is UTC.
 */
export function parseDateTime(text: string): EpochSeconds | undefined {
  const common = parseUtcDateTime(text);
  if (common !== undefined) return common;
  const match = DATE_TIME.exec(isoOrder(text));
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const fraction = match[7] === undefined ? 0 : Number(match[7]);
  const whole =
    dayNumber(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - zoneSeconds(match[8]);
  return whole + fraction;
}

/** Date without separators, with or without the time of day. */
const COMPACT = /^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?$/;

/**
 * Returns the problem of the first number of a column: a date without separators, or a unit in the name of the column with which today's
 * dates lie in 1970; undefined for a good one.
 */
export function numberProblem(text: string, { given, named }: ColumnUnits): string | undefined {
  if (given !== undefined) return undefined;
  if (named === undefined) {
    return COMPACT.test(text)
      ? `the timestamp is ${shownValue(text)}, which may be a date or a number; write dates like 2026-01-31 12:00:00, or give the unit of numbers with --time-unit`
      : undefined;
  }
  const unit = otherUnit(Number(text), named);
  return unit === undefined
    ? undefined
    : `the timestamp is ${shownValue(text)}, a date of today in ${unitName(unit)}, while the name of its column says ${unitName(named)}; say which with --time-unit`;
}

/** Problem of a moment that no trace has; undefined for a good one. */
export function lateProblem(seconds: number, written: unknown): string | undefined {
  return !(seconds > LATEST_DATE)
    ? undefined
    : `the timestamp is ${shownValue(written)}, which lies after the year 2099; correct it, or give the unit of numbers with --time-unit`;
}

/** Units of a column of timestamps. */
export interface ColumnUnits {
  /** Unit of the flags. @default - that of the name */
  readonly given?: TimeUnit;
  /** Unit in the name of the column. @default - by magnitude */
  readonly named?: TimeUnit;
}

/** Offset from UTC with which a date is written, in seconds; 0 for a date without a zone and for any other text. */
export function writtenOffset(text: string): number {
  return zoneSeconds(DATE_TIME.exec(isoOrder(text))?.[8]);
}

/**
 * Parses a column of timestamps into seconds. The first one decides for all: dates; numbers since 1970, whose unit their magnitude tells;
 * or numbers from another moment, which stay in their unit unless it is given.
 */
export class TimestampColumn {
  private kind: 'undecided' | 'date' | 'number' = 'undecided';
  private unitsPerSecond = 1;
  private offset = 0;
  private relative = false;
  /** First date whose month and day could be swapped; none once a day above 12 tells. */
  private swappable: string | undefined;
  private isOrderCertain = false;
  private mayBeSwapped = false;

  public constructor(
    private readonly name: string,
    private readonly units: ColumnUnits = {},
  ) {}

  /** Sentences about what was guessed. */
  public get notes(): readonly string[] {
    return this.swappable === undefined || this.isOrderCertain
      ? []
      : [
          `dates such as ${shownValue(this.swappable)} are taken for month/day/year; write them like 2026-01-31 12:00:00 if the day is first`,
        ];
  }

  /** Offset from UTC with which the first date is written, in seconds. */
  public get utcOffsetSeconds(): number {
    return this.offset;
  }

  /** True for numbers from another moment than 1970 in an unknown unit: they are read as they are. */
  public get isRelative(): boolean {
    return this.relative;
  }

  /** @throws InputError naming the text if it is not a timestamp, or of another kind than the first. */
  public read(text: string, line: number): number {
    const numeric = NUMBER.test(text);
    if (this.kind === 'undecided') this.decide(text, numeric, line);
    if (this.mayBeSwapped && !this.isOrderCertain) this.lookAtOrder(text);
    const value = this.kind === 'number' ? (numeric ? Number(text) / this.unitsPerSecond : NaN) : parseDateTime(text);
    const late = value === undefined || this.relative ? undefined : lateProblem(value, text);
    if (late !== undefined) throw traceError(this.name, line, late);
    if (value !== undefined && Number.isFinite(value) && value >= 0) return value;
    if (hasUnknownOrder(text)) {
      throw traceError(
        this.name,
        line,
        `the timestamp is ${shownValue(text)}, which does not tell day from month; write it like 2026-01-31 12:00:00`,
      );
    }
    const like = this.kind === 'number' ? 'a number of at least 0 like those before' : 'like 2023-11-16 18:15:46.68';
    throw traceError(
      this.name,
      line,
      text === ''
        ? `the timestamp is empty; write it ${like}, or remove the row`
        : `the timestamp is ${shownValue(text)}; write it ${like}, or as seconds in all rows`,
    );
  }

  private decide(text: string, numeric: boolean, line: number): void {
    this.kind = numeric ? 'number' : 'date';
    if (!numeric) {
      this.offset = writtenOffset(text);
      this.mayBeSwapped = AMERICAN.test(text);
      return;
    }
    const problem = numberProblem(text, this.units);
    if (problem !== undefined) throw traceError(this.name, line, problem);
    const unit = this.units.given ?? this.units.named ?? epochUnit(Number(text));
    this.relative = unit === undefined;
    this.unitsPerSecond = UNITS_PER_SECOND[unit ?? 's'];
  }

  private lookAtOrder(text: string): void {
    const day = AMERICAN.exec(text)?.[2];
    if (day === undefined) return;
    this.swappable ??= text;
    this.isOrderCertain = Number(day) > 12;
  }
}
