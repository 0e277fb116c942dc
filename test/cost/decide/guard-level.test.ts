import {
  decideGuardLevel,
  withFailedActions,
  type GuardLevel,
  type GuardMemory,
  type GuardOutcome,
} from '../../../lib/cost/decide';
import { NOVEMBER, RESOURCE, fleet, fleetSeen, plan, seenAt } from './fixtures';

/** A memory with so much spent and a flat rate, taken a minute before `seenAt(60)`. */
function memoryWith(fleetUsd: number, overrides: Partial<GuardMemory> = {}): GuardMemory {
  const { memory } = decideGuardLevel(plan, seenAt(0), undefined);
  return { ...memory, fleetUsd, ...overrides };
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

  test('charges the larger of the two looks for the time between them', () => {
    const first = decideGuardLevel(plan, seenAt(0), undefined);
    // 60 s at max(4, 8) x 1.5 = 12 USD/h
    const second = decideGuardLevel(plan, seenAt(60, { fleets: [fleetSeen(8)] }), first.memory);
    expect(second.decision.spentUsd).toBeCloseTo(0.2, 10);
    const third = decideGuardLevel(plan, seenAt(120, { fleets: [fleetSeen(1)] }), second.memory);
    expect(third.decision.spentUsd).toBeCloseTo(0.4, 10);
  });

  test('charges on what it last knew when the fleet cannot be seen', () => {
    const first = decideGuardLevel(plan, seenAt(0), undefined);
    const blind = decideGuardLevel(plan, seenAt(3600, { fleets: [] }), first.memory);
    expect(blind.decision.spentUsd).toBeCloseTo(6, 10);
    expect(blind.decision.burnRateUsdPerHour).toBe(6);
    expect(blind.decision.problems).toEqual([expect.stringContaining('could not be seen')]);
  });

  test('charges a fleet that was never seen at its declared minimum', () => {
    const { decision } = decideGuardLevel(plan, seenAt(0, { fleets: [] }), undefined);
    // 2 x 1.5 USD/h
    expect(decision.burnRateUsdPerHour).toBe(3);
    expect(decision.problems).toHaveLength(1);
  });

  test('starts again from zero in a new period', () => {
    const budget = { amountUsd: 100, periodStart: NOVEMBER + 3570, periodEnd: NOVEMBER + 9999 };
    const next = decideGuardLevel(plan, seenAt(3600, { budget }), memoryWith(80, { atSeconds: NOVEMBER + 3540 }));
    // 30 s of the new period x 6 USD/h
    expect(next.decision.spentUsd).toBeCloseTo(0.05, 10);
  });

  test('keeps the last budget when the parameter cannot be read', () => {
    const outcome = decideGuardLevel(plan, seenAt(60, { budget: null }), memoryWith(10));
    expect(outcome.decision.budgetUsd).toBe(100);
    expect(outcome.decision.problems).toEqual([expect.stringContaining('budget could not be read')]);
  });

  test('refuses to decide when no budget was ever read', () => {
    expect(() => decideGuardLevel(plan, seenAt(0, { budget: null }), undefined)).toThrow(/write the budget parameter/);
  });

  test('does not go back in time on a late look', () => {
    const { decision, memory } = decideGuardLevel(plan, seenAt(-900), memoryWith(10));
    expect(decision.spentUsd).toBe(10);
    expect(memory.atSeconds).toBe(NOVEMBER);
  });

  test('charges training jobs while they run and settles them once', () => {
    const job = {
      name: 'train-1',
      instanceType: 'ml.g5.xlarge',
      instanceCount: 1,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    };
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

  test('prices a training type without a price at the dearest one and says so', () => {
    const job = {
      name: 'j',
      instanceType: 'ml.x',
      instanceCount: 1,
      startedAt: NOVEMBER,
      endedAt: null,
      billableSeconds: null,
    };
    const { decision } = decideGuardLevel(
      plan,
      seenAt(3600, { fleets: [fleetSeen(0)], trainingJobs: [job] }),
      undefined,
    );
    expect(decision.spentUsd).toBeCloseTo(2, 10);
    expect(decision.problems).toEqual([expect.stringContaining('no training price for ml.x')]);
  });
});

describe('the level of decideGuardLevel', () => {
  // 100 USD; one minute at 6 USD/h adds 0.10 USD
  test.each<[number, GuardLevel]>([
    [79.8, 'warn'], // forecast 79.9 + 6 USD/h x 9.98 h = 139.8 USD
    [30, 'ok'], // forecast 30.1 + 59.9 = 90
    [89.8, 'warn'],
    [89.9, 'freeze-growth'],
    [99.8, 'freeze-growth'],
    [99.9, 'shrink'],
    [250, 'shrink'],
  ])('at %p USD of 100 is %s', (spent, level) => {
    expect(decideGuardLevel(plan, seenAt(60), memoryWith(spent)).decision.level).toBe(level);
  });

  test('warns by the share spent when the forecast alone would not', () => {
    const budget = { amountUsd: 100, periodStart: NOVEMBER, periodEnd: NOVEMBER + 120 };
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
    expect(outcome.decision.levelChanges[2]!.reason).toContain('120.10 USD of 100.00 USD is spent (120.1 %)');
  });

  test('keeps a level until the percentage is clearly below where it begins', () => {
    const held = memoryWith(100, { level: 'shrink' });
    const raised = (amountUsd: number) =>
      decideGuardLevel(
        plan,
        seenAt(60, { budget: { amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + 120 } }),
        held,
      );
    expect(raised(105).decision.level).toBe('shrink'); // 100.1 / 105 = 95.3 %
    expect(raised(106).decision.level).toBe('freeze-growth'); // 94.4 %
    expect(raised(200).decision.level).toBe('ok'); // 50.1 %
    expect(levelsOf(raised(200))).toEqual(['ok']);
  });
});

describe('the limits of decideGuardLevel', () => {
  test('limits nothing at ok and warn', () => {
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(10)))).toEqual([]);
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(85)))).toEqual([]);
  });

  test('freezes growth at the present wanted capacity', () => {
    const outcome = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    expect(actionsOf(outcome)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
    const later = seenAt(120, { fleets: [fleetSeen(3, { bounds: { minCapacity: 2, maxCapacity: 4 } })] });
    expect(actionsOf(decideGuardLevel(plan, later, outcome.memory))).toEqual([]);
  });

  test('shrinks to the protected floor and lowers a minimum above it', () => {
    expect(actionsOf(decideGuardLevel(plan, seenAt(60), memoryWith(100)))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('gives the declared limits back when the level falls', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(100));
    const held = { fleets: [fleetSeen(1, { bounds: { minCapacity: 1, maxCapacity: 1 } })] };
    const budget = { amountUsd: 400, periodStart: NOVEMBER, periodEnd: NOVEMBER + 36_000 };
    const released = decideGuardLevel(plan, seenAt(120, { ...held, budget }), shrunk.memory);
    expect(actionsOf(released)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 8 }]);
    expect(actionsOf(decideGuardLevel(plan, seenAt(180, { ...held, budget }), released.memory))).toEqual([]);
  });

  test('goes from shrink back to the frozen capacity when the budget rises a little', () => {
    const frozen = decideGuardLevel(plan, seenAt(60), memoryWith(90));
    const shrunk = decideGuardLevel(plan, seenAt(120), { ...frozen.memory, fleetUsd: 100 });
    const budget = { amountUsd: 107, periodStart: NOVEMBER, periodEnd: NOVEMBER + 36_000 };
    const fleets = [fleetSeen(1, { bounds: { minCapacity: 1, maxCapacity: 1 } })];
    const raised = decideGuardLevel(plan, seenAt(180, { budget, fleets }), shrunk.memory);
    expect(actionsOf(raised)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
  });

  test('tightens again what was loosened while it holds', () => {
    const shrunk = decideGuardLevel(plan, seenAt(60), memoryWith(100));
    const redeployed = seenAt(120, { fleets: [fleetSeen(1)] });
    expect(actionsOf(decideGuardLevel(plan, redeployed, shrunk.memory))).toEqual([
      { resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 },
    ]);
  });

  test('leaves a tighter maximum of someone else alone', () => {
    const tighter = seenAt(60, { fleets: [fleetSeen(3, { bounds: { minCapacity: 1, maxCapacity: 3 } })] });
    const before = memoryWith(90);
    const remembered = { ...before.fleets[RESOURCE]!, frozenCapacity: 4 };
    const outcome = decideGuardLevel(plan, tighter, { ...before, fleets: { [RESOURCE]: remembered } });
    expect(outcome.decision.level).toBe('freeze-growth');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('never limits a fleet protected at its maximum', () => {
    const protectedPlan = { ...plan, fleets: [{ ...fleet, protectedFloor: 8 }] };
    const outcome = decideGuardLevel(protectedPlan, seenAt(60), memoryWith(500));
    expect(outcome.decision.level).toBe('shrink');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('freezes at the last known capacity when the fleet cannot be seen', () => {
    const outcome = decideGuardLevel(plan, seenAt(60, { fleets: [] }), memoryWith(90));
    expect(actionsOf(outcome)).toEqual([{ resourceId: RESOURCE, minCapacity: 2, maxCapacity: 4 }]);
  });

  test('does not freeze a fleet it never saw', () => {
    const first = decideGuardLevel(plan, seenAt(0, { fleets: [] }), undefined);
    const outcome = decideGuardLevel(plan, seenAt(60, { fleets: [] }), { ...first.memory, fleetUsd: 92 });
    expect(outcome.decision.level).toBe('freeze-growth');
    expect(actionsOf(outcome)).toEqual([]);
  });

  test('limits the other fleets when one cannot be seen', () => {
    const other = { ...fleet, resourceId: 'endpoint/other/variant/main' };
    const two = { ...plan, fleets: [other, fleet] };
    const { memory } = decideGuardLevel(two, seenAt(0), undefined);
    const outcome = decideGuardLevel(two, seenAt(60), { ...memory, fleetUsd: 99.9 });
    expect(actionsOf(outcome)).toContainEqual({ resourceId: RESOURCE, minCapacity: 1, maxCapacity: 1 });
  });

  test('tries a failed effect again at the next look', () => {
    const before = memoryWith(100);
    const first = decideGuardLevel(plan, seenAt(60, { fleets: [fleetSeen(4, { bounds: null })] }), before);
    expect(actionsOf(first)).toHaveLength(1);
    const failed = withFailedActions(first.memory, before, [RESOURCE]);
    const again = decideGuardLevel(plan, seenAt(120, { fleets: [fleetSeen(4, { bounds: null })] }), failed);
    expect(actionsOf(again)).toEqual(actionsOf(first));
  });
});
