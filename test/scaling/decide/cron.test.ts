import { InputError } from '../../../lib/core/errors';
import { checkTimezone, civilOf, momentOf } from '../../../lib/scaling/decide/civil-time';
import { parseCron } from '../../../lib/scaling/decide/cron';

const days = (dayFields: string, year: number, month: number): number[] => {
  const [dayOfMonth, weekday] = dayFields.split(' ');
  return parseCron(`0 0 ${dayOfMonth} * ${weekday} *`).daysOf(year, month);
};

describe('the days of a cron expression', () => {
  // November 2026 begins on a Sunday and has 30 days; August 2026 begins on a Saturday; May 2026 ends on a Sunday.
  test.each<[string, number, number, number[]]>([
    ['1,15 ?', 2026, 11, [1, 15]],
    ['15,1,15 ?', 2026, 11, [1, 15]],
    ['28-31 ?', 2026, 11, [28, 29, 30]],
    ['28-31 ?', 2026, 2, [28]],
    ['28-31 ?', 2028, 2, [28, 29]],
    ['*/10 ?', 2026, 11, [1, 11, 21]],
    ['25/2 ?', 2026, 11, [25, 27, 29]],
    ['5-5 ?', 2026, 11, [5]],
    ['L ?', 2026, 2, [28]],
    ['L,1 ?', 2026, 11, [1, 30]],
    // The last day of the month, or the weekday nearest to it
    ['LW ?', 2026, 11, [30]],
    ['LW ?', 2026, 5, [29]],
    ['LW ?', 2026, 10, [30]],
    ['3W ?', 2026, 11, [3]],
    // Saturday the 7th goes back, Sunday the 8th forth
    ['7W ?', 2026, 11, [6]],
    ['8W ?', 2026, 11, [9]],
    // Neither leaves its month
    ['1W ?', 2026, 8, [3]],
    ['1W ?', 2026, 11, [2]],
    ['31W ?', 2026, 5, [29]],
    ['31W ?', 2026, 11, []],
    ['30W ?', 2026, 11, [30]],
    ['12W ?', 2026, 12, [11]],
    ['? 1', 2026, 11, [1, 8, 15, 22, 29]],
    ['? SAT', 2026, 11, [7, 14, 21, 28]],
    ['? L', 2026, 11, [7, 14, 21, 28]],
    ['? 7', 2026, 8, [1, 8, 15, 22, 29]],
    ['? MON,wed', 2026, 11, [2, 4, 9, 11, 16, 18, 23, 25, 30]],
    ['? TUE-THU', 2026, 2, [3, 4, 5, 10, 11, 12, 17, 18, 19, 24, 25, 26]],
    ['? FRI#1', 2026, 11, [6]],
    ['? 6#3', 2026, 11, [20]],
    ['? MON#5', 2026, 11, [30]],
    ['? TUE#5', 2026, 11, []],
    ['? FRIL', 2026, 11, [27]],
    ['? 2L', 2026, 11, [30]],
    ['? SUNL,MON#1', 2026, 11, [2, 29]],
  ])('%s in %p-%p are %p', (fields, year, month, expected) => {
    expect(days(fields, year, month)).toEqual(expected);
  });

  test('are read whatever blanks are around the fields', () => {
    const cron = parseCron('  5,0   8-10 *  *   ?  * ');
    expect([cron.minutes, cron.hours, cron.years]).toEqual([[0, 5], [8, 9, 10], undefined]);
  });

  test.each<[string, readonly number[]]>([
    ['JAN,dec', [1, 12]],
    ['FEB-APR', [2, 3, 4]],
    ['MAY/3', [5, 8, 11]],
    ['*/6', [1, 7]],
    ['6,7,8,9,10,11', [6, 7, 8, 9, 10, 11]],
    ['JUN,JUL,AUG,SEP,OCT,NOV', [6, 7, 8, 9, 10, 11]],
  ])('are in the months %s', (month, expected) => {
    const { inMonth } = parseCron(`0 0 1 ${month} ? *`);
    expect(Array.from({ length: 12 }, (_, index) => index + 1).filter(inMonth)).toEqual(expected);
  });

  test('know every weekday by its name, Sunday first', () => {
    const names = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
    expect(names.map((name) => days(`? ${name}`, 2026, 11)[0])).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('are of the years that are named', () => {
    expect(parseCron('0 0 1 1 ? 2027-2029').years).toEqual([2027, 2028, 2029]);
    expect(parseCron('0 0 1 1 ? 1970,2199').years).toEqual([1970, 2199]);
  });
});

describe('a cron expression that is none', () => {
  test.each([
    ['* * * * ?', 'cron(* * * * ?): 5 fields found, 6 are needed (minutes hours day-of-month month day-of-week year)'],
    ['0 0 1 * MON *', 'cron(0 0 1 * MON *): exactly one of day-of-month (1) and day-of-week (MON) must be ?'],
    ['60 0 1 * ? *', "cron(60 0 1 * ? *): minutes '60' is not understood; use 0-59"],
    ['0 24 1 * ? *', "cron(0 24 1 * ? *): hours '24' is not understood; use 0-23"],
    ['0 0 32 * ? *', "cron(0 0 32 * ? *): day-of-month '32' is not understood; use 1-31"],
    ['0 0 32W * ? *', "cron(0 0 32W * ? *): day-of-month '32' is not understood; use 1-31"],
    ['0 0 x3W * ? *', "cron(0 0 x3W * ? *): day-of-month 'x3W' is not understood; use 1-31"],
    ['0 0 1WW * ? *', "cron(0 0 1WW * ? *): day-of-month '1WW' is not understood; use 1-31"],
    ['0 0 1 13 ? *', "cron(0 0 1 13 ? *): month '13' is not understood; use 1-12 or JAN-DEC"],
    ['0 0 ? * 8 *', "cron(0 0 ? * 8 *): day-of-week '8' is not understood; use 1-7 or SUN-SAT"],
    ['0 0 ? * MON#6 *', "cron(0 0 ? * MON#6 *): day-of-week 'MON#6' is not understood; use 1-7 or SUN-SAT"],
    ['0 0 ? * MON#55 *', "cron(0 0 ? * MON#55 *): day-of-week 'MON#55' is not understood; use 1-7 or SUN-SAT"],
    ['0 0 ? * #1 *', "cron(0 0 ? * #1 *): day-of-week '#1' is not understood; use 1-7 or SUN-SAT"],
    ['0 0 ? * 0L *', "cron(0 0 ? * 0L *): day-of-week '0' is not understood; use 1-7 or SUN-SAT"],
    ['0 0 1 1 ? 1969', "cron(0 0 1 1 ? 1969): year '1969' is not understood; use 1970-2199"],
    ['0 0 1 1 ? 2200', "cron(0 0 1 1 ? 2200): year '2200' is not understood; use 1970-2199"],
    ['5-1 0 1 1 ? *', "cron(5-1 0 1 1 ? *): minutes '5-1' is not understood; use 0-59"],
    ['1-2-3 0 1 1 ? *', "cron(1-2-3 0 1 1 ? *): minutes '1-2-3' is not understood; use 0-59"],
    ['*/0 0 1 1 ? *', "cron(*/0 0 1 1 ? *): minutes '*/0' is not understood; use 0-59"],
    ['0/1.5 0 1 1 ? *', "cron(0/1.5 0 1 1 ? *): minutes '0/1.5' is not understood; use 0-59"],
    ['0/1/2 0 1 1 ? *', "cron(0/1/2 0 1 1 ? *): minutes '0/1/2' is not understood; use 0-59"],
  ])('is refused with the field that is wrong: %s', (text, message) => {
    expect(() => parseCron(text)).toThrow(new InputError(message));
  });

  test('begins at both ends of a field, which are allowed', () => {
    const { minutes, hours } = parseCron('0,59 0,23 1,31 1,12 ? *');
    expect([minutes, hours]).toEqual([
      [0, 59],
      [0, 23],
    ]);
  });
});

describe('the clock of a zone', () => {
  const moment = (text: string): number => Date.parse(text) / 1000;
  const civil = (month: number, day: number, hour: number, minute: number) => ({
    year: 2027,
    month,
    day,
    hour,
    minute,
    second: 30,
  });

  test.each<[string, string, ReturnType<typeof civil>, string]>([
    ['has no offset in UTC', 'UTC', civil(6, 15, 12, 30), '2027-06-15T12:30:30Z'],
    ['has none in Etc/UTC', 'Etc/UTC', civil(6, 15, 12, 30), '2027-06-15T12:30:30Z'],
    ['is ahead in the east', 'Asia/Kolkata', civil(6, 15, 12, 30), '2027-06-15T07:00:30Z'],
    ['is behind in the west', 'America/New_York', civil(1, 15, 12, 30), '2027-01-15T17:30:30Z'],
    ['is another one in summer', 'America/New_York', civil(7, 15, 12, 30), '2027-07-15T16:30:30Z'],
    // Berlin goes from 2 to 3 on 28 March 2027, at 1:00 UTC, and from 3 to 2 on 31 October, at 1:00 UTC.
    ['is that of winter before the change', 'Europe/Berlin', civil(3, 28, 1, 59), '2027-03-28T00:59:30Z'],
    ['is that of summer after the change', 'Europe/Berlin', civil(3, 28, 3, 0), '2027-03-28T01:00:30Z'],
    ['is still that of summer before the change back', 'Europe/Berlin', civil(10, 31, 1, 59), '2027-10-30T23:59:30Z'],
    ['is that of winter after the change back', 'Europe/Berlin', civil(10, 31, 3, 0), '2027-10-31T02:00:30Z'],
  ])('%s', (_, zone, time, expected) => {
    expect(momentOf(time, zone)).toBe(moment(expected));
    expect(civilOf(moment(expected), zone)).toEqual(time);
  });

  test('moves a time that the clocks skip forward by the skipped hour, and takes the first of a time that comes twice', () => {
    expect(momentOf(civil(3, 28, 2, 30), 'Europe/Berlin')).toBe(moment('2027-03-28T01:30:30Z'));
    expect(momentOf(civil(10, 31, 2, 30), 'Europe/Berlin')).toBe(moment('2027-10-31T00:30:30Z'));
    expect(momentOf(civil(3, 14, 2, 30), 'America/New_York')).toBe(moment('2027-03-14T07:30:30Z'));
    expect(momentOf(civil(11, 7, 1, 30), 'America/New_York')).toBe(moment('2027-11-07T05:30:30Z'));
  });

  test('of no known zone is refused with the way out', () => {
    expect(() => checkTimezone('Europe/Berlni')).toThrow(
      new InputError("time zone 'Europe/Berlni' is not known; use a name like Europe/Berlin or UTC"),
    );
    expect(() => checkTimezone('Europe/Berlin')).not.toThrow();
  });
});
