import { checkPlan } from '../../../lib/scaling/decide/check-plan';
import type { FleetPlan, StepAdjustment } from '../../../lib/scaling/decide/plan';

const good: FleetPlan = {
  minCapacity: 1,
  maxCapacity: 8,
  policies: [
    { kind: 'target-tracking', policyName: 'track', targetValue: 5.6 },
    {
      kind: 'step',
      policyName: 'burst',
      adjustmentType: 'ChangeInCapacity',
      steps: [
        { lowerBound: 0, upperBound: 10, adjustment: 1 },
        { lowerBound: 10, adjustment: 2 },
      ],
    },
  ],
  schedules: [{ scheduledActionName: 'morning', schedule: 'cron(0 8 * * ? *)', minCapacity: 2 }],
};

const withSteps = (...steps: StepAdjustment[]): FleetPlan => ({
  ...good,
  policies: [{ kind: 'step', policyName: 'burst', adjustmentType: 'ChangeInCapacity', steps }],
});
const withTracking = (overrides: object): FleetPlan => ({
  ...good,
  policies: [{ kind: 'target-tracking', policyName: 'track', targetValue: 5, ...overrides }],
});
const withAction = (overrides: object): FleetPlan => ({
  ...good,
  schedules: [{ scheduledActionName: 'morning', schedule: 'rate(1 hour)', minCapacity: 2, ...overrides }],
});

describe('checking a plan', () => {
  test('finds nothing wrong with a good one', () => expect(checkPlan(good)).toEqual([]));

  test.each<[string, FleetPlan, string]>([
    [
      'limits the wrong way round',
      { ...good, minCapacity: 9 },
      'minCapacity (9) is above maxCapacity (8); lower minCapacity or raise maxCapacity',
    ],
    ['half an instance', { ...good, minCapacity: 0.5 }, 'minCapacity (0.5) must be a whole number of at least 0'],
    ['NaN', { ...good, maxCapacity: NaN }, 'maxCapacity (NaN) must be a whole number of at least 0'],
    [
      'a repeated name',
      { ...good, policies: [good.policies[0]!, good.policies[0]!] },
      'policyName track is used twice',
    ],
    ['a target of zero', withTracking({ targetValue: 0 }), 'policy track: targetValue (0) must be a number above 0'],
    ['a negative cooldown', withTracking({ scaleInCooldownSeconds: -1 }), 'scaleInCooldownSeconds (-1)'],
    ['no removal at all', withTracking({ maxScaleInPerDecision: 0 }), 'maxScaleInPerDecision (0)'],
    [
      'a strange period',
      withTracking({ alarmShape: { periodSeconds: 45 } }),
      'periodSeconds (45) must be 10, 20, 30 or a multiple of 60',
    ],
    ['a factor above 1', withTracking({ alarmShape: { scaleInRatio: 1.1 } }), 'scaleInRatio (1.1)'],
    ['no datapoints', withTracking({ alarmShape: { scaleOutDatapoints: 0 } }), 'scaleOutDatapoints (0)'],
    ['half a datapoint', withTracking({ alarmShape: { scaleInDatapoints: 1.5 } }), 'scaleInDatapoints (1.5)'],
    ['math without a result', withTracking({ metric: { kind: 'math', queries: [] } }), 'exactly one query'],
    ['no steps', withSteps(), 'policy burst: give at least one step'],
    ['half a replica', withSteps({ lowerBound: 0, adjustment: 0.5 }), 'adjustment (0.5) must be a whole number'],
    [
      'bounds the wrong way round',
      withSteps({ lowerBound: 5, upperBound: 2, adjustment: 1 }),
      'the lower bound (5) must be below the upper bound (2)',
    ],
    [
      'a gap',
      withSteps({ lowerBound: 0, upperBound: 5, adjustment: 1 }, { lowerBound: 6, adjustment: 2 }),
      'steps leave a gap between 5 and 6',
    ],
    [
      'an overlap',
      withSteps({ lowerBound: 0, upperBound: 5, adjustment: 1 }, { lowerBound: 4, adjustment: 2 }),
      'steps overlap between 4 and 5',
    ],
    [
      'two steps without end',
      withSteps({ lowerBound: 0, adjustment: 1 }, { lowerBound: 4, adjustment: 2 }),
      'steps overlap',
    ],
    [
      'a closed upper end',
      withSteps({ lowerBound: 0, upperBound: 5, adjustment: 1 }),
      'a positive upper bound needs a step without an upper bound',
    ],
    [
      'a closed lower end',
      withSteps({ lowerBound: -5, upperBound: 0, adjustment: -1 }),
      'a negative lower bound needs a step without a lower bound',
    ],
    [
      'an action without limits',
      withAction({ minCapacity: undefined }),
      'scheduled action morning: give minCapacity, maxCapacity or both',
    ],
    [
      'an action the wrong way round',
      withAction({ minCapacity: 5, maxCapacity: 4 }),
      'minCapacity (5) is above maxCapacity (4)',
    ],
    ['an action with half a limit', withAction({ maxCapacity: 4.5 }), 'maxCapacity (4.5)'],
    ['an end before the start', withAction({ startSeconds: 9, endSeconds: 3 }), 'the start must lie before the end'],
    ['an unknown schedule', withAction({ schedule: 'daily' }), "schedule 'daily' is not understood"],
    ['an unknown zone', withAction({ timezone: 'Mars/Olympus' }), "time zone 'Mars/Olympus' is not known"],
    ['a five-field cron', withAction({ schedule: 'cron(0 8 * * *)' }), '5 fields found, 6 are needed'],
  ])('names %s', (_what, plan, problem) => {
    expect(checkPlan(plan).join('\n')).toContain(problem);
  });

  test('refuses a negative exact capacity and a wrong magnitude', () => {
    const plan: FleetPlan = {
      ...good,
      policies: [
        {
          kind: 'step',
          policyName: 'burst',
          adjustmentType: 'ExactCapacity',
          steps: [{ adjustment: -1 }],
          minAdjustmentMagnitude: 0,
        },
      ],
    };
    expect(checkPlan(plan)).toHaveLength(2);
  });
});
