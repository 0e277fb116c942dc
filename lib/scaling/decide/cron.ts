import { InputError } from '../../core/errors';
import { dayNumber, dayOfWeek, daysInMonth } from '../../core/calendar';

/** Parsed cron expression. */
export interface Cron {
  /** Minutes of the hour and hours of the day, ascending. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** Years, ascending; undefined for every year. */
  readonly years?: readonly number[];
  /** Returns true if it runs in a month of the year (January is 1). */
  inMonth(month: number): boolean;
  /** Returns the days of a month on which it runs, ascending. */
  daysOf(year: number, month: number): number[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}

const MINUTES: Field = { name: 'minutes', from: 0, to: 59 };
const HOURS: Field = { name: 'hours', from: 0, to: 23 };
const DAYS: Field = { name: 'day-of-month', from: 1, to: 31 };
const MONTH: Field = { name: 'month', from: 1, to: 12, names: MONTHS };
const WEEKDAY: Field = { name: 'day-of-week', from: 1, to: 7, names: WEEKDAYS };
const YEARS: Field = { name: 'year', from: 1970, to: 2199 };

/**
 * Parses the six fields of AWS's cron: minutes, hours, day-of-month, month, day-of-week, year, with `* , - / ?`, `L` and `W` in the
 * day-of-month, `L` and `#` in the day-of-week; Sunday is 1 (EventBridge user guide, "Cron expressions reference").
 *
 * @throws InputError naming the field that is wrong
 */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 6) {
    throw new InputError(
      `cron(${text}): ${fields.length} fields found, 6 are needed (minutes hours day-of-month month day-of-week year)`,
    );
  }
  const [minutes, hours, days, month, weekday, years] = fields as [string, string, string, string, string, string];
  if ((days === '?') === (weekday === '?')) {
    throw new InputError(`cron(${text}): exactly one of day-of-month (${days}) and day-of-week (${weekday}) must be ?`);
  }
  const months = new Set(parseList(text, month, MONTH));
  const matchDays = days === '?' ? weekdayRule(text, weekday) : monthDayRule(text, days);
  return {
    minutes: parseList(text, minutes, MINUTES),
    hours: parseList(text, hours, HOURS),
    ...(years !== '*' && { years: parseList(text, years, YEARS) }),
    inMonth: (candidate) => months.has(candidate),
    daysOf: (year, candidate) => {
      const length = daysInMonth(year, candidate);
      const runs = matchDays(year, candidate, length);
      return [...new Set(runs)].filter((day) => day >= 1 && day <= length).sort((a, b) => a - b);
    },
  };
}

type DayRule = (year: number, month: number, length: number) => number[];

function monthDayRule(text: string, field: string): DayRule {
  const rules = field.split(',').map((item): DayRule => {
    if (item === 'L') return (_year, _month, length) => [length];
    if (item === 'LW') return (year, month, length) => [nearestWeekday(year, month, length, length)];
    const nearest = /^(\d{1,2})W$/.exec(item);
    if (nearest !== null) {
      const day = parseNumber(text, nearest[1]!, DAYS);
      return (year, month, length) => (day > length ? [] : [nearestWeekday(year, month, day, length)]);
    }
    const list = parseList(text, item, DAYS);
    return () => list;
  });
  return (year, month, length) => rules.flatMap((rule) => rule(year, month, length));
}

function weekdayRule(text: string, field: string): DayRule {
  const rules = field.split(',').map((item): DayRule => {
    const occurrence = /^(.+)#([1-5])$/.exec(item);
    if (occurrence !== null) {
      const weekday = parseNumber(text, occurrence[1]!, WEEKDAY) - 1;
      return (year, month, length) => [daysOnWeekday(year, month, weekday, length)[Number(occurrence[2]) - 1] ?? 0];
    }
    if (item !== 'L' && /^.+L$/.test(item)) {
      const weekday = parseNumber(text, item.slice(0, -1), WEEKDAY) - 1;
      return (year, month, length) => daysOnWeekday(year, month, weekday, length).slice(-1);
    }
    const weekdays = item === 'L' ? [7] : parseList(text, item, WEEKDAY);
    return (year, month, length) => weekdays.flatMap((weekday) => daysOnWeekday(year, month, weekday - 1, length));
  });
  return (year, month, length) => rules.flatMap((rule) => rule(year, month, length));
}

/** Returns all days of a month that fall on a weekday (Sunday is 0). */
function daysOnWeekday(year: number, month: number, weekday: number, length: number): number[] {
  const first = 1 + ((weekday - dayOfWeek(dayNumber(year, month, 1)) + 7) % 7);
  const days: number[] = [];
  for (let day = first; day <= length; day += 7) days.push(day);
  return days;
}

/** Returns the day from Monday to Friday nearest to a day, in the same month. */
function nearestWeekday(year: number, month: number, day: number, length: number): number {
  const weekday = dayOfWeek(dayNumber(year, month, day));
  if (weekday === 6) return day > 1 ? day - 1 : day + 2;
  if (weekday === 0) return day < length ? day + 1 : day - 2;
  return day;
}

function parseList(text: string, field: string, rule: Field): number[] {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const [range, step, ...rest] = item.split('/') as [string, string?, ...string[]];
    const every = step === undefined ? 1 : Number(step);
    if (rest.length > 0 || !Number.isInteger(every) || every < 1) throw problem(text, field, rule);
    const [first, last] = parseRange(text, range, rule, step !== undefined);
    for (let value = first; value <= last; value += every) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function parseRange(text: string, range: string, rule: Field, stepped: boolean): [number, number] {
  if (range === '*') return [rule.from, rule.to];
  const [first, last, ...rest] = range.split('-') as [string, string?, ...string[]];
  if (rest.length > 0) throw problem(text, range, rule);
  const from = parseNumber(text, first, rule);
  if (last === undefined) return [from, stepped ? rule.to : from];
  const to = parseNumber(text, last, rule);
  if (to < from) throw problem(text, range, rule);
  return [from, to];
}

function parseNumber(text: string, word: string, rule: Field): number {
  const named = rule.names?.indexOf(word.toUpperCase()) ?? -1;
  if (named >= 0) return named + 1;
  const value = /^\d+$/.test(word) ? Number(word) : NaN;
  if (!(value >= rule.from && value <= rule.to)) throw problem(text, word, rule);
  return value;
}

function problem(text: string, found: string, rule: Field): InputError {
  const names = rule.names === undefined ? '' : ` or ${rule.names[0]}-${rule.names[rule.names.length - 1]}`;
  return new InputError(
    `cron(${text}): ${rule.name} '${found}' is not understood; use ${rule.from}-${rule.to}${names}`,
  );
}
