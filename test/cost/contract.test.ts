import * as fc from 'fast-check';
import {
  formatBudget,
  parseBudget,
  parseGuardConfiguration,
  parseGuardMemory,
  parseGuardRecord,
} from '../../lib/cost/contract';

describe('parseBudget', () => {
  test('reads back what was written', () => {
    const amount = fc.double({ min: 0.01, max: 1e9, noNaN: true });
    const start = fc.option(fc.integer({ min: 0, max: 1e10 }));
    fc.assert(
      fc.property(amount, start, fc.option(fc.integer({ min: 1, max: 1e6 })), (amountUsd, periodStart, length) => {
        const periodEnd = length === null ? null : (periodStart ?? 0) + length;
        const budget = { amountUsd, periodStart, periodEnd };
        expect(parseBudget(formatBudget(budget))).toEqual(budget);
      }),
    );
  });

  test('takes an amount alone as the budget of the calendar month', () => {
    expect(parseBudget('{"amountUsd": 7}')).toEqual({ amountUsd: 7, periodStart: null, periodEnd: null });
  });

  test.each([
    ['500', /no JSON object/],
    ['{', /no JSON/],
    ['{"amountUsd": "500"}', /amountUsd is "500"; give an amount above 0/],
    ['{"amountUsd": 1e999}', /amountUsd is null; give an amount above 0/],
    ['{"amountUsd": 1, "periodStart": "today"}', /periodStart is "today"; give seconds since 1970/],
    ['{"amountUsd": 1, "periodStart": 9, "periodEnd": 9}', /periodEnd \(9\) is not after periodStart \(9\)/],
  ])('refuses %s', (text, message) => {
    expect(() => parseBudget(text)).toThrow(message);
  });
});

describe('the other parsers', () => {
  test('refuse a configuration whose price is missing', () => {
    const fleet = { resourceId: 'r', minCapacity: 1, maxCapacity: 2, protectedFloor: 1, pricesPerHourUsd: {} };
    const thresholds = { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 };
    const text = JSON.stringify({ fleets: [fleet], training: null, thresholds });
    expect(() => parseGuardConfiguration(text)).toThrow(/r: no price is given/);
  });

  test('refuse limits that contradict each other', () => {
    const fleet = { resourceId: 'r', minCapacity: 3, maxCapacity: 2, protectedFloor: 5, pricesPerHourUsd: { a: 1 } };
    const thresholds = { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 };
    const text = JSON.stringify({ fleets: [fleet], training: null, thresholds });
    expect(() => parseGuardConfiguration(text)).toThrow(
      /minCapacity \(3\) is above maxCapacity \(2\)[^]*protectedFloor/,
    );
  });

  test('refuse a record or a state that is none', () => {
    expect(() => parseGuardRecord('{"level": "panic"}')).toThrow(/'panic' is no guard level/);
    expect(() => parseGuardMemory('{"level": "ok"}')).toThrow(/delete the item to start again/);
  });
});
