import fc from 'fast-check';
import { InputError } from '../../../lib/core/errors';
import { civilOf, momentOf } from '../../../lib/scaling/decide/civil-time';
import { nextDue, parseSchedule } from '../../../lib/scaling/decide/schedule-expression';

describe('schedule expressions', () => {
  test.each([
    'every day',
    'rate(0 minutes)',
    'rate(5 fortnights)',
    'rate(five minutes)',
    'at(2026-02-30T00:00:00)',
    'at(2026-11-02 10:00)',
    'at(2026-11-02T24:00:00)',
    'cron(60 * * * ? *)',
    'cron(0 24 * * ? *)',
    'cron(0 0 0 * ? *)',
    'cron(0 0 * 13 ? *)',
    'cron(0 0 ? * 8 *)',
    'cron(0 0 ? * MON#6 *)',
    'cron(0 0 ? * ? *)',
    'cron(0 0 1 * MON *)',
    'cron(5-1 0 * * ? *)',
    'cron(0/0 0 * * ? *)',
    'cron(0/1/2 0 * * ? *)',
    'cron(1-2-3 0 * * ? *)',
    'cron(x 0 * * ? *)',
    'cron(0 0 32W * ? *)',
    'cron(0 0 * * ? 3000)',
  ])('refuses %s', (text) => expect(() => parseSchedule(text)).toThrow(InputError));

  test('finds nothing for a date that never comes', () => {
    expect(nextDue(parseSchedule('cron(0 0 30 2 ? *)'), 1_793_577_600)).toBeUndefined();
  });

  test('counts a rate from its anchor', () => {
    const rate = parseSchedule('rate(10 minutes)');
    expect(nextDue(rate, 1000, 900)).toBe(1500);
    expect(nextDue(rate, 1500, 900)).toBe(2100);
    expect(nextDue(rate, 100, 900)).toBe(1500);
  });

  test('always comes after the moment asked about, in every zone', () => {
    const zones = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Pacific/Auckland',
      'Asia/Kolkata',
      'America/Sao_Paulo',
    );
    const moment = fc.integer({ min: 1_600_000_000, max: 2_000_000_000 });
    const minute = fc.integer({ min: 0, max: 59 });
    fc.assert(
      fc.property(zones, moment, minute, fc.integer({ min: 0, max: 23 }), (zone, after, minutes, hours) => {
        const due = nextDue(parseSchedule(`cron(${minutes} ${hours} * * ? *)`, zone), after)!;
        expect(due).toBeGreaterThan(after);
        expect(due - after).toBeLessThanOrEqual(2 * 86_400);
        expect(civilOf(due, zone).minute).toBe(minutes);
      }),
      { numRuns: 60 },
    );
  });
});

describe('civil time', () => {
  test('comes back to the same clock time away from changes of the clocks', () => {
    const noon = { year: 2027, month: 6, day: 15, hour: 12, minute: 30, second: 0 };
    for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Auckland']) {
      expect(civilOf(momentOf(noon, zone), zone)).toEqual(noon);
    }
  });
});
