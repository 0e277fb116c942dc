import { checkFloors, floorsUsd, HOURS_PER_LONGEST_MONTH } from '../../../lib/cost/decide/floors';
import { smoothedRate, withinPeriod } from '../../../lib/cost/decide/burn-rate';

const chat = { resourceId: 'chat', protectedFloor: 2, pricesPerHourUsd: { a: 1.5, b: 1 } };
const search = { resourceId: 'search', protectedFloor: 1, pricesPerHourUsd: { a: 1.5 } };
const free = { resourceId: 'free', protectedFloor: 0, pricesPerHourUsd: { a: 9 } };

describe('the protected floors', () => {
  test('cost their dearest price for as long as the period lasts, and nothing once it is over', () => {
    expect(floorsUsd([chat, search, free], 7200)).toBe(9);
    expect(floorsUsd([chat], -1)).toBe(0);
    expect(HOURS_PER_LONGEST_MONTH).toBe(744);
  });

  test('leave something of a budget above their sum', () => {
    expect(checkFloors('budgetUsd (9.01)', 9.01, [chat, search, free], 2)).toEqual([]);
    expect(checkFloors('budgetUsd (0)', 0, [free], 2)).toEqual([]);
  });

  test('are named one by one, with the sum and the way out, where they spend a budget', () => {
    expect(checkFloors('budgetUsd (6)', 6, [chat, free], 2)).toEqual([
      'budgetUsd (6) is spent by the protected floors alone (chat: 2 x 1.5 USD/h x 2 h = 6.00 USD); ' +
        'give more than 6 USD, or lower protectedFloor',
    ]);
    expect(checkFloors('budgetUsd (6)', 6, [chat, search], 1.75)).toEqual([
      'budgetUsd (6) is spent by the protected floors alone (chat: 2 x 1.5 USD/h x 1.75 h = 5.25 USD, ' +
        'search: 1 x 1.5 USD/h x 1.75 h = 2.63 USD; together 7.88 USD); give more than 8 USD, or lower protectedFloor',
    ]);
  });
});

describe('the rate of the forecast', () => {
  test('is the present one at the first evaluation, and without smoothing', () => {
    expect(smoothedRate(undefined, 6, 60, 3600)).toBe(6);
    expect(smoothedRate(2, 6, 0, 0)).toBe(6);
    expect(smoothedRate(2, 6, -60, 3600)).toBe(2);
  });
});

test('a time span ends with the period, and is whole once the period is over', () => {
  const period = { startSeconds: 0, endSeconds: 1000 };
  expect(withinPeriod(300, 600, period)).toBe(300);
  expect(withinPeriod(300, 900, period)).toBe(100);
  expect(withinPeriod(300, 1000, period)).toBe(300);
  expect(withinPeriod(300, 2000, period)).toBe(300);
});
