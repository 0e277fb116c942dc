import {
  believedLimits,
  claimLimits,
  ownsMaximum,
  ownsMinimum,
  rememberHeld,
  type HeldLimits,
} from '../../../lib/cost/decide/held-limits';
import type { LimitsSeen } from '../../../lib/scaling/decide/limits';
import { inForce } from './fixtures';

const target = { scalableDimension: 'dimension', declared: { minCapacity: 2, maxCapacity: 8 } };

function limits(minCapacity: number, maxCapacity: number, evaluations = 0) {
  return { minCapacity, maxCapacity, evaluations };
}

/** Held at 2..4 and then at 1..1. */
const held: HeldLimits = { ...target, claimed: [limits(2, 4), limits(1, 1)], status: 'set' };

describe('claimed limits', () => {
  test('are the newest, and set once the action had its effect', () => {
    expect(claimLimits(undefined, target, { minCapacity: 2, maxCapacity: 4 })).toEqual({
      ...target,
      claimed: [limits(2, 4)],
      status: 'set',
    });
    expect(claimLimits(held, target, { minCapacity: 0, maxCapacity: 3 }).claimed).toEqual([
      limits(2, 4),
      limits(1, 1),
      limits(0, 3),
    ]);
  });

  test('are held once, however often they are claimed, beside others with the same minimum or maximum', () => {
    const similar = { claimed: [limits(2, 4, 1), limits(2, 5), limits(1, 4)] };
    expect(claimLimits(similar, target, { minCapacity: 2, maxCapacity: 4 }).claimed).toEqual([
      limits(2, 5),
      limits(1, 4),
      limits(2, 4),
    ]);
  });
});

describe('limits to remember', () => {
  test('are none where none were held', () => {
    expect(rememberHeld(undefined, inForce(2, 8), true)).toBeUndefined();
  });

  test('are the newest while they are wanted, whatever is in force', () => {
    expect(rememberHeld(held, inForce(2, 8), true)?.claimed).toEqual([limits(2, 4, 1), limits(1, 1)]);
    const aged = { ...held, claimed: [limits(2, 4, 1), limits(1, 1)] };
    expect(rememberHeld(aged, inForce(2, 8), true)?.claimed).toEqual([limits(1, 1)]);
  });

  test('are forgotten with the second evaluation after they were wanted', () => {
    const first = rememberHeld(held, inForce(2, 8), false);
    expect(first).toEqual({ ...held, claimed: [limits(2, 4, 1), limits(1, 1, 1)] });
    expect(rememberHeld(first, inForce(2, 8), false)).toBeUndefined();
  });

  test.each<[string, LimitsSeen, readonly object[] | undefined]>([
    ['of which the maximum is in force', inForce(2, 4), [limits(2, 4, 2)]],
    ['of which the minimum is in force', inForce(1, 8), [limits(1, 1, 2)]],
    // The minimum of 2 and the maximum of 8 are the declared ones.
    ['which are only the declared ones', inForce(2, 8), undefined],
    ['of which neither is in force', inForce(3, 6), undefined],
    ['while those in force cannot be read', { kind: 'unreadable' }, [limits(2, 4, 2), limits(1, 1, 2)]],
    ['of a target that is not registered', { kind: 'not-registered' }, undefined],
  ])('are, after that, the ones %s', (_, seen, expected) => {
    const aged = { ...held, claimed: [limits(2, 4, 2), limits(1, 1, 2)] };
    expect(rememberHeld(aged, seen, false)?.claimed).toEqual(expected);
  });

  test('a claimed maximum that is the declared one does not show that the guard set it', () => {
    const raised = { ...held, claimed: [limits(1, 8, 2)] };
    expect(rememberHeld(raised, inForce(3, 8), false)).toBeUndefined();
    expect(rememberHeld(raised, inForce(1, 8), false)?.claimed).toEqual([limits(1, 8, 2)]);
  });
});

test('the guard may have set a minimum or maximum that it claimed, and no other', () => {
  expect([4, 1, 2, 8].map((maximum) => ownsMaximum(held, maximum))).toEqual([true, true, false, false]);
  expect([2, 1, 4, 0].map((minimum) => ownsMinimum(held, minimum))).toEqual([true, true, false, false]);
  expect([ownsMaximum(undefined, 4), ownsMinimum(undefined, 2)]).toEqual([false, false]);
});

test.each<[string, LimitsSeen, HeldLimits | undefined, [number, number]]>([
  ['in force', inForce(3, 6), held, [3, 6]],
  ['set last, where those in force cannot be read', { kind: 'unreadable' }, held, [1, 1]],
  ['declared, where they are restored', { kind: 'unreadable' }, { ...held, status: 'restored' }, [2, 8]],
  ['set last, where it is not known whether they are', { kind: 'unreadable' }, { ...held, status: 'claimed' }, [1, 1]],
  ['declared, where none were set', { kind: 'unreadable' }, undefined, [2, 8]],
])('the limits that count are those %s', (_, seen, remembered, [minCapacity, maxCapacity]) => {
  expect(believedLimits(seen, remembered, target.declared)).toEqual({ minCapacity, maxCapacity });
});
