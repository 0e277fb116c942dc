import { decide } from '../../../lib/scaling/decide/decide';
import { EMPTY_MEMORY, type ScalingMemory } from '../../../lib/scaling/decide/memory';
import type { FleetObservation } from '../../../lib/scaling/decide/observation';
import type { FleetPlan, StepPolicy, TargetTrackingPolicy } from '../../../lib/scaling/decide/plan';

const track: TargetTrackingPolicy = { kind: 'target-tracking', policyName: 'track', targetValue: 100 };
const plan: FleetPlan = { minCapacity: 1, maxCapacity: 20, policies: [track], schedules: [] };

function seen(
  desiredCapacity: number,
  value: number | undefined,
  overrides: Partial<FleetObservation> = {},
): FleetObservation {
  return {
    atSeconds: 1000,
    desiredCapacity,
    signals: { track: value === undefined ? {} : { value } },
    ...overrides,
  };
}

function reasons({ decision }: ReturnType<typeof decide>): string {
  return decision.steps.map(({ stage, reason }) => `${stage}: ${reason}`).join('\n');
}

describe('decide', () => {
  test('tells every stage with its numbers', () => {
    const result = decide(plan, seen(4, 150), EMPTY_MEMORY);
    expect(result.decision).toMatchObject({ desiredCapacity: 6, outcome: 'scale-out', decidedBy: 'track' });
    expect(result.decision.steps).toEqual([
      {
        stage: 'target-tracking:track',
        from: 4,
        to: 6,
        reason: 'metric 150 is above target 100: 4 × 150 ÷ 100 = 6, rounded up to 6',
      },
      { stage: 'combine', from: 4, to: 6, reason: 'track proposes 6' },
      { stage: 'cooldowns', from: 4, to: 6, reason: 'no scale-out is in progress or in cooldown' },
      { stage: 'limits', from: 6, to: 6, reason: '6 lies between minimum 1 and maximum 20' },
    ]);
  });

  test('holds the fleet when the metric is missing and says so', () => {
    const result = decide(plan, seen(4, undefined), EMPTY_MEMORY);
    expect(result.decision.outcome).toBe('hold');
    expect(reasons(result)).toContain('the metric is missing (insufficient data)');
  });

  test('decides for a plan without policies', () => {
    const result = decide({ ...plan, policies: [] }, seen(30, 5), EMPTY_MEMORY);
    expect(result.decision).toMatchObject({ desiredCapacity: 20, outcome: 'scale-in', limitedBy: 'max' });
  });

  test('says why a share of zero replicas cannot grow', () => {
    const result = decide({ ...plan, minCapacity: 0 }, seen(0, 900), EMPTY_MEMORY);
    expect(result.decision.desiredCapacity).toBe(0);
    expect(reasons(result)).toContain('scaling from zero needs a step policy or a higher minimum');
  });

  test('believes the alarm before the value', () => {
    const quiet = decide(plan, seen(4, 150, { signals: { track: { value: 150, alarm: 'ok' } } }), EMPTY_MEMORY);
    expect(quiet.decision.outcome).toBe('hold');
    const early = decide(plan, seen(4, 40, { signals: { track: { value: 40, alarm: 'ok' } } }), EMPTY_MEMORY);
    expect(early.decision.outcome).toBe('hold');
    const stale = decide(plan, seen(4, 80, { signals: { track: { value: 80, alarm: 'high' } } }), EMPTY_MEMORY);
    expect(stale.decision.outcome).toBe('hold');
  });

  test('acts only for policies whose alarms were evaluated', () => {
    const result = decide(plan, seen(4, 150, { triggered: [] }), EMPTY_MEMORY);
    expect(result.decision.outcome).toBe('hold');
    expect(reasons(result)).toContain('combine: no policy was evaluated');
  });

  describe('with ceilings', () => {
    const guard = (maxCapacity: number) => ({
      source: 'cost-guard',
      maxCapacity,
      reason: 'forecast is 112 % of budget',
    });

    test('grows to the lowest ceiling only', () => {
      const result = decide(plan, seen(4, 300, { ceilings: [guard(9), guard(6)] }), EMPTY_MEMORY);
      expect(result.decision).toMatchObject({ desiredCapacity: 6, limitedBy: 'ceiling' });
      expect(reasons(result)).toContain('cost-guard allows at most 6: forecast is 112 % of budget');
    });

    test('shrinks at once, below the minimum too', () => {
      const result = decide({ ...plan, minCapacity: 3 }, seen(8, 100, { ceilings: [guard(2)] }), EMPTY_MEMORY);
      expect(result.decision).toMatchObject({ desiredCapacity: 2, outcome: 'scale-in', limitedBy: 'ceiling' });
      expect(reasons(result)).toContain('although the minimum is 3');
    });

    test('changes nothing under a ceiling that is high enough', () => {
      expect(decide(plan, seen(4, 150, { ceilings: [guard(6)] }), EMPTY_MEMORY).decision.limitedBy).toBeUndefined();
    });
  });

  describe('while capacity is awaited', () => {
    const out = decide(plan, seen(2, 200, { inServiceCapacity: 2 }), EMPTY_MEMORY);
    const at = (atSeconds: number, value: number, inServiceCapacity: number, memory: ScalingMemory, desired = 4) =>
      decide(plan, seen(desired, value, { atSeconds, inServiceCapacity }), memory);

    test('counts what is on its way', () => {
      expect(out.decision.desiredCapacity).toBe(4);
      const same = at(1500, 200, 2, out.memory);
      expect(same.decision.desiredCapacity).toBe(4);
      expect(reasons(same)).toContain('is in progress, and 4 is not larger than 4');
    });

    test('adds the difference when more is needed', () => {
      expect(at(1500, 300, 2, out.memory).decision.desiredCapacity).toBe(6);
    });

    test('begins the cooldown when the capacity has arrived', () => {
      const arrived = at(1500, 100, 4, out.memory);
      expect(arrived.memory.scaleOuts[0]!.completedAtSeconds).toBe(1500);
      expect(at(1700, 200, 4, arrived.memory).decision.desiredCapacity).toBe(4);
      expect(at(1801, 200, 4, arrived.memory).decision.desiredCapacity).toBe(8);
    });

    test('gives up waiting after an hour', () => {
      const late = at(1000 + 3600, 200, 2, out.memory);
      expect(late.memory.scaleOuts[0]!.completedAtSeconds).toBe(4600);
    });

    test('takes the metric as that of the replicas that serve', () => {
      const scheduled = decide(plan, seen(8, 200, { inServiceCapacity: 2 }), EMPTY_MEMORY);
      expect(scheduled.decision.desiredCapacity).toBe(8);
      expect(reasons(scheduled)).toContain('4 is not larger than 8: enough capacity is already starting');
    });

    test('forgets scale-outs that someone took back', () => {
      expect(at(1100, 200, 2, out.memory, 2).decision.desiredCapacity).toBe(4);
    });
  });

  describe('with step policies', () => {
    const step: StepPolicy = {
      kind: 'step',
      policyName: 'track',
      adjustmentType: 'ChangeInCapacity',
      steps: [{ lowerBound: 0, adjustment: 1 }],
    };
    const stepPlan = (overrides: Partial<StepPolicy>): FleetPlan => ({
      ...plan,
      policies: [{ ...step, ...overrides }],
    });
    const datapoints = { track: { datapoints: [40, 50, 90], threshold: 55 } };

    test.each([
      ['Average', 5],
      ['Minimum', 4],
      ['Maximum', 5],
      [undefined, 5],
    ] as const)('aggregates datapoints by %s', (metricAggregationType, expected) => {
      const chosen = stepPlan(metricAggregationType === undefined ? {} : { metricAggregationType });
      expect(decide(chosen, seen(4, 0, { signals: datapoints }), EMPTY_MEMORY).decision.desiredCapacity).toBe(expected);
    });

    test('takes the threshold of the alarm before its own', () => {
      const signals = { track: { value: 60, threshold: 80 } };
      expect(decide(stepPlan({ threshold: 50 }), seen(4, 0, { signals }), EMPTY_MEMORY).decision.outcome).toBe('hold');
    });

    test('holds without a threshold, without data and with an alarm that is not on', () => {
      for (const signal of [
        { value: 60 },
        {},
        { value: 60, threshold: 5, alarm: 'ok' as const },
        { value: 60, threshold: 5, alarm: 'insufficient-data' as const },
      ]) {
        const result = decide(stepPlan({}), seen(4, 0, { signals: { track: signal } }), EMPTY_MEMORY);
        expect(result.decision.outcome).toBe('hold');
      }
    });
  });

  describe('with schedules', () => {
    const at = (schedule: string, limits: { minCapacity?: number; maxCapacity?: number }, name = 'morning') => ({
      scheduledActionName: name,
      schedule,
      ...limits,
    });
    const scheduled = (...schedules: FleetPlan['schedules'][number][]): FleetPlan => ({ ...plan, schedules });

    test('runs what became due since the last look, in the order of time', () => {
      const two = scheduled(
        at('at(1970-01-01T00:15:00)', { minCapacity: 9 }, 'second'),
        at('at(1970-01-01T00:14:00)', { minCapacity: 5, maxCapacity: 12 }, 'first'),
      );
      const result = decide(two, seen(2, undefined), { ...EMPTY_MEMORY, schedulesAppliedUntil: 600 });
      expect(result.decision).toMatchObject({ desiredCapacity: 9, decidedBy: 'second' });
      expect(result.memory.limits).toEqual({ minCapacity: 9, maxCapacity: 12 });
      expect(result.memory.schedulesAppliedUntil).toBe(1000);
    });

    test('runs an action once', () => {
      const once = scheduled(at('at(1970-01-01T00:15:00)', { minCapacity: 9 }));
      const first = decide(once, seen(2, undefined), { ...EMPTY_MEMORY, schedulesAppliedUntil: 600 });
      const second = decide(once, seen(9, undefined, { atSeconds: 1060 }), first.memory);
      expect(reasons(second)).toContain('no scheduled action is due');
      expect(second.decision.limits).toEqual({ minCapacity: 9, maxCapacity: 20 });
    });

    test('runs nothing of the past at the first look', () => {
      const past = scheduled(at('at(1970-01-01T00:15:00)', { minCapacity: 9 }));
      expect(decide(past, seen(2, undefined), EMPTY_MEMORY).decision.desiredCapacity).toBe(2);
    });

    test('refuses an action that would put the minimum above the maximum', () => {
      const wrong = scheduled(at('rate(1 minute)', { minCapacity: 30 }));
      const result = decide(wrong, seen(2, undefined), { ...EMPTY_MEMORY, schedulesAppliedUntil: 900 });
      expect(result.decision.desiredCapacity).toBe(2);
      expect(reasons(result)).toContain('it would set minimum 30 above maximum 20');
    });

    test('runs a recurring action at its start, then as it recurs, and not after its end', () => {
      const bounded = { ...at('rate(10 minutes)', { minCapacity: 3 }), startSeconds: 700, endSeconds: 1500 };
      const from = (since: number, until: number) =>
        decide(scheduled(bounded), seen(1, undefined, { atSeconds: until }), {
          ...EMPTY_MEMORY,
          schedulesAppliedUntil: since,
        }).decision.desiredCapacity;
      expect(from(600, 699)).toBe(1);
      expect(from(600, 700)).toBe(3);
      expect(from(700, 1299)).toBe(1);
      expect(from(1299, 1300)).toBe(3);
      expect(from(1500, 3000)).toBe(1);
    });
  });

  test('explains why it did not scale, in the words of the service', () => {
    const full = decide(plan, seen(20, 300), EMPTY_MEMORY).decision.notScaledReasons;
    expect(full).toEqual([{ code: 'AlreadyAtMaxCapacity', maxCapacity: 20, currentCapacity: 20 }]);
    const empty = decide(plan, seen(1, 0), EMPTY_MEMORY).decision.notScaledReasons;
    expect(empty).toEqual([{ code: 'AlreadyAtMinCapacity', minCapacity: 1, currentCapacity: 1 }]);
    const first = decide(plan, seen(4, 150), EMPTY_MEMORY);
    const second = decide(plan, seen(6, 150), first.memory).decision.notScaledReasons;
    expect(second).toEqual([{ code: 'AlreadyAtDesiredCapacity', currentCapacity: 6 }]);
  });
});

describe('suspended scaling', () => {
  const suspended = (dynamicScalingOutSuspended: boolean, dynamicScalingInSuspended: boolean): FleetPlan => ({
    ...plan,
    suspended: { dynamicScalingOutSuspended, dynamicScalingInSuspended, scheduledScalingSuspended: false },
  });
  const capacity = (of: FleetPlan, value: number) => decide(of, seen(4, value), EMPTY_MEMORY).decision.desiredCapacity;

  test('holds back a change in its direction alone', () => {
    // 4 x 150 / 100 = 6, and 4 x 50 / 100 = 2
    expect([capacity(plan, 150), capacity(plan, 50)]).toEqual([6, 2]);
    expect([capacity(suspended(true, false), 150), capacity(suspended(true, false), 50)]).toEqual([4, 2]);
    expect([capacity(suspended(false, true), 150), capacity(suspended(false, true), 50)]).toEqual([6, 4]);
  });

  test('says what is not set', () => {
    const { decision } = decide(suspended(true, false), seen(4, 150), EMPTY_MEMORY);
    expect(decision.steps).toContainEqual({
      stage: 'suspended',
      from: 6,
      to: 4,
      reason: 'scaling out by policies is suspended, so 6 is not set',
    });
    expect(decision.outcome).toBe('hold');
    expect(decision.decidedBy).toBeUndefined();
    const down = decide(suspended(true, true), seen(4, 50), EMPTY_MEMORY).decision;
    expect(down.steps).toContainEqual(
      expect.objectContaining({ reason: 'scaling in by policies is suspended, so 2 is not set' }),
    );
  });

  test('leaves the limits, and what needs no change, alone', () => {
    const stages = ({ decision }: ReturnType<typeof decide>) => decision.steps.map(({ stage }) => stage);
    expect(stages(decide(suspended(true, true), seen(4, 100), EMPTY_MEMORY))).not.toContain('suspended');
    const low = decide({ ...suspended(true, true), minCapacity: 6 }, seen(4, 150), EMPTY_MEMORY).decision;
    expect(low.desiredCapacity).toBe(6);
  });
});

describe('the origin of a change', () => {
  test('is the policy whose direction it has, and its cooldown begins, also where a limit sets the number', () => {
    const { decision, memory } = decide({ ...plan, maxCapacity: 5 }, seen(4, 300), EMPTY_MEMORY);
    expect(decision).toMatchObject({ desiredCapacity: 5, decidedBy: 'track', limitedBy: 'max' });
    expect(memory.scaleOuts).toMatchObject([{ policyName: 'track', from: 4, to: 5 }]);
  });

  test('is no policy where a limit alone changes the fleet, or against what the policy proposes', () => {
    for (const value of [100, 120]) {
      const { decision, memory } = decide({ ...plan, maxCapacity: 3 }, seen(4, value), EMPTY_MEMORY);
      expect(decision).toMatchObject({ desiredCapacity: 3, outcome: 'scale-in' });
      expect(decision.decidedBy).toBeUndefined();
      expect(memory.scaleIn).toBeUndefined();
    }
  });

  test('has no reason for standing still where nothing was proposed or something changed', () => {
    expect(decide(plan, seen(4, 100), EMPTY_MEMORY).decision.notScaledReasons).toEqual([]);
    expect(decide(plan, seen(4, 150), EMPTY_MEMORY).decision.notScaledReasons).toEqual([]);
  });

  test('is a limit where the policy does not change the number, the action that set it if it has just run', () => {
    // Both ask for more than 2: the policy for 2 × 130 ÷ 100 = 2.6, so 3; the minimum for 5.
    const low = { ...plan, minCapacity: 5 };
    const limit = decide(low, seen(2, 130), EMPTY_MEMORY);
    expect(limit.decision).toMatchObject({ desiredCapacity: 5, limitedBy: 'min' });
    expect(limit.decision.decidedBy).toBeUndefined();
    const grow = { scheduledActionName: 'grow', schedule: 'rate(1000 minutes)', startSeconds: 1000, minCapacity: 5 };
    const scheduled = (value: number, desired = 2) =>
      decide({ ...plan, schedules: [grow] }, seen(desired, value), EMPTY_MEMORY).decision;
    expect(scheduled(130).decidedBy).toBe('grow');
    // The policy asks for more than the minimum: 2 × 330 ÷ 100 = 6.6, so 7, and 2 × 1500 ÷ 100 = 30.
    expect(decide(low, seen(2, 330), EMPTY_MEMORY).decision).toMatchObject({ desiredCapacity: 7, decidedBy: 'track' });
    expect(decide(low, seen(2, 1500), EMPTY_MEMORY).decision).toMatchObject({
      desiredCapacity: 20,
      decidedBy: 'track',
    });
    // The action sets limits that the fleet keeps already.
    expect(scheduled(100, 6)).toMatchObject({ desiredCapacity: 6, limits: { minCapacity: 5, maxCapacity: 20 } });
    expect(scheduled(100, 6).decidedBy).toBeUndefined();
  });
});

describe('the memory of a decision', () => {
  test('has no change where a limit kept the fleet as it was', () => {
    const full = decide(plan, seen(20, 150), EMPTY_MEMORY);
    expect(full.decision.decidedBy).toBeUndefined();
    expect(full.memory).toEqual({ scaleOuts: [], schedulesAppliedUntil: 1000 });
  });

  test('has a scale-out as completed only where the capacity in service is not known', () => {
    const change = { policyName: 'track', atSeconds: 1000, from: 4, to: 6, cooldownSeconds: 300 };
    expect(decide(plan, seen(4, 150), EMPTY_MEMORY).memory.scaleOuts).toEqual([
      { ...change, completedAtSeconds: 1000 },
    ]);
    expect(decide(plan, seen(4, 150, { inServiceCapacity: 4 }), EMPTY_MEMORY).memory.scaleOuts).toStrictEqual([change]);
  });

  test('has the last scale-in alone', () => {
    const out = decide(plan, seen(4, 150), EMPTY_MEMORY);
    const into = decide(plan, seen(6, 50, { atSeconds: 1100 }), out.memory);
    expect(into.memory).toEqual({
      scaleOuts: [],
      scaleIn: { policyName: 'track', atSeconds: 1100, from: 6, to: 3, cooldownSeconds: 300 },
      schedulesAppliedUntil: 1100,
    });
  });

  test('keeps the newest moment up to which schedules ran, also when the clock goes back', () => {
    const memory = { ...EMPTY_MEMORY, schedulesAppliedUntil: 1500 };
    expect(decide(plan, seen(4, 100), memory).memory.schedulesAppliedUntil).toBe(1500);
  });
});

test.each<[string, number, number, FleetPlan, string]>([
  ['a scale-out that a ceiling stops', 6, 300, plan, 'AlreadyAtDesiredCapacity'],
  ['a scale-out above the maximum', 6, 300, { ...plan, maxCapacity: 6 }, 'AlreadyAtMaxCapacity'],
  ['a scale-out of a fleet at its minimum', 6, 300, { ...plan, minCapacity: 6 }, 'AlreadyAtDesiredCapacity'],
  ['a scale-in in its cooldown', 6, 10, plan, 'AlreadyAtDesiredCapacity'],
  ['a scale-in at the maximum', 6, 10, { ...plan, maxCapacity: 6 }, 'AlreadyAtDesiredCapacity'],
  ['a scale-in below the minimum', 6, 10, { ...plan, minCapacity: 6 }, 'AlreadyAtMinCapacity'],
])('%s leaves the fleet as it is', (_, desired, value, chosen, code) => {
  const ceilings = [{ source: 'cost-guard', maxCapacity: 6, reason: 'the budget is spent' }];
  const scaleIn = { policyName: 'track', atSeconds: 900, from: 8, to: 6, cooldownSeconds: 300 };
  const { decision } = decide(chosen, seen(desired, value, { ceilings }), { scaleOuts: [], scaleIn });
  expect(decision).toMatchObject({ desiredCapacity: desired, outcome: 'hold' });
  expect(decision.notScaledReasons).toMatchObject([{ code, currentCapacity: desired }]);
});
