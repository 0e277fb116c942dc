import {
  decideGuardLevel,
  withFailedActions,
  withPendingActions,
  type GuardLevel,
  type GuardMemory,
  type GuardOutcome,
} from '../../../lib/cost/decide';
import type { LimitsSeen } from '../../../lib/scaling/decide/limits';
import { BUDGET, job, NOVEMBER, RESOURCE, fleet, fleetSeen, inForce, plan, seenAt } from './fixtures';

/** Memory with a given spend and a flat rate, a minute before `seenAt(60)`. */
function memoryWith(spentUsd: number, overrides: Partial<GuardMemory> = {}): GuardMemory {
  const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
  return { ...memory, ...spending(spentUsd), ...overrides };
}

/** Spend of the minute before November. */
function spending(spentUsd: number, atSeconds = NOVEMBER): Pick<GuardMemory, 'spend'> {
  return {
    spend: [
      [NOVEMBER - 60, 0],
      [atSeconds, spentUsd],
    ],
  };
}

const actionsOf = ({ decision }: GuardOutcome) => decision.actions;
const levelsOf = ({ decision }: GuardOutcome) => decision.levelChanges.map(({ level }) => level);

describe('the meter of decideGuardLevel', () => {
  test('starts at zero', () => {
    const { decision } = decideGuardLevel(plan, seenAt(0), undefined);
    expect(decision.spentUsd).toBe(0);
    // 4 x 1.5 USD/h
    expect(decision.burnRateUsdPerHour).toBe(6);
    // 6 USD/h x 10 h
    expect(decision.forecastUsd).toBe(60);
    expect(decision.level).toBe('ok');
  });

  test('charges the higher of two rates for the time between the evaluations', () => {
    const first = decideGuardLevel(plan, seenAt(0), undefined);
    // 60 s at max(4, 8) x 1.5 = 12 USD/h
    const second = decideGuardLevel(plan, seenAt(60, { fleets: [fleetSeen(8)] }), first.memory);
    expect(second.decision.spentUsd).toBeCloseTo(0.2, 10);
    const third = decideGuardLevel(plan, seenAt(120, { fleets: [fleetSeen(1)] }), second.memory);
    expect(third.decision.spentUsd).toBeCloseTo(0.4, 10);
  });

  test('charges the last known rate when the fleet cannot be observed', () => {
    const first = decideGuardLevel(plan, seenAt(0), undefined);
    const blind = decideGuardLevel(plan, seenAt(3600, { fleets: [] }), first.memory);
    expect(blind.decision.spentUsd).toBeCloseTo(6, 10);
    expect(blind.decision.burnRateUsdPerHour).toBe(6);
    expect(blind.decision.problems).toEqual([expect.stringContaining('could not be observed')]);
  });

  test('charges a fleet that was never observed at its declared minimum', () => {
    const { decision } = decideGuardLevel(plan, seenAt(0, { fleets: [] }), undefined);
    // 2 x 1.5 USD/h
    expect(decision.burnRateUsdPerHour).toBe(3);
    expect(decision.problems).toHaveLength(1);
  });

  test('counts a new period from its start, also between two evaluations', () => {
    const budget = { amountUsd: 100, periodStart: NOVEMBER + 3570, periodEnd: NOVEMBER + 9999 };
    const before = memoryWith(80, {
      atSeconds: NOVEMBER + 3540,
      spend: [
        [NOVEMBER, 0],
        [NOVEMBER + 3540, 80],
      ],
    });
    const next = decideGuardLevel(plan, seenAt(3600, { budget }), before);
    // 30 s of the new period x 6 USD/h
    expect(next.decision.spentUsd).toBeCloseTo(0.05, 10);
  });

  test('forgets nothing when the period is moved and moved back', () => {
    const budget = { amountUsd: 100, periodStart: null, periodEnd: null };
    const first = decideGuardLevel(plan, seenAt(0, { budget }), undefined);
    const later = decideGuardLevel(plan, seenAt(36_000, { budget }), first.memory);
    expect(later.decision.spentUsd).toBeCloseTo(60, 10);
    const october = { amountUsd: 100, periodStart: NOVEMBER - 86_400, periodEnd: NOVEMBER + 86_400 };
    const moved = decideGuardLevel(plan, seenAt(36_060, { budget: october }), later.memory);
    expect(moved.decision.spentUsd).toBeCloseTo(60.1, 10);
    const back = decideGuardLevel(plan, seenAt(36_120, { budget }), moved.memory);
    expect(back.decision.spentUsd).toBeCloseTo(60.2, 10);
  });

  test('keeps the last budget when the parameter cannot be read', () => {
    const outcome = decideGuardLevel(plan, seenAt(60, { budget: null }), memoryWith(10));
    expect(outcome.decision.budgetUsd).toBe(100);
    expect(outcome.decision.problems).toEqual([expect.stringContaining('budget could not be read')]);
  });

  test('refuses to decide when no budget was ever read', () => {
    expect(() => decideGuardLevel(plan, seenAt(0, { budget: null }), undefined)).toThrow(/write the budget parameter/);
  });

  test('does not go back in time on a late evaluation', () => {
    const { decision, memory } = decideGuardLevel(plan, seenAt(-900), memoryWith(10));
    expect(decision.spentUsd).toBe(10);
    expect(memory.atSeconds).toBe(NOVEMBER);
  });

  test('charges training jobs while they run and settles them once', () => {
    const none = { fleets: [fleetSeen(0)] };
    const first = decideGuardLevel(plan, seenAt(1800, { ...none, trainingJobs: [job] }), undefined);
    // 1800 s x 2 USD/h
    expect(first.decision.spentUsd).toBeCloseTo(1, 10);
    const unseen = decideGuardLevel(plan, seenAt(2700, { ...none, trainingJobs: null }), first.memory);
    expect(unseen.decision.spentUsd).toBeCloseTo(1.5, 10);
    const ended = { ...job, endedAt: NOVEMBER + 3000, billableSeconds: 900 };
    const settled = decideGuardLevel(plan, seenAt(3600, { ...none, trainingJobs: [ended] }), unseen.memory);
    // 900 s were billed
    expect(settled.decision.spentUsd).toBeCloseTo(0.5, 10);
    const again = decideGuardLevel(plan, seenAt(3660, { ...none, trainingJobs: [ended] }), settled.memory);
    expect(again.decision.spentUsd).toBeCloseTo(0.5, 10);
  });

  test('prices a training type without a price at the highest price and reports it', () => {
    const { decision } = decideGuardLevel(
      plan,
      seenAt(3600, { fleets: [fleetSeen(0)], trainingJobs: [{ ...job, instanceType: 'ml.x' }] }),
      undefined,
    );
    expect(decision.spentUsd).toBeCloseTo(2, 10);
    expect(decision.problems).toEqual([expect.stringContaining('no training price for ml.x')]);
  });
});

describe('the level of decideGuardLevel', () => {
  // Of 100 USD the floor costs 15, which leaves 85. A minute later 0.10 USD more are spent (6 USD/h), the floor still costs 14.975, and the
  // three minutes until a limit takes effect cost 0.225 above it: the thresholds of 91.5 (15 + 90 % of 85) and 100 are at 76.2 and 84.7.
  test.each<[number, GuardLevel]>([
    [39.9, 'ok'], // forecast 40 + 6 USD/h x 9.98 h = 99.9 USD
    [40.1, 'warn'],
    [76.1, 'warn'],
    [76.25, 'freeze-growth'],
    [84.6, 'freeze-growth'],
    [84.75, 'shrink'],
    [250, 'shrink'],
  ])('at %p USD of 100 is %s', (spent, level) => {
    expect(decideGuardLevel(plan, seenAt(60), memoryWith(spent)).decision.level).toBe(level);
  });

  test('warns by the share spent when the forecast alone would not', () => {
    const budget = { ...BUDGET, periodEnd: NOVEMBER + 120 };
    expect(decideGuardLevel(plan, seenAt(60, { budget }), memoryWith(79.8)).decision.level).toBe('ok');
    expect(decideGuardLevel(plan, seenAt(60, { budget }), memoryWith(79.95)).decision.level).toBe('warn');
  });

  test('enters every level in order when several are passed at once', () => {
    const outcome = decideGuardLevel(plan, seenAt(60), memoryWith(120));
    expect(levelsOf(outcome)).toEqual(['warn', 'freeze-growth', 'shrink']);
    expect(outcome.decision.levelChanges.map(({ previousLevel }) => previousLevel)).toEqual([
      'ok',
      'warn',
      'freeze-growth',
    ]);
    expect(outcome.decision.levelChanges[2]!.reason).toBe(
      '120.10 USD of 100.00 USD is spent (120.1 %), 135.07 USD is committed and 0.23 USD more until limits take effect, ' +
        'at or above 100.00 USD: fleets are held at their protected floor',
    );
  });

  test('says so when a warning is only passed on the way', () => {
    // Half of the budget is spent in one minute, and nothing runs any more: neither 80 % nor the forecast warns.
    const budget = { ...BUDGET, amountUsd: 16 };
    const before = memoryWith(10, { smoothedRateUsdPerHour: 0 });
    const outcome = decideGuardLevel(plan, seenAt(60, { budget, fleets: [fleetSeen(0)] }), before);
    expect(outcome.decision.levelChanges[0]!.reason).toContain('on the way to shrink');
  });

  test('commits what the floor costs at the dearest price until the period ends', () => {
    const { decision } = decideGuardLevel(plan, seenAt(3600), memoryWith(10));
    // 10 + 1 h x 6 USD/h, and 9 h x 1.5 USD/h
    expect(decision.committedUsd).toBeCloseTo(10 + 6 + 13.5, 10);
  });

  test('a fleet that is never limited has its maximum reserved', () => {
    const protectedPlan = { ...plan, fleets: [{ ...fleet, protectedFloor: 8 }] };
    // 8 x 1.5 USD/h x 10 h = 120 USD are more than the budget
    const { decision } = decideGuardLevel(protectedPlan, seenAt(0), undefined);
    expect(decision.level).toBe('shrink');
    expect(decision.problems).toEqual([expect.stringContaining('8 x 1.5 USD/h x 10 h = 120.00 USD')]);
  });

  test('tells a budget that the floors alone spend with every evaluation, and people once', () => {
    const budget = { ...BUDGET, amountUsd: 15 };
    const first = decideGuardLevel(plan, seenAt(0, { budget }), undefined);
    const second = decideGuardLevel(plan, seenAt(60, { budget }), first.memory);
    for (const { decision } of [first, second]) {
      expect(decision.level).toBe('shrink');
      expect(decision.problems).toEqual([
        expect.stringMatching(/is spent by the protected floors alone \(.*: 1 x 1\.5 USD\/h x 10 h = 15\.00 USD\)/),
      ]);
    }
    expect(first.decision.notices).toEqual(first.decision.problems);
    expect(second.decision.notices).toEqual([]);
  });
});

describe('the release of decideGuardLevel', () => {
  const atFloor = { fleets: [fleetSeen(1, { limits: inForce(1, 1) })] };
  const held = (spentUsd: number) => {
    const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
    const fleets = { [RESOURCE]: { ...memory.fleets[RESOURCE]!, rateUsdPerHour: 1.5, frozenCapacity: 4 } };
    return { ...memory, ...spending(spentUsd), fleets, level: 'shrink' as const };
  };

  test('leaves a fleet at its floor, which frees nothing, where it is', () => {
    let memory: GuardMemory = held(84.75);
    for (let minute = 1; minute < 600; minute++) {
      const outcome = decideGuardLevel(plan, seenAt(60 * minute, atFloor), memory);
      expect(outcome.decision.level).toBe('shrink');
      memory = outcome.memory;
    }
  });

  test('lets a fleet on cheaper instances spend what it has saved, once that lasts until the period ends', () => {
    const cheap = fleetSeen(1, {
      capacity: { currentByType: { 'ml.g6.xlarge': 1 }, currentCapacity: 1, desiredCapacity: 1 },
      limits: inForce(1, 1),
    });
    let memory: GuardMemory = held(81);
    const levels = new Map<string, number>();
    for (let minute = 1; minute < 600; minute++) {
      const outcome = decideGuardLevel(plan, seenAt(60 * minute, { fleets: [cheap] }), memory);
      memory = outcome.memory;
      if (!levels.has(memory.level)) levels.set(memory.level, minute);
    }
    // 4 USD are free, and 0.5 USD/h more with every hour: 3 x 1.5 USD/h for the rest of r hours is covered, 5 points (4.25 USD) below the
    // threshold, once 4 + 0.5 x (10 - r) >= 4.25 + 4.5 r, or r <= 0.95 h
    expect(levels.get('freeze-growth')).toBeCloseTo(60 * (10 - 0.95), -1);
  });

  test('does not release a fleet because the period is over', () => {
    const budget = { ...BUDGET, periodEnd: NOVEMBER + 120 };
    // 0.10 USD a minute, and 0.225 in three minutes above the floor: 99.85 USD reach the budget of 100
    let memory: GuardMemory = { ...decideGuardLevel(plan, seenAt(60, { budget }), memoryWith(99.85)).memory };
    expect(memory.level).toBe('shrink');
    for (let minute = 2; minute < 30; minute++) {
      memory = decideGuardLevel(plan, seenAt(60 * minute, { ...atFloor, budget }), memory).memory;
      expect(memory.level).toBe('shrink');
    }
  });

  test.each<[number, GuardLevel]>([
    // 90.05 are spent and 14.95 committed; an hour at the frozen 4 instances costs 4.5 above the floor, at 8 instances 10.5
    [109, 'shrink'],
    [110, 'freeze-growth'],
    [126, 'freeze-growth'], // 15 + 90 % of 111 = 114.9
    [128, 'warn'], // 15 + 90 % of 113 = 116.7
    [200, 'ok'],
  ])('a budget raised to %p USD leads to %s', (amountUsd, level) => {
    const outcome = decideGuardLevel(plan, seenAt(60, { ...atFloor, budget: { ...BUDGET, amountUsd } }), held(90));
    expect(outcome.decision.level).toBe(level);
  });

  test('tells the amount that lifts the limits, and no lower one does', () => {
    const { decision, memory } = decideGuardLevel(plan, seenAt(60, atFloor), held(90));
    const enough = decision.liftingBudgetUsd!;
    const after = (amountUsd: number) =>
      decideGuardLevel(plan, seenAt(120, { ...atFloor, budget: { ...BUDGET, amountUsd } }), memory).decision.level;
    expect(after(enough)).toBe('warn');
    expect(after(enough - 1)).toBe('freeze-growth');
    expect(decideGuardLevel(plan, seenAt(60), memoryWith(10)).decision.liftingBudgetUsd).toBeNull();
  });
});

describe('the budget of decideGuardLevel', () => {
  const monthly = { amountUsd: 5000, periodStart: null, periodEnd: null };

  test('keeps the last good budget while a value is refused, as a problem, and tells people once', () => {
    const first = decideGuardLevel(plan, seenAt(0), undefined);
    const refused = { budget: null, budgetRefusal: 'budget: no' };
    const second = decideGuardLevel(plan, seenAt(60, refused), first.memory);
    expect(second.decision.budgetUsd).toBe(100);
    expect(second.decision.problems).toEqual([
      expect.stringMatching(/is refused, and the budget of 100 USD .*: budget: no$/),
    ]);
    expect(second.decision.notices).toEqual(second.decision.problems);
    const unread = decideGuardLevel(plan, seenAt(120, { budget: null }), second.memory);
    const third = decideGuardLevel(plan, seenAt(180, refused), unread.memory);
    expect(unread.decision.notices).toEqual([]);
    expect(third.decision.notices).toEqual([]);
    expect(third.decision.problems).toHaveLength(1);
  });

  test('leaves the month in force until another period begins', () => {
    const first = decideGuardLevel(plan, seenAt(0, { budget: monthly }), undefined);
    const later = { amountUsd: 70, periodStart: NOVEMBER + 90, periodEnd: NOVEMBER + 1e6 };
    const waiting = decideGuardLevel(plan, seenAt(60, { budget: later }), first.memory);
    expect(waiting.decision.budgetUsd).toBe(5000);
    expect(waiting.decision.spentUsd).toBeCloseTo(0.1, 10);
    expect(waiting.decision.notices).toEqual([
      'the budget of 70 USD begins at 2026-11-01T00:01:30Z; until then the budget of 5000 USD for a calendar month stays in force',
    ]);
    const begun = decideGuardLevel(plan, seenAt(120, { budget: later }), waiting.memory);
    expect(begun.decision.budgetUsd).toBe(70);
    expect(begun.decision.spentUsd).toBeCloseTo(0.05, 10);
    expect(begun.decision.notices).toEqual([expect.stringContaining('is spent by the protected floors alone')]);
  });

  test('counts the amount of a period that has not begun for the month when there is no other', () => {
    const later = { amountUsd: 7000, periodStart: NOVEMBER + 90, periodEnd: NOVEMBER + 1e6 };
    const { decision, memory } = decideGuardLevel(plan, seenAt(0, { budget: later }), undefined);
    expect(decision.budgetUsd).toBe(7000);
    expect(memory.budget).toEqual({ amountUsd: 7000, periodStart: null, periodEnd: null });
  });

  test('keeps a period in force that is over, and says so', () => {
    const budget = { ...BUDGET, periodEnd: NOVEMBER + 30 };
    const first = decideGuardLevel(plan, seenAt(0, { budget }), undefined);
    const after = decideGuardLevel(plan, seenAt(3600, { budget }), first.memory);
    expect(after.decision.spentUsd).toBeCloseTo(6, 10);
    expect(after.decision.notices).toEqual([expect.stringContaining('is over; it stays in force')]);
  });
});

describe('the limits of decideGuardLevel', () => {
  test('limits nothing at ok and warn', () => {
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(10)))).toEqual([]);
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(60)))).toEqual([]);
  });

  test('freezes growth at the present wanted capacity', () => {
    const outcome = decideGuardLevel(plan, seenAt(60), memoryWith(80));
    expect(actionsOf(outcome)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
    const later = seenAt(120, { fleets: [fleetSeen(3, { limits: inForce(2, 4) })] });
    expect(actionsOf(decideGuardLevel(plan, later, outcome.memory))).toEqual([]);
  });

  test('shrinks to the protected floor and lowers a minimum above it', () => {
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(90)))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('gives the declared limits back when the level falls', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const held = { fleets: [fleetSeen(1, { limits: inForce(1, 1) })] };
    const budget = { ...BUDGET, amountUsd: 400 };
    const released = decideGuardLevel(plan, seenAt(120, { ...held, budget }), shrunk.memory);
    expect(actionsOf(released)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 }]);
    const free = { fleets: [fleetSeen(1)], budget };
    const after = decideGuardLevel(plan, seenAt(180, free), released.memory);
    expect(actionsOf(after)).toEqual([]);
    // A run that was overtaken may still have its effect: its limits are known, and the declared ones are restored again.
    const late = seenAt(240, { ...held, budget });
    expect(actionsOf(decideGuardLevel(plan, late, released.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 },
    ]);
    expect(decideGuardLevel(plan, seenAt(240, free), after.memory).memory.holds).toEqual({});
  });

  test('goes from shrink back to the frozen capacity when the budget rises a little', () => {
    const frozen = decideGuardLevel(plan, seenAt(60), memoryWith(80));
    const shrunk = decideGuardLevel(plan, seenAt(120), { ...frozen.memory, ...spending(90, NOVEMBER + 60) });
    const budget = { ...BUDGET, amountUsd: 115 };
    const fleets = [fleetSeen(1, { limits: inForce(1, 1) })];
    const raised = decideGuardLevel(plan, seenAt(180, { budget, fleets }), shrunk.memory);
    expect(actionsOf(raised)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
  });

  test('tightens again what was loosened while it holds', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const redeployed = seenAt(120, { fleets: [fleetSeen(1)] });
    expect(actionsOf(decideGuardLevel(plan, redeployed, shrunk.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('leaves a tighter maximum of someone else alone', () => {
    const tighter = seenAt(60, { fleets: [fleetSeen(3, { limits: inForce(1, 3) })] });
    const before = memoryWith(80);
    const remembered = { ...before.fleets[RESOURCE]!, frozenCapacity: 4 };
    const outcome = decideGuardLevel(plan, tighter, { ...before, fleets: { [RESOURCE]: remembered } });
    expect(outcome.decision.level).toBe('freeze-growth');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('never limits a fleet protected at its maximum', () => {
    const protectedPlan = { ...plan, fleets: [{ ...fleet, protectedFloor: 8 }] };
    const outcome = decideGuardLevel(protectedPlan, seenAt(60), memoryWith(90));
    expect(outcome.decision.level).toBe('shrink');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('freezes at the last known capacity when the fleet cannot be observed', () => {
    const outcome = decideGuardLevel(plan, seenAt(60, { fleets: [] }), memoryWith(80));
    expect(actionsOf(outcome)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
  });

  test('does not freeze a fleet it never saw', () => {
    const first = decideGuardLevel(plan, seenAt(0, { fleets: [] }), undefined);
    const outcome = decideGuardLevel(plan, seenAt(60, { fleets: [] }), { ...first.memory, ...spending(80) });
    expect(outcome.decision.level).toBe('freeze-growth');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('limits the other fleets when one cannot be observed', () => {
    const other = { ...fleet, resourceId: 'endpoint/other/variant/main' };
    const two = { ...plan, fleets: [other, fleet] };
    const { memory } = decideGuardLevel(two, seenAt(0), undefined);
    const outcome = decideGuardLevel(two, seenAt(60), { ...memory, ...spending(99.9) });
    expect(actionsOf(outcome)).toContainEqual({ resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 });
  });

  test('sets again what it may have set, and knows it as its own when it releases', () => {
    const before = memoryWith(90);
    const first = decideGuardLevel(plan, seenAt(60), before);
    // The run dies after its effect: only the claim remains.
    const claimed = withPendingActions(first.memory, before, actionsOf(first));
    expect(claimed.level).toBe('ok');
    const shrunk = { fleets: [fleetSeen(1, { limits: inForce(1, 1) })] };
    expect(actionsOf(decideGuardLevel(plan, seenAt(120, shrunk), claimed))).toEqual(actionsOf(first));
    const budget = { ...BUDGET, amountUsd: 400 };
    expect(actionsOf(decideGuardLevel(plan, seenAt(120, { ...shrunk, budget }), claimed))).toEqual([
      { resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 },
    ]);
  });

  test('restores nothing where its claim had no effect', () => {
    const before = memoryWith(90);
    const claimed = withPendingActions(decideGuardLevel(plan, seenAt(60), before).memory, before, [
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
    const budget = { ...BUDGET, amountUsd: 400 };
    const released = decideGuardLevel(plan, seenAt(120, { budget }), claimed);
    expect(actionsOf(released)).toEqual([]);
    // The run was only slow, and has its effect when another one has released the fleet.
    const late = seenAt(180, { budget, fleets: [fleetSeen(1, { limits: inForce(1, 1) })] });
    expect(actionsOf(decideGuardLevel(plan, late, released.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 },
    ]);
    const forgotten = decideGuardLevel(plan, seenAt(180, { budget }), released.memory);
    expect(forgotten.memory.holds).toEqual({});
  });

  test.each<[string, LimitsSeen, { minCapacity: number; maxCapacity: number } | undefined]>([
    ['a maximum of someone else', inForce(1, 3), { minCapacity: 2, maxCapacity: 3 }],
    ['a maximum of someone else below the declared minimum', inForce(0, 1), undefined],
    ['a minimum of someone else', inForce(3, 4), { minCapacity: 3, maxCapacity: 8 }],
    ['limits of someone else', inForce(3, 6), undefined],
    ['a target that is not registered', { kind: 'not-registered' }, undefined],
  ])('leaves %s when it releases', (_, limits, expected) => {
    // Frozen at 2..4, shrunk to 1..1: both may be in force.
    const frozen = decideGuardLevel(plan, seenAt(60), memoryWith(80));
    const shrunk = decideGuardLevel(plan, seenAt(120), { ...frozen.memory, ...spending(90, NOVEMBER + 60) });
    const claimed = shrunk.memory.holds[RESOURCE]!.claimed.map(({ minCapacity, maxCapacity }) => [
      minCapacity,
      maxCapacity,
    ]);
    expect(claimed).toEqual([
      [2, 4],
      [1, 1],
    ]);
    const budget = { ...BUDGET, amountUsd: 400 };
    const memory = limits.kind === 'in-force' && limits.maxCapacity === 1 ? frozen.memory : shrunk.memory;
    const outcome = decideGuardLevel(plan, seenAt(180, { budget, fleets: [fleetSeen(1, { limits })] }), memory);
    expect(actionsOf(outcome)).toEqual(expected === undefined ? [] : [{ resourceId: RESOURCE, ...expected }]);
  });

  test('lowers a minimum above the maximum that it allows, whoever set it', () => {
    // No service stores these limits; they are read while someone changes both.
    const fleets = [fleetSeen(4, { limits: inForce(5, 4) })];
    const remembered = { ...memoryWith(80).fleets[RESOURCE]!, frozenCapacity: 4 };
    const memory = memoryWith(80, { fleets: { [RESOURCE]: remembered } });
    expect(actionsOf(decideGuardLevel(plan, seenAt(60, { fleets }), memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 4, maxCapacity: 4 },
    ]);
  });

  test('leaves a target that is not registered so, with the reason, and limits it once it is registered', () => {
    const gone = seenAt(60, { fleets: [fleetSeen(4, { limits: { kind: 'not-registered' } })] });
    const outcome = decideGuardLevel(plan, gone, memoryWith(90));
    expect(outcome.decision.level).toBe('shrink');
    expect(actionsOf(outcome)).toEqual([]);
    expect(outcome.decision.problems).toEqual([]);
    expect(outcome.decision.steps.at(-1)!.reason).toBe(
      'shrink: the scalable target is not registered: nothing to limit',
    );
    expect(actionsOf(decideGuardLevel(plan, seenAt(120), outcome.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('acts on the limits that it set last while those in force cannot be read, and reports it', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const blind = { fleets: [fleetSeen(1, { limits: { kind: 'unreadable' } as const })] };
    const still = decideGuardLevel(plan, seenAt(120, blind), shrunk.memory);
    expect(actionsOf(still)).toEqual([]);
    expect(still.decision.problems).toEqual([expect.stringContaining(`the limits of ${RESOURCE} could not be read`)]);
    const budget = { ...BUDGET, amountUsd: 400 };
    const released = decideGuardLevel(plan, seenAt(120, { ...blind, budget }), shrunk.memory);
    expect(actionsOf(released)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 }]);
    expect(actionsOf(decideGuardLevel(plan, seenAt(180, { ...blind, budget }), released.memory))).toEqual([]);
  });

  test('restores the limits of a fleet that has left the plan, without its capacity', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(100));
    const departed = { resourceId: RESOURCE, capacity: null, limits: inForce(1, 1) };
    const outcome = decideGuardLevel({ ...plan, fleets: [] }, seenAt(120, { fleets: [departed] }), shrunk.memory);
    expect(outcome.decision.level).toBe('shrink');
    expect(actionsOf(outcome)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 }]);
    expect(outcome.decision.problems).toEqual([]);
  });

  test('restores the limits of a fleet whose floor was raised to its maximum while it was held', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const raised = { ...plan, fleets: [{ ...fleet, protectedFloor: 8 }] };
    const held = seenAt(120, { fleets: [fleetSeen(1, { limits: inForce(1, 1) })] });
    expect(actionsOf(decideGuardLevel(raised, held, shrunk.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 },
    ]);
  });

  test('restores in a dry run what it held, and tells once what it would set', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const dry = { ...plan, dryRun: true };
    const first = decideGuardLevel(
      dry,
      seenAt(120, { fleets: [fleetSeen(1, { limits: inForce(1, 1) })] }),
      shrunk.memory,
    );
    expect(actionsOf(first)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 }]);
    const second = decideGuardLevel(dry, seenAt(180), first.memory);
    expect(actionsOf(second)).toEqual([]);
    expect(second.decision.withheldActions).toEqual([{ resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 }]);
    const third = decideGuardLevel(dry, seenAt(240), second.memory);
    expect([actionsOf(third), third.decision.withheldActions]).toEqual([[], []]);
    expect(actionsOf(decideGuardLevel(plan, seenAt(300), third.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('retries a failed action at the next evaluation', () => {
    const before = memoryWith(90);
    const first = decideGuardLevel(
      plan,
      seenAt(60, { fleets: [fleetSeen(4, { limits: { kind: 'unreadable' } })] }),
      before,
    );
    expect(actionsOf(first)).toHaveLength(1);
    const failed = withFailedActions(first.memory, [RESOURCE]);
    const again = decideGuardLevel(
      plan,
      seenAt(120, { fleets: [fleetSeen(4, { limits: { kind: 'unreadable' } })] }),
      failed,
    );
    expect(actionsOf(again)).toEqual(actionsOf(first));
  });
});
