import * as fc from 'fast-check';
import {
  budgetInForce,
  budgetText,
  checkBudget,
  isSameBudget,
  MAX_AGE_DAYS,
  MAX_BUDGET_USD,
  MAX_LEAD_DAYS,
  MAX_PERIOD_DAYS,
  type Budget,
} from '../../../lib/cost/decide/budget-period';
import { budgetPeriod, utcMonth } from '../../../lib/cost/decide';
import { NOVEMBER } from './fixtures';

const DAY = 86_400;

function budget(amountUsd: number, periodStart: number | null, periodEnd: number | null): Budget {
  return { amountUsd, periodStart, periodEnd };
}

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

describe('checkBudget', () => {
  test.each<[string, Budget]>([
    ['the smallest amount', budget(0.01, null, null)],
    ['the highest amount', budget(MAX_BUDGET_USD, null, null)],
    ['a period of one evaluation', budget(1, NOVEMBER, NOVEMBER + 60)],
    ['a leap year', budget(1, NOVEMBER, NOVEMBER + MAX_PERIOD_DAYS * DAY)],
    ['a start as far ahead as it may be', budget(1, NOVEMBER + MAX_LEAD_DAYS * DAY, NOVEMBER + 99 * DAY)],
    ['a start as far back as spend is remembered', budget(1, NOVEMBER - MAX_AGE_DAYS * DAY, NOVEMBER - 1000 * DAY)],
  ])('admits %s', (_, given) => {
    expect(checkBudget(given, NOVEMBER)).toEqual([]);
  });

  test.each<[Budget, readonly string[]]>([
    [budget(0, null, null), ['amountUsd (0) is out of range; give an amount above 0 and up to 1000000000 USD']],
    [budget(Number.NaN, null, null), [expect.stringContaining('amountUsd (NaN)') as string]],
    [budget(MAX_BUDGET_USD + 1, null, null), [expect.stringContaining('amountUsd (1000000001)') as string]],
    [
      budget(1, NOVEMBER, NOVEMBER + 59),
      ['the period from 1793491200 to 1793491259 is 59 s long; give one of 60 s to 366 days'],
    ],
    [
      budget(1, NOVEMBER, NOVEMBER + MAX_PERIOD_DAYS * DAY + 1),
      ['the period from 1793491200 to 1825113601 is 31622401 s long; give one of 60 s to 366 days'],
    ],
    [
      budget(1, NOVEMBER, NOVEMBER - 1),
      ['periodEnd (1793491199) is not after periodStart (1793491200); give a later end'],
    ],
    [
      budget(1, null, NOVEMBER),
      ['periodStart is missing; give both ends of the period, or none for the calendar month'],
    ],
    [budget(1, NOVEMBER, null), ['periodEnd is missing; give both ends of the period, or none for the calendar month']],
    [
      budget(1, NOVEMBER + MAX_LEAD_DAYS * DAY + 1, NOVEMBER + 99 * DAY),
      ['periodStart (1801526401, 2027-02-02) is more than 93 days ahead; write a period when its start is nearer'],
    ],
    [
      budget(1, NOVEMBER - MAX_AGE_DAYS * DAY - 1, NOVEMBER - 1000 * DAY),
      [
        'periodStart (1698623999, 2023-10-29) is more than 1098 days ago, further back than spend is remembered; give a later start',
      ],
    ],
  ])('names the one problem of %p', (given, problems) => {
    expect(checkBudget(given, NOVEMBER)).toEqual(problems);
  });

  test.each<[number, string]>([
    [1e9 - 1, 'periodStart (999999999) is no moment of this century; give seconds since 1970, such as 1793491200'],
    [1e11, 'periodStart (100000000000) is in milliseconds; give seconds since 1970: 100000000'],
    [1e14 - 1, 'periodStart (99999999999999) is in milliseconds; give seconds since 1970: 99999999999'],
    [1e14, 'periodStart (100000000000000) is no moment of this century; give seconds since 1970, such as 1793491200'],
  ])('takes a start of %p for no moment in seconds, and measures no period by it', (start, problem) => {
    expect(checkBudget(budget(1, start, NOVEMBER), NOVEMBER)).toEqual([problem]);
  });

  test('takes the first and the last second that may be meant for seconds', () => {
    expect(checkBudget(budget(1, 1e9, 1e9 + 60), null)).toEqual([]);
    expect(checkBudget(budget(1, 1e11 - 61, 1e11 - 1), null)).toEqual([]);
  });
});

describe('budgetInForce', () => {
  const month = budget(50, null, null);
  const later = budget(70, NOVEMBER + 100, NOVEMBER + 200);

  test('is none before one was read', () => {
    expect(budgetInForce(null, undefined, NOVEMBER)).toBeUndefined();
  });

  test('is the written one, and the stored one while none can be read', () => {
    expect(budgetInForce(month, later, NOVEMBER)).toEqual({ budget: month, note: undefined });
    expect(budgetInForce(null, month, NOVEMBER)).toEqual({ budget: month, note: undefined });
  });

  test('changes in the second in which a period begins, and tells of its end from the second in which it is over', () => {
    expect(budgetInForce(later, month, NOVEMBER + 99)!.budget).toEqual(month);
    expect(budgetInForce(later, month, NOVEMBER + 100)).toEqual({ budget: later, note: undefined });
    expect(budgetInForce(later, month, NOVEMBER + 199)!.note).toBeUndefined();
    expect(budgetInForce(later, month, NOVEMBER + 200)).toEqual({
      budget: later,
      note:
        'the period of the budget of 70 USD from 2026-11-01T00:01:40Z to 2026-11-01T00:03:20Z is over; ' +
        'it stays in force until another budget is written',
    });
  });

  test.each<[string, Budget | undefined]>([
    ['without a stored one', undefined],
    ['where the stored one has not begun either', budget(9, NOVEMBER + 50, NOVEMBER + 90)],
  ])('is the amount of a period that has not begun, for the month, %s', (_, stored) => {
    expect(budgetInForce(later, stored, NOVEMBER)!.budget).toEqual(budget(70, null, null));
  });

  test('is a stored period in the second in which it begins, before the written one does', () => {
    const begun = budget(9, NOVEMBER, NOVEMBER + 90);
    expect(budgetInForce(later, begun, NOVEMBER)!.budget).toEqual(begun);
  });
});

test('two budgets are the same if amount and both ends are', () => {
  const one = budget(1, NOVEMBER, NOVEMBER + 60);
  expect(isSameBudget(one, { ...one })).toBe(true);
  expect(isSameBudget(one, { ...one, amountUsd: 2 })).toBe(false);
  expect(isSameBudget(one, { ...one, periodStart: NOVEMBER + 1 })).toBe(false);
  expect(isSameBudget(one, { ...one, periodEnd: NOVEMBER + 61 })).toBe(false);
});

test('a budget with one end is one of the calendar month', () => {
  expect(budgetText(budget(5, NOVEMBER, null))).toBe('the budget of 5 USD for a calendar month');
  expect(budgetPeriod(budget(5, null, NOVEMBER), NOVEMBER)).toEqual(utcMonth(NOVEMBER));
});
