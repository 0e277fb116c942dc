import * as fc from 'fast-check';
import { budgetPeriod, utcMonth } from '../../../lib/cost/decide';

describe('utcMonth', () => {
  test.each([
    ['1970-01-01T00:00:00Z', '1970-01-01', '1970-02-01'],
    ['2026-11-24T12:34:56Z', '2026-11-01', '2026-12-01'],
    ['2026-12-31T23:59:59Z', '2026-12-01', '2027-01-01'],
    ['2028-02-29T00:00:00Z', '2028-02-01', '2028-03-01'],
    ['2000-03-01T00:00:00Z', '2000-03-01', '2000-04-01'],
  ])('holds %s in the month from %s to %s', (at, start, end) => {
    expect(utcMonth(Date.parse(at) / 1000)).toEqual({
      startSeconds: Date.parse(`${start}T00:00:00Z`) / 1000,
      endSeconds: Date.parse(`${end}T00:00:00Z`) / 1000,
    });
  });

  test('agrees with the calendar of the machine for any moment', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 32_503_680_000 }), (at) => {
        const date = new Date(at * 1000);
        expect(utcMonth(at)).toEqual({
          startSeconds: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / 1000,
          endSeconds: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 1000,
        });
      }),
    );
  });
});

describe('budgetPeriod', () => {
  test('is the calendar month when neither end is given', () => {
    const at = Date.parse('2026-11-24T00:00:00Z') / 1000;
    expect(budgetPeriod({ amountUsd: 1, periodStart: null, periodEnd: null }, at)).toEqual(utcMonth(at));
  });

  test('stays in force after a fixed end', () => {
    expect(budgetPeriod({ amountUsd: 1, periodStart: 100, periodEnd: 200 }, 500)).toEqual({
      startSeconds: 100,
      endSeconds: 200,
    });
  });
});
