import type { GuardLevel } from '../../../lib/cost/decide';
import { decideFleetLimits } from '../../../lib/cost/decide/fleet-limits';
import type { HeldLimits } from '../../../lib/cost/decide/held-limits';
import { restoreLimits } from '../../../lib/cost/decide/restore-limits';
import type { LimitsSeen } from '../../../lib/scaling/decide/limits';
import { fleet, inForce, RESOURCE } from './fixtures';

/** A fleet of four, declared at 2..8 with a floor of 1. */
const memory = { rateUsdPerHour: 6, desiredCapacity: 4, frozenCapacity: null };
const declared = { minCapacity: 2, maxCapacity: 8 };
const UNREADABLE: LimitsSeen = { kind: 'unreadable' };
const GONE: LimitsSeen = { kind: 'not-registered' };

function heldAt(minCapacity: number, maxCapacity: number, status: HeldLimits['status'] = 'set'): HeldLimits {
  const claimed = [{ minCapacity, maxCapacity, evaluations: 0 }];
  return { scalableDimension: fleet.scalableDimension, declared, claimed, status };
}

interface Expected {
  readonly action?: { readonly minCapacity: number; readonly maxCapacity: number };
  readonly before?: object;
  readonly reason: string;
  readonly frozenCapacity: number | null;
}

describe('the limits of a fleet', () => {
  test.each<[string, GuardLevel, LimitsSeen, HeldLimits | undefined, number | null, Expected]>([
    [
      'nothing is limited at warn',
      'warn',
      inForce(2, 8),
      undefined,
      4,
      { reason: 'warn: nothing is limited', frozenCapacity: null },
    ],
    [
      'growth is frozen at the capacity of the moment',
      'freeze-growth',
      inForce(2, 8),
      undefined,
      null,
      {
        action: { minCapacity: 2, maxCapacity: 4 },
        before: { minCapacity: 2, maxCapacity: 8 },
        reason:
          'freeze-growth: minimum 2 -> 2, maximum 8 -> 4, its capacity when growth was frozen, at least its floor',
        frozenCapacity: 4,
      },
    ],
    [
      'growth stays frozen where it was',
      'freeze-growth',
      inForce(2, 6),
      heldAt(2, 6),
      6,
      { reason: 'freeze-growth allows at most 6; the maximum is 6 already', frozenCapacity: 6 },
    ],
    [
      'growth is frozen at the declared maximum at most',
      'freeze-growth',
      inForce(2, 9),
      undefined,
      12,
      {
        action: { minCapacity: 2, maxCapacity: 8 },
        before: { minCapacity: 2, maxCapacity: 9 },
        reason:
          'freeze-growth: minimum 2 -> 2, maximum 9 -> 8, its capacity when growth was frozen, at least its floor',
        frozenCapacity: 12,
      },
    ],
    [
      'an empty fleet keeps its floor',
      'freeze-growth',
      inForce(0, 8),
      undefined,
      0,
      {
        action: { minCapacity: 0, maxCapacity: 1 },
        before: { minCapacity: 0, maxCapacity: 8 },
        reason:
          'freeze-growth: minimum 0 -> 0, maximum 8 -> 1, its capacity when growth was frozen, at least its floor',
        frozenCapacity: 0,
      },
    ],
    [
      'a fleet is shrunk to its floor',
      'shrink',
      inForce(2, 4),
      heldAt(2, 4),
      4,
      {
        action: { minCapacity: 1, maxCapacity: 1 },
        before: { minCapacity: 2, maxCapacity: 4 },
        reason: 'shrink: minimum 2 -> 1, maximum 4 -> 1, its protected floor',
        frozenCapacity: 4,
      },
    ],
    [
      'a shrunk fleet goes back to where growth was frozen, with its declared minimum',
      'freeze-growth',
      inForce(1, 1),
      heldAt(1, 1),
      4,
      {
        action: { minCapacity: 2, maxCapacity: 4 },
        before: { minCapacity: 1, maxCapacity: 1 },
        reason:
          'freeze-growth: minimum 1 -> 2, maximum 1 -> 4, its capacity when growth was frozen, at least its floor',
        frozenCapacity: 4,
      },
    ],
    [
      'limits that may have been set are set again',
      'shrink',
      inForce(1, 1),
      heldAt(1, 1, 'claimed'),
      4,
      {
        action: { minCapacity: 1, maxCapacity: 1 },
        before: { minCapacity: 1, maxCapacity: 1 },
        reason: 'shrink: minimum 1 -> 1, maximum 1 -> 1, its protected floor',
        frozenCapacity: 4,
      },
    ],
    [
      'a target that is not registered stays so',
      'shrink',
      GONE,
      undefined,
      null,
      { reason: 'shrink: the scalable target is not registered: nothing to limit', frozenCapacity: 4 },
    ],
  ])('%s', (_, level, limits, held, frozenCapacity, expected) => {
    const outcome = decideFleetLimits(fleet, level, limits, { ...memory, frozenCapacity }, held);
    expect(outcome.action).toEqual(expected.action && { resourceId: RESOURCE, ...expected.action });
    expect(outcome.before).toEqual(expected.before);
    expect(outcome.step).toEqual({ stage: `limit:${RESOURCE}`, reason: expected.reason });
    expect(outcome.memory).toEqual({ ...memory, frozenCapacity: expected.frozenCapacity });
  });

  test.each([8, 9])('a fleet with a floor of %p, at or above its maximum of 8, is never limited', (protectedFloor) => {
    const outcome = decideFleetLimits({ ...fleet, protectedFloor }, 'shrink', inForce(2, 10), memory, undefined);
    expect(outcome.action).toBeUndefined();
    expect(outcome.step.reason).toBe('protected at its maximum of 8, the guard never limits it: nothing is limited');
    expect(outcome.memory).toEqual({ ...memory, frozenCapacity: 4 });
  });

  test('a fleet that was never observed is left as it is, with the reason', () => {
    const unseen = { ...memory, desiredCapacity: null };
    const held = heldAt(2, 4);
    expect(decideFleetLimits(fleet, 'freeze-growth', inForce(2, 8), unseen, held)).toEqual({
      memory: unseen,
      held,
      action: undefined,
      step: {
        stage: `limit:${RESOURCE}`,
        reason: 'never observed, so there is no capacity to freeze at: the limits stay as they are',
      },
    });
  });

  test('what a target that is not registered was held at is forgotten with the second evaluation', () => {
    const first = decideFleetLimits(fleet, 'shrink', GONE, memory, heldAt(1, 1));
    expect(first.held?.claimed).toEqual([{ minCapacity: 1, maxCapacity: 1, evaluations: 1 }]);
    expect(decideFleetLimits(fleet, 'shrink', GONE, memory, first.held).held).toBeUndefined();
  });

  test('what it was held at before stays known while newer limits are set', () => {
    const { held } = decideFleetLimits(fleet, 'shrink', inForce(2, 4), { ...memory, frozenCapacity: 4 }, heldAt(2, 4));
    expect(held).toEqual({
      ...heldAt(1, 1),
      claimed: [
        { minCapacity: 2, maxCapacity: 4, evaluations: 1 },
        { minCapacity: 1, maxCapacity: 1, evaluations: 0 },
      ],
    });
  });
});

describe('the declared limits', () => {
  const restored = (held: HeldLimits | undefined, limits: LimitsSeen) => {
    const { action, before, step, held: kept } = restoreLimits(RESOURCE, held, limits, 'ok');
    expect(step.stage).toBe(`limit:${RESOURCE}`);
    return { action: action && [action.minCapacity, action.maxCapacity], before, reason: step.reason, kept };
  };

  test('are restored where the guard has set others, which stay known', () => {
    expect(restored(heldAt(1, 1), inForce(1, 1))).toEqual({
      action: [2, 8],
      before: { minCapacity: 1, maxCapacity: 1 },
      reason: 'ok: the declared limits are restored: minimum 1 -> 2, maximum 1 -> 8',
      kept: { ...heldAt(1, 1), claimed: [{ minCapacity: 1, maxCapacity: 1, evaluations: 1 }], status: 'restored' },
    });
  });

  test('are restored once where those in force cannot be read', () => {
    const first = restored(heldAt(1, 1), UNREADABLE);
    expect(first.action).toEqual([2, 8]);
    expect(restored(first.kept, UNREADABLE)).toMatchObject({
      action: undefined,
      reason: 'ok: the declared limits are restored; those in force cannot be read',
    });
  });

  test.each<[string, HeldLimits | undefined, LimitsSeen, string]>([
    ['of somebody else stay', heldAt(1, 1), inForce(3, 6), "ok: the limits in force, 3 to 6, are not the guard's"],
    ['need no restoring where nothing was held', undefined, inForce(1, 1), 'ok: nothing is limited'],
    [
      'are not set on a target that is not registered',
      heldAt(1, 1),
      GONE,
      'ok: the scalable target is not registered: nothing to restore',
    ],
  ])('%s', (_, held, limits, reason) => {
    expect(restored(held, limits)).toMatchObject({ action: undefined, before: undefined, reason });
  });

  test('are never above what somebody has lowered the maximum to', () => {
    expect(restored(heldAt(0, 4), inForce(0, 1)).action).toEqual([1, 1]);
  });

  test('are set, although nothing changes by them, while those in force cannot be read', () => {
    const held = { ...heldAt(2, 8), declared };
    expect(restored(held, UNREADABLE).action).toEqual([2, 8]);
  });
});
