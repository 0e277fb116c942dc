import {
  decideGuardLevel,
  withFailedActions,
  withPendingActions,
  type GuardMemory,
  type GuardSeen,
  type StatedPlan,
} from '../../../lib/cost/decide';
import { BUDGET, fleet, fleetSeen, inForce, job, NOVEMBER, plan, RESOURCE, seenAt } from './fixtures';

const DAY = 86_400;

function decide(seconds: number, overrides: Partial<GuardSeen> = {}, memory?: GuardMemory, stated: StatedPlan = plan) {
  return decideGuardLevel(stated, seenAt(seconds, overrides), memory);
}

describe('the steps of a decision', () => {
  test('say what was metered, what the level comes from, and what is limited', () => {
    expect(decide(0).decision.steps).toEqual([
      { stage: `meter:${RESOURCE}`, reason: '4 of 4 instances exist: 0 s x 6.000 USD/h = 0.00 USD' },
      {
        stage: 'budget',
        reason: '0.00 USD of 100.00 USD spent (0.0 %), 15.00 USD committed, forecast 60.00 USD at 6.000 USD/h: ok',
      },
      { stage: `limit:${RESOURCE}`, reason: 'ok: nothing is limited' },
    ]);
  });

  test('say that a period has begun, which jobs run, and which are stopped', () => {
    const { memory } = decide(0);
    const budget = { amountUsd: 16, periodStart: NOVEMBER + 30, periodEnd: NOVEMBER + 36_000 };
    const { decision } = decide(60, { budget, trainingJobs: [job] }, { ...memory, level: 'shrink' });
    const [period, , training] = decision.steps;
    expect(period).toEqual({
      stage: 'period',
      reason: `the period begins at ${NOVEMBER + 30}; the last one began at ${NOVEMBER - 60}`,
    });
    // 30 s of the new period x 2 USD/h
    expect(training).toEqual({ stage: 'meter:training', reason: '1 jobs open, 0.02 USD in this period' });
    expect(decision.steps.map(({ stage }) => stage)).toEqual([
      'period',
      `meter:${RESOURCE}`,
      'meter:training',
      'budget',
      'stop:train-1',
      `limit:${RESOURCE}`,
    ]);
    expect(decision.steps[4]!.reason).toBe('it has started at shrink');
    expect(decision.notices).toContain('training job train-1 is stopped: it has started at shrink');
    expect(decision.limitsBefore).toEqual({ [RESOURCE]: { minCapacity: 2, maxCapacity: 8 } });
  });

  test('name no period while it is the same, also with another amount', () => {
    const { memory } = decide(0);
    const { decision } = decide(60, { budget: { ...BUDGET, amountUsd: 200 } }, memory);
    expect(decision.steps.map(({ stage }) => stage)).toEqual([`meter:${RESOURCE}`, 'budget', `limit:${RESOURCE}`]);
  });

  test('say that a fleet was not observed, and at what it is charged', () => {
    const first = decide(0);
    expect(decide(60, { fleets: [] }, first.memory).decision.steps[0]!.reason).toBe(
      'not observed, charged at the last known 6.000 USD/h: 60 s x 6.000 USD/h = 0.10 USD',
    );
    const never = decide(0, { fleets: [] }).decision;
    expect(never.steps[0]!.reason).toBe('never observed, charged at its minimum: 0 s x 3.000 USD/h = 0.00 USD');
    expect(never.problems).toEqual([`${RESOURCE} was never observed; it is charged at its minimum`]);
  });

  test('say which limits a dry run would set', () => {
    const { memory } = decide(0, {}, undefined, { ...plan, dryRun: true });
    const spend = {
      spend: [
        [NOVEMBER - 60, 0],
        [NOVEMBER, 90],
      ] as const,
    };
    const { decision } = decide(60, {}, { ...memory, ...spend }, { ...plan, dryRun: true });
    expect(decision.steps.at(-1)).toEqual({
      stage: `limit:${RESOURCE}`,
      reason: 'dry run: shrink: minimum 2 -> 1, maximum 8 -> 1, its protected floor',
    });
  });

  test('say that the limits of an owner are not known, for a fleet in the plan and for one that has left it', () => {
    const foreign = { ...plan, fleets: [{ ...fleet, minCapacity: null, maxCapacity: null }] };
    const blind = { fleets: [fleetSeen(4, { limits: { kind: 'unreadable' } as const })] };
    const step = {
      stage: `limit:${RESOURCE}`,
      reason: 'the limits of its owner are not known now, so the guard changes none',
    };
    expect(decide(0, blind, undefined, foreign).decision.steps.at(-1)).toEqual(step);
    const tight = { budget: { ...BUDGET, amountUsd: 15.1 } };
    const held = decide(0, tight, undefined, foreign);
    const left = decide(60, { ...tight, ...blind }, held.memory, { ...foreign, fleets: [] });
    expect(left.decision.steps.at(-1)).toEqual(step);
    expect(left.memory.holds).toEqual(held.memory.holds);
  });
});

describe('the meter', () => {
  test('adds running jobs to the burn rate, every instance of them, and reports no price that it has', () => {
    const waiting = { ...job, name: 'train-2', startedAt: null };
    const { decision } = decide(0, { trainingJobs: [{ ...job, instanceCount: 2 }, waiting] });
    // 4 x 1.5 USD/h, and 2 x 2 USD/h
    expect(decision.burnRateUsdPerHour).toBe(10);
    expect(decision.problems).toEqual([]);
  });

  test('adds every group of a heterogeneous cluster at its own price, and says which has none', () => {
    const otherGroups = [{ instanceType: 'ml.c5.xlarge', instanceCount: 3 }];
    const { decision } = decide(0, { trainingJobs: [{ ...job, instanceCount: 2, otherGroups }] });
    // 4 x 1.5 USD/h, 2 x 2 USD/h, and 3 at the highest known price of 2 USD/h
    expect(decision.burnRateUsdPerHour).toBe(16);
    expect(decision.problems).toEqual([expect.stringContaining('no training price for ml.c5.xlarge')]);
  });

  test('charges a job that another look does not list on, and says that the list could not be read', () => {
    const first = decide(0, { trainingJobs: [job] });
    expect(first.decision.steps.map(({ stage }) => stage)).toContain('meter:training');
    const { decision } = decide(60, { trainingJobs: null }, first.memory);
    expect(decision.burnRateUsdPerHour).toBe(8);
    expect(decision.problems).toEqual(['training jobs could not be listed; those known to run are charged on']);
  });

  test('names a training type without a price with the job and the way out', () => {
    const { decision } = decide(0, { trainingJobs: [{ ...job, instanceType: 'ml.x' }] });
    expect(decision.problems).toEqual([
      'no training price for ml.x (job train-1); counted at the highest known price: add ml.x to the training prices',
    ]);
  });

  test('names a type without a price with its fleet', () => {
    const capacity = { currentByType: { 'ml.x': 1 }, currentCapacity: 1, desiredCapacity: 1 };
    const { decision } = decide(0, { fleets: [fleetSeen(1, { capacity })] });
    expect(decision.problems).toEqual([
      `${RESOURCE}: no price for ml.x (1 running); counted at 1.5 USD/h, the highest known price: ` +
        'add ml.x to the prices of the fleet',
    ]);
  });

  test('forgets that a job was settled after a day, when no look lists it any more', () => {
    const ended = { ...job, endedAt: NOVEMBER + 60, billableSeconds: 60 };
    const settled = decide(60, { trainingJobs: [ended] }).memory;
    expect(settled.training.settledAt).toEqual({ 'train-1': NOVEMBER + 60 });
    const later = (seconds: number) => decide(seconds, {}, settled).memory.training.settledAt;
    expect(later(60 + DAY - 1)).toEqual({ 'train-1': NOVEMBER + 60 });
    expect(later(60 + DAY)).toEqual({});
  });

  test('reserves the floors from the moment it began, in a period that began before', () => {
    const budget = { ...BUDGET, periodStart: NOVEMBER - DAY };
    const { decision } = decide(0, { budget: { ...budget, amountUsd: 15.1 } });
    // 1.5 USD/h for the 10 hours that are left: 15 USD are below the budget
    expect(decision.problems).toEqual([]);
    expect(decide(0, { budget: { ...budget, amountUsd: 15 } }).decision.problems).toHaveLength(1);
  });
});

describe('training beside the fleets', () => {
  const long = { ...job, maxRuntimeSeconds: 10 * 3600 };

  test('is committed to its end where running jobs finish', () => {
    const { decision } = decide(0, { trainingJobs: [long] });
    // 15 USD of floors, and 2 USD/h for the 10 hours that are left of the period
    expect(decision.committedUsd).toBeCloseTo(15 + 20, 10);
  });

  test('counts until a stop takes effect where running jobs are stopped', () => {
    const spend = {
      spend: [
        [NOVEMBER - 60, 0],
        [NOVEMBER, 76],
      ] as const,
    };
    const level = (runningJobs: 'FINISH' | 'STOP', instanceCount: number) => {
      const stated = { ...plan, runningJobs };
      const seen = { trainingJobs: [{ ...long, instanceCount }] };
      const { memory } = decide(0, seen, undefined, stated);
      return decide(60, seen, { ...memory, ...spend }, stated).decision.level;
    };
    // 76 + 0.1 + 14.975 + 0.225 = 91.3 USD of 91.5: a job of 2 USD/h costs 0.03 since the start and 0.1 more in three minutes
    expect(level('STOP', 1)).toBe('warn');
    expect(level('STOP', 2)).toBe('freeze-growth');
  });
});

describe('the memory of a decision', () => {
  test('of which the first actions are pending is that of a guard that has done nothing yet', () => {
    const { memory, decision } = decide(0, { budget: { ...BUDGET, amountUsd: 15 } });
    expect([memory.level, decision.actions.length, memory.notices.length]).toEqual(['shrink', 1, 1]);
    const pending = withPendingActions(memory, undefined, decision.actions);
    expect(pending).toMatchObject({ level: 'ok', atSeconds: NOVEMBER });
    expect(pending.notices).toStrictEqual([]);
    expect(pending.rehearsedHolds).toStrictEqual({});
    expect(pending.holds[RESOURCE]!.status).toBe('claimed');
  });

  test('is the same after the failure of an action on limits that the guard does not hold', () => {
    const { memory } = decide(0);
    expect(withFailedActions(memory, [RESOURCE])).toEqual(memory);
  });

  test('keeps every fleet apart from the others', () => {
    const other = { ...fleet, resourceId: 'other', minCapacity: null, maxCapacity: null };
    const foreign = { ...plan, fleets: [{ ...other, resourceId: 'third' }, other] };
    const seen = (id: string, maximum: number) => fleetSeen(1, { resourceId: id, limits: inForce(1, maximum) });
    const { memory } = decide(0, { fleets: [seen('third', 3), seen('other', 5)] }, undefined, foreign);
    expect(memory.ownersLimits).toEqual({
      third: { minCapacity: 1, maxCapacity: 3 },
      other: { minCapacity: 1, maxCapacity: 5 },
    });
  });

  test.each([
    [null, 'the budget cannot be read and no earlier one is stored; write the budget parameter'],
    ['5 is no', 'the budget is refused (5 is no) and no earlier one is stored; write the budget parameter'],
  ])('is none before the first budget: %p', (budgetRefusal, message) => {
    expect(() => decide(0, { budget: null, budgetRefusal })).toThrow(message);
  });
});
