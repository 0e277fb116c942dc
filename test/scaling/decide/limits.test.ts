import { applyLimits } from '../../../lib/scaling/decide/limits';

const LIMITS = { minCapacity: 2, maxCapacity: 8 };

function limited(wanted: number, limits = LIMITS, ...ceilings: [maxCapacity: number, source?: string][]) {
  const given = ceilings.map(([maxCapacity, source = 'guard']) => ({
    source,
    maxCapacity,
    reason: 'enough was spent',
  }));
  const { capacity, limitedBy, step } = applyLimits(wanted, limits, given);
  expect(step).toMatchObject({ stage: 'limits', from: wanted, to: capacity });
  return [capacity, limitedBy, step.reason];
}

describe('a capacity', () => {
  test.each<[number, unknown[]]>([
    [1, [2, 'min', '1 is below the minimum 2']],
    [2, [2, undefined, '2 lies between minimum 2 and maximum 8']],
    [5, [5, undefined, '5 lies between minimum 2 and maximum 8']],
    [8, [8, undefined, '8 lies between minimum 2 and maximum 8']],
    [9, [8, 'max', '9 is above the maximum 8']],
  ])('of %p is kept between minimum and maximum', (wanted, expected) => {
    expect(limited(wanted)).toEqual(expected);
    const { capacity, limitedBy, step } = applyLimits(wanted, LIMITS);
    expect([capacity, limitedBy, step.reason]).toEqual(expected);
  });

  test('is kept under the lowest ceiling, the first of two that are equal', () => {
    expect(limited(7, LIMITS, [6, 'a'], [4, 'b'], [4, 'c'], [5, 'd'])).toEqual([
      4,
      'ceiling',
      'b allows at most 4: enough was spent',
    ]);
    expect(limited(4, LIMITS, [4])).toEqual([4, undefined, '4 lies between minimum 2 and maximum 8']);
  });

  test('is below the minimum where a ceiling is', () => {
    const above = 'guard allows at most 1, although the minimum is 2: enough was spent';
    expect(limited(7, LIMITS, [1])).toEqual([1, 'ceiling', above]);
    // Nothing is wanted, but the minimum would ask for 2.
    expect(limited(0, LIMITS, [1])).toEqual([1, 'ceiling', above]);
    expect(limited(7, LIMITS, [2])).toEqual([2, 'ceiling', 'guard allows at most 2: enough was spent']);
    expect(limited(7, LIMITS, [-1])[0]).toBe(0);
  });

  test('is limited by a ceiling only where the maximum is higher', () => {
    expect(limited(20, LIMITS, [9])).toEqual([8, 'max', '20 is above the maximum 8']);
    expect(limited(20, LIMITS, [8])).toEqual([8, 'max', '20 is above the maximum 8']);
    expect(limited(20, LIMITS, [7])[1]).toBe('ceiling');
  });
});
