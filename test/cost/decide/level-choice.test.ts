import {
  chooseLevel,
  levelChanges,
  liftingBudgetUsd,
  type BudgetPosition,
  type ReleaseCost,
} from '../../../lib/cost/decide/level-choice';
import type { GuardLevel } from '../../../lib/cost/decide';
import { DEFAULT_THRESHOLDS as THRESHOLDS } from '../../../lib/cost/decide';

/** Nothing spent of 100 USD, of which no floor takes a part: a percentage is an amount. */
const position: BudgetPosition = {
  spentUsd: 0,
  budgetUsd: 100,
  forecastUsd: 0,
  floorsUsd: 0,
  committedUsd: 0,
  horizonUsd: 0,
};
const NOTHING: ReleaseCost = { frozenUsd: 0, maximumUsd: 0 };

function level(
  change: Partial<BudgetPosition>,
  previous: GuardLevel = 'ok',
  release: Partial<ReleaseCost> = {},
  changed = false,
): GuardLevel {
  return chooseLevel({ ...position, ...change }, THRESHOLDS, previous, () => ({ ...NOTHING, ...release }), changed);
}

describe('the level that is entered', () => {
  test.each<[GuardLevel, Partial<BudgetPosition>]>([
    ['ok', { spentUsd: 79.99, forecastUsd: 100 }],
    ['warn', { spentUsd: 80 }],
    ['warn', { forecastUsd: 100.01 }],
    ['ok', { committedUsd: 89.99 }],
    ['freeze-growth', { committedUsd: 90 }],
    ['freeze-growth', { committedUsd: 80, horizonUsd: 10 }],
    ['freeze-growth', { committedUsd: 99.99 }],
    ['shrink', { committedUsd: 100 }],
    ['shrink', { committedUsd: 80, horizonUsd: 20 }],
    // A share of the free part: 50 + 90 % of 50 = 95
    ['ok', { floorsUsd: 50, committedUsd: 94.99 }],
    ['freeze-growth', { floorsUsd: 50, committedUsd: 95 }],
    // Floors above the budget leave no free part: freeze and shrink are at the budget.
    ['ok', { floorsUsd: 300, committedUsd: 99.99 }],
    ['shrink', { floorsUsd: 300, committedUsd: 100 }],
  ])('is %s at %p', (expected, change) => {
    expect(level(change)).toBe(expected);
  });

  test('is not missed by the rounding error of a month of minutes', () => {
    expect(level({ committedUsd: 90 - 5e-7 })).toBe('freeze-growth');
    expect(level({ committedUsd: 90 - 2e-6 })).toBe('ok');
    expect(level({ spentUsd: 80 - 5e-7 })).toBe('warn');
    expect(level({ spentUsd: 80 - 2e-6 })).toBe('ok');
  });
});

describe('the level that is left', () => {
  test.each<[string, GuardLevel, Partial<BudgetPosition>, GuardLevel, Partial<ReleaseCost>]>([
    ['shrink, five points below its threshold', 'freeze-growth', { committedUsd: 91 }, 'shrink', { frozenUsd: 3.99 }],
    ['not shrink, where what was frozen reaches them', 'shrink', { committedUsd: 91 }, 'shrink', { frozenUsd: 4 }],
    [
      'freeze-growth, five points below its threshold',
      'ok',
      { committedUsd: 80 },
      'freeze-growth',
      { maximumUsd: 4.99 },
    ],
    [
      'not freeze-growth, where the maximum reaches them',
      'freeze-growth',
      { committedUsd: 80 },
      'freeze-growth',
      { maximumUsd: 5 },
    ],
    ['warn, more than five points below its threshold', 'ok', { spentUsd: 74.99 }, 'warn', {}],
    ['not warn, five points below its threshold', 'warn', { spentUsd: 75 }, 'warn', {}],
    ['warn, at a forecast of 95 %', 'ok', { forecastUsd: 95 }, 'warn', {}],
    ['not warn, at a forecast above 95 %', 'warn', { forecastUsd: 95.01 }, 'warn', {}],
    ['freeze-growth for warn, where warn would be kept', 'warn', { spentUsd: 77 }, 'freeze-growth', {}],
    ['shrink for what is entered by itself', 'freeze-growth', { committedUsd: 92 }, 'shrink', {}],
  ])('is %s', (_, expected, change, previous, release) => {
    expect(level(change, previous, release)).toBe(expected);
  });

  test('is left without the five points once the budget is changed', () => {
    expect(level({ committedUsd: 80 }, 'freeze-growth', { maximumUsd: 9.99 }, true)).toBe('ok');
    expect(level({ committedUsd: 80 }, 'freeze-growth', { maximumUsd: 10 }, true)).toBe('freeze-growth');
    expect(level({ spentUsd: 79 }, 'warn', {}, true)).toBe('ok');
  });
});

test.each<[number, Partial<BudgetPosition>, Partial<ReleaseCost>]>([
  // 20 + (50 + 5 + 17 - 20) / 90 % = 77.8
  [78, { committedUsd: 50, horizonUsd: 5, floorsUsd: 20 }, { maximumUsd: 17 }],
  // 20 + (50 + 5 + 60 - 20) / 100 % = 115, which is reached
  [116, { committedUsd: 50, horizonUsd: 5, floorsUsd: 20 }, { frozenUsd: 60 }],
  // The floors alone
  [21, { committedUsd: 10, floorsUsd: 20 }, {}],
])('%p USD is the lowest whole amount that lifts the limits', (expected, change, release) => {
  expect(liftingBudgetUsd({ ...position, ...change }, THRESHOLDS, { ...NOTHING, ...release })).toBe(expected);
});

describe('the reason of a change of level', () => {
  const reasons = (from: GuardLevel, to: GuardLevel, change: Partial<BudgetPosition>) =>
    levelChanges(from, to, { ...position, ...change }, THRESHOLDS).map(({ reason }) => reason);

  test.each<[GuardLevel, GuardLevel, Partial<BudgetPosition>, readonly string[]]>([
    ['ok', 'warn', { spentUsd: 80 }, ['80.00 USD of 100.00 USD is spent (80.0 %), at or above 80 %']],
    [
      'ok',
      'warn',
      { spentUsd: 10, forecastUsd: 100.01 },
      ["10.00 USD of 100.00 USD is spent (10.0 %), and the period's forecast is 100.01 USD, above the budget"],
    ],
    [
      'ok',
      'freeze-growth',
      { spentUsd: 10, forecastUsd: 100, committedUsd: 89, horizonUsd: 1 },
      [
        '10.00 USD of 100.00 USD is spent (10.0 %), on the way to freeze-growth',
        '10.00 USD of 100.00 USD is spent (10.0 %), 89.00 USD is committed and 1.00 USD more until limits take effect, ' +
          'at or above 90.00 USD: fleets may not grow',
      ],
    ],
    [
      'freeze-growth',
      'shrink',
      { spentUsd: 10, committedUsd: 100 },
      [
        '10.00 USD of 100.00 USD is spent (10.0 %), 100.00 USD is committed and 0.00 USD more until limits take effect, ' +
          'at or above 100.00 USD: fleets are held at their protected floor',
      ],
    ],
    [
      'shrink',
      'warn',
      { spentUsd: 10 },
      [
        '10.00 USD of 100.00 USD is spent (10.0 %), 0.00 USD is committed and 0.00 USD more until limits take effect, ' +
          'and what a release allows stays below the threshold of shrink',
      ],
    ],
    [
      'warn',
      'ok',
      { spentUsd: 10 },
      ['10.00 USD of 100.00 USD is spent (10.0 %), more than 5 points below the threshold of warn'],
    ],
    ['warn', 'warn', { spentUsd: 10 }, []],
  ])('from %s to %s has the numbers: %p', (from, to, change, expected) => {
    expect(reasons(from, to, change)).toEqual(expected);
  });
});
