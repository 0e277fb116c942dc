import { checkPlan } from '../../../lib/scaling/decide/check-plan';
import type { FleetPlan, StepAdjustment, StepPolicy } from '../../../lib/scaling/decide/plan';

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
    [
      'a target below every metric',
      withTracking({ targetValue: 1e-300 }),
      'targetValue (1e-300) must be from 8.51592e-109',
    ],
    [
      'a target above every metric',
      withTracking({ targetValue: 1e300 }),
      'targetValue (1e+300) must be from 8.51592e-109',
    ],
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

describe('the bounds of a plan', () => {
  const withStep = (overrides: object): FleetPlan => ({
    ...good,
    policies: [{ ...good.policies[1]!, ...overrides } as StepPolicy],
  });
  const query = (id: string, overrides: object = {}) => ({
    id,
    metric: { namespace: 'n', metricName: 'm', dimensions: {}, statistic: 'Average' },
    returnData: false,
    ...overrides,
  });
  const math = (...queries: object[]): FleetPlan => withTracking({ metric: { kind: 'math', queries } });

  test.each<[string, FleetPlan]>([
    ['a fleet of one size', { ...good, minCapacity: 8 }],
    ['a fleet that may be empty', { ...good, minCapacity: 0 }],
    ['one removal a decision', withTracking({ maxScaleInPerDecision: 1 })],
    ['no cooldown', withTracking({ scaleInCooldownSeconds: 0, scaleOutCooldownSeconds: 0 })],
    [
      'the smallest alarm',
      withTracking({ alarmShape: { scaleInRatio: 1, periodSeconds: 10, scaleOutDatapoints: 1, scaleInDatapoints: 1 } }),
    ],
    ['a period of 20 s', withTracking({ alarmShape: { periodSeconds: 20 } })],
    ['a period of 30 s', withTracking({ alarmShape: { periodSeconds: 30 } })],
    ['a period of five minutes', withTracking({ alarmShape: { periodSeconds: 300 } })],
    ['math with one result', math(query('a'), query('b', { returnData: true }))],
    ['math whose one result is the default', math(query('a'), query('b', { returnData: undefined }))],
    ['a step without bounds', withSteps({ adjustment: 1 })],
    ['a step down and one up', withSteps({ upperBound: 0, adjustment: -1 }, { lowerBound: 0, adjustment: 1 })],
    [
      'steps in any order',
      withSteps({ lowerBound: 5, adjustment: 2 }, { lowerBound: 0, upperBound: 5, adjustment: 1 }),
    ],
    ['an exact capacity of zero', withStep({ adjustmentType: 'ExactCapacity', steps: [{ adjustment: 0 }] })],
    ['a negative change', withStep({ adjustmentType: 'PercentChangeInCapacity', steps: [{ adjustment: -1 }] })],
    ['one instance at least', withStep({ minAdjustmentMagnitude: 1 })],
    ['the lowest of several sources', withStep({ metricAggregationType: 'Minimum' })],
    ['the highest of several sources', withStep({ metricAggregationType: 'Maximum' })],
    ['a mean of several sources', withStep({ metricAggregationType: 'Average' })],
    ['a maximum alone in an action', withAction({ minCapacity: undefined, maxCapacity: 0 })],
    ['equal limits in an action', withAction({ minCapacity: 2, maxCapacity: 2 })],
    ['an action with a start', withAction({ startSeconds: 5 })],
    ['an action with an end', withAction({ endSeconds: 5 })],
    ['an action with both', withAction({ startSeconds: 5, endSeconds: 6 })],
    ...['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'].map((statistic): [string, FleetPlan] => [
      `the statistic ${statistic}`,
      withTracking({ metric: { kind: 'custom', namespace: 'n', metricName: 'm', dimensions: {}, statistic } }),
    ]),
  ])('allow %s', (_, plan) => expect(checkPlan(plan)).toEqual([]));

  const STATISTICS = 'must be one of Average, Sum, Minimum, Maximum, SampleCount';

  test.each<[FleetPlan, readonly string[]]>([
    [
      { ...good, schedules: [good.schedules[0]!, good.schedules[0]!, good.schedules[0]!] },
      ['scheduledActionName morning is used twice'],
    ],
    [
      withTracking({ scaleOutCooldownSeconds: 0.5 }),
      ['policy track: scaleOutCooldownSeconds (0.5) must be a whole number of at least 0'],
    ],
    [
      withTracking({ maxScaleInPerDecision: 1.5 }),
      ['policy track: maxScaleInPerDecision (1.5) must be a whole number of at least 1'],
    ],
    [
      withTracking({ alarmShape: { scaleInRatio: 0 } }),
      ['policy track: scaleInRatio (0) must be above 0 and at most 1'],
    ],
    [
      withTracking({ alarmShape: { periodSeconds: 0 } }),
      ['policy track: periodSeconds (0) must be 10, 20, 30 or a multiple of 60'],
    ],
    [
      withTracking({ alarmShape: { periodSeconds: 90 } }),
      ['policy track: periodSeconds (90) must be 10, 20, 30 or a multiple of 60'],
    ],
    [
      withTracking({ alarmShape: { scaleOutDatapoints: 1.5 } }),
      ['policy track: scaleOutDatapoints (1.5) must be a whole number of at least 1'],
    ],
    [
      withTracking({ alarmShape: { scaleInDatapoints: 0 } }),
      ['policy track: scaleInDatapoints (0) must be a whole number of at least 1'],
    ],
    [
      withTracking({ metric: { kind: 'custom', namespace: 'n', metricName: 'm', dimensions: {}, statistic: 'p99' } }),
      [`policy track: statistic (p99) ${STATISTICS}`],
    ],
    [
      math(
        query('a', { metric: { ...query('a').metric, statistic: 'p50' } }),
        query('b', { metric: undefined, returnData: true }),
      ),
      [`policy track: statistic (p50) ${STATISTICS}`],
    ],
    [
      math(query('a', { returnData: true }), query('b', { returnData: true })),
      ['policy track: exactly one query of the metric math must have returnData true'],
    ],
    [
      withStep({ adjustmentType: 'Change' }),
      ['policy burst: adjustmentType (Change) must be one of ChangeInCapacity, PercentChangeInCapacity, ExactCapacity'],
    ],
    [
      withStep({ metricAggregationType: 'Sum' }),
      ['policy burst: metricAggregationType (Sum) must be one of Average, Minimum, Maximum'],
    ],
    [
      withStep({ minAdjustmentMagnitude: 0 }),
      ['policy burst: minAdjustmentMagnitude (0) must be a whole number of at least 1'],
    ],
    [
      withStep({ minAdjustmentMagnitude: 1.5 }),
      ['policy burst: minAdjustmentMagnitude (1.5) must be a whole number of at least 1'],
    ],
    [
      withStep({ adjustmentType: 'ExactCapacity', steps: [{ adjustment: -1 }] }),
      ['policy burst: adjustment (-1) must not be negative with ExactCapacity'],
    ],
    [
      withSteps({ adjustment: 1 }, { lowerBound: 0, adjustment: 2 }),
      ['policy burst: a step without bounds must be the only one', 'policy burst: steps overlap between 0 and +∞'],
    ],
    [
      withSteps({ upperBound: 0, adjustment: -1 }, { upperBound: 5, adjustment: 1 }, { lowerBound: 5, adjustment: 2 }),
      ['policy burst: steps overlap between -∞ and 0'],
    ],
    [
      withSteps({ lowerBound: 3, upperBound: 3, adjustment: 1 }, { lowerBound: 3, adjustment: 2 }),
      ['policy burst: the lower bound (3) must be below the upper bound (3)'],
    ],
    [withAction({ minCapacity: undefined }), ['scheduled action morning: give minCapacity, maxCapacity or both']],
    [
      withAction({ minCapacity: -1 }),
      ['scheduled action morning: minCapacity (-1) must be a whole number of at least 0'],
    ],
    [
      withAction({ maxCapacity: 2.5 }),
      ['scheduled action morning: maxCapacity (2.5) must be a whole number of at least 0'],
    ],
    [
      withAction({ minCapacity: 3, maxCapacity: 2 }),
      ['scheduled action morning: minCapacity (3) is above maxCapacity (2)'],
    ],
    [withAction({ startSeconds: 5, endSeconds: 5 }), ['scheduled action morning: the start must lie before the end']],
  ])('refuse with one sentence for each problem: %j', (plan, problems) => {
    expect(checkPlan(plan)).toEqual(problems);
  });
});
