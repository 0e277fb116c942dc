import type { PolicySignal } from '../../../lib/scaling/decide/observation';
import type { StepAdjustment, StepPolicy } from '../../../lib/scaling/decide/plan';
import { shown } from '../../../lib/scaling/decide/proposal';
import { findStep, percentChange, proposeStep } from '../../../lib/scaling/decide/step';

const UP = { lowerBound: 0, upperBound: 10, adjustment: 1 };
const FAR_UP = { lowerBound: 10, adjustment: 2 };
const DOWN = { lowerBound: -10, upperBound: 0, adjustment: -1 };
const FAR_DOWN = { upperBound: -10, adjustment: -2 };
const STEPS = [FAR_DOWN, DOWN, UP, FAR_UP];

const policy: StepPolicy = {
  kind: 'step',
  policyName: 'burst',
  adjustmentType: 'ChangeInCapacity',
  steps: STEPS,
  threshold: 50,
};

test('a number in a reason has at most three decimals, and stays a number whatever its size', () => {
  expect([0.12345, -2, 1e308, -1e308].map(shown)).toEqual(['0.123', '-2', '1e+308', '-1e+308']);
});

describe('the step of a breach', () => {
  test.each<[number, StepAdjustment]>([
    [0.1, UP],
    [9.9, UP],
    [10, FAR_UP],
    [1e9, FAR_UP],
    [-0.1, DOWN],
    [-9.9, DOWN],
    [-10, FAR_DOWN],
    [-1e9, FAR_DOWN],
  ])('of %p includes its lower bound above the threshold, its upper one below it', (breach, expected) => {
    expect(findStep(STEPS, breach)).toBe(expected);
  });

  test('at the threshold is that of the side of the alarm, else the upper one, as far as there is one', () => {
    expect(findStep(STEPS, 0, 'high')).toBe(UP);
    expect(findStep(STEPS, 0, 'low')).toBe(DOWN);
    expect(findStep(STEPS, 0)).toBe(UP);
    expect(findStep([DOWN], 0)).toBe(DOWN);
    expect(findStep([UP], 0, 'low')).toBeUndefined();
  });

  test('is none outside of every bound', () => {
    expect(findStep([UP], -1)).toBeUndefined();
    expect(findStep([DOWN], 1)).toBeUndefined();
    expect(findStep([UP], 10)).toBeUndefined();
    expect(findStep([DOWN], -10)).toBeUndefined();
  });
});

test.each([
  // The examples of the guide: 12.7, 0.67, -0.58, -6.67
  [100, 12.7, undefined, 12],
  [10, 6.7, undefined, 1],
  [10, -5.8, undefined, -1],
  [100, -6.67, undefined, -6],
  [10, 10, undefined, 1],
  [10, 20, undefined, 2],
  // 29 % of 100 is 28.999999999999996
  [100, 29, undefined, 29],
  [10, 0, 3, 0],
  [10, 10, 3, 3],
  [10, -10, 3, -3],
  [10, 50, 3, 5],
  [0, 50, undefined, 0],
  [0, 50, 2, 2],
])('of %p, %p %% with at least %p are %p', (capacity, percent, magnitude, expected) => {
  expect(percentChange(capacity, percent, magnitude)).toBeCloseTo(expected, 12);
});

describe('the proposal of a step policy', () => {
  const proposed = (signal: PolicySignal | undefined, overrides: Partial<StepPolicy> = {}, countedFrom = 4) => {
    const { direction, capacity, cooldownSeconds, reason } = proposeStep(
      { ...policy, ...overrides },
      { signal, desiredCapacity: 4, countedFrom },
    );
    return [direction, capacity, cooldownSeconds, reason];
  };

  test('belongs to the policy, and needs no agreement to scale in', () => {
    expect(proposeStep(policy, { signal: { value: 55 }, desiredCapacity: 4, countedFrom: 4 })).toMatchObject({
      policyName: 'burst',
      kind: 'step',
      mustAgreeToScaleIn: false,
    });
  });

  test.each<[string, PolicySignal | undefined, Partial<StepPolicy>, unknown[]]>([
    [
      'adds above the threshold',
      { value: 55 },
      {},
      ['out', 5, 300, 'metric 55 is 5 above threshold 50, in step 0 to 10: +1 of 4 gives 5'],
    ],
    [
      'adds more further above it',
      { value: 60 },
      { cooldownSeconds: 0 },
      ['out', 6, 0, 'metric 60 is 10 above threshold 50, in step 10 to +∞: +2 of 4 gives 6'],
    ],
    [
      'removes below the threshold',
      { value: 45.5 },
      { cooldownSeconds: 60 },
      ['in', 3, 60, 'metric 45.5 is 4.5 below threshold 50, in step -10 to 0: -1 of 4 gives 3'],
    ],
    [
      'never goes below zero',
      { value: 1 },
      { steps: [{ upperBound: 0, adjustment: -9 }] },
      ['in', 0, 300, 'metric 1 is 49 below threshold 50, in step -∞ to 0: -9 of 4 gives 0'],
    ],
    [
      'sets an exact capacity',
      { value: 55 },
      { adjustmentType: 'ExactCapacity', steps: [{ lowerBound: 0, adjustment: 7 }] },
      ['out', 7, 300, 'metric 55 is 5 above threshold 50, in step 0 to +∞: exactly 7 instead of 4 gives 7'],
    ],
    [
      'sets a smaller exact capacity',
      { value: 55 },
      { adjustmentType: 'ExactCapacity', steps: [{ lowerBound: 0, adjustment: 2 }] },
      ['in', 2, 300, 'metric 55 is 5 above threshold 50, in step 0 to +∞: exactly 2 instead of 4 gives 2'],
    ],
    [
      'holds where the exact capacity is there already',
      { value: 55 },
      { adjustmentType: 'ExactCapacity', steps: [{ lowerBound: 0, adjustment: 4 }] },
      ['hold', 4, 0, 'metric 55 is 5 above threshold 50, in step 0 to +∞: exactly 4 instead of 4 gives 4'],
    ],
    [
      'adds a percentage',
      { value: 55 },
      { adjustmentType: 'PercentChangeInCapacity', steps: [{ lowerBound: 0, adjustment: 50 }] },
      ['out', 6, 300, 'metric 55 is 5 above threshold 50, in step 0 to +∞: +50 % of 4 gives 6'],
    ],
    [
      'adds at least its magnitude',
      { value: 55 },
      {
        adjustmentType: 'PercentChangeInCapacity',
        minAdjustmentMagnitude: 3,
        steps: [{ lowerBound: 0, adjustment: 25 }],
      },
      ['out', 7, 300, 'metric 55 is 5 above threshold 50, in step 0 to +∞: +25 % (at least 3) of 4 gives 7'],
    ],
    [
      'holds in a step that changes nothing',
      { value: 55 },
      { steps: [{ adjustment: 0 }] },
      ['hold', 4, 0, 'metric 55 is 5 above threshold 50, in step -∞ to +∞: 0 of 4 gives 4'],
    ],
    [
      'holds where no step applies',
      { value: 45 },
      { steps: [UP, FAR_UP] },
      ['hold', 4, 0, 'metric 45 is 5 below threshold 50, where no step applies'],
    ],
    [
      'takes the threshold of the alarm first',
      { value: 55, threshold: 54 },
      {},
      ['out', 5, 300, 'metric 55 is 1 above threshold 54, in step 0 to 10: +1 of 4 gives 5'],
    ],
    ['holds without a signal', undefined, {}, ['hold', 4, 0, 'the metric is missing (insufficient data)']],
    ['holds without a number', { datapoints: [NaN] }, {}, ['hold', 4, 0, 'the metric is missing (insufficient data)']],
    [
      'holds without a threshold',
      { value: 55 },
      { threshold: undefined },
      ['hold', 4, 0, 'the threshold of the steps is not known'],
    ],
    ['holds while the alarm is OK', { value: 55, alarm: 'ok' }, {}, ['hold', 4, 0, 'the alarm is OK']],
    [
      'holds while the alarm has no data',
      { value: 55, alarm: 'insufficient-data' },
      {},
      ['hold', 4, 0, 'the alarm has insufficient data'],
    ],
  ])('%s', (_, signal, overrides, expected) => {
    expect(proposed(signal, overrides)).toEqual(expected);
  });

  test('counts an addition from before the scale-outs in cooldown, a removal from the desired capacity', () => {
    // Out, so that the cooldown says why nothing is added: 2 + 1 is below the 4 that are on their way.
    expect(proposed({ value: 55 }, {}, 2).slice(0, 2)).toEqual(['out', 3]);
    expect(proposed({ value: 60 }, { steps: [{ lowerBound: 0, adjustment: 5 }] }, 2).slice(0, 2)).toEqual(['out', 7]);
    expect(proposed({ value: 45 }, {}, 2).slice(0, 2)).toEqual(['in', 3]);
    const exact = { adjustmentType: 'ExactCapacity', steps: [{ lowerBound: 0, adjustment: 3 }] } as const;
    expect(proposed({ value: 55 }, exact, 2).slice(0, 2)).toEqual(['in', 3]);
  });

  test.each([
    [undefined, 60, 'in step 10 to +∞'],
    ['Average', 60, 'in step 10 to +∞'],
    ['Minimum', 40, 'in step -∞ to -10'],
    ['Maximum', 80, 'in step 10 to +∞'],
  ] as const)(
    'aggregates datapoints by %s, without those that are no numbers',
    (metricAggregationType, value, step) => {
      const reason = proposed({ datapoints: [40, 60, NaN, 80], value: 1 }, { metricAggregationType })[3];
      expect(reason).toContain(`metric ${value} is `);
      expect(reason).toContain(step);
    },
  );
});
