import fc from 'fast-check';
import { InputError } from '../../../lib/core/errors';
import {
  CloudWatch,
  metricKey,
  type AlarmDefinition,
  type MetricDataQuery,
} from '../../../lib/simulation/aws/cloudwatch';
import { parseExpression } from '../../../lib/simulation/aws/cloudwatch/metric-math';
import { MetricStore } from '../../../lib/simulation/aws/cloudwatch/metric-store';

const START = 1_793_577_600;
const metric = { namespace: 'Test', metricName: 'Load', dimensions: { EndpointName: 'chat' } };
const other = { ...metric, metricName: 'Capacity' };

function sample(atSeconds: number, value: number, of = metric) {
  return { metric: of, atSeconds, sum: value, sampleCount: 1, minimum: value, maximum: value };
}

function alarm(overrides: Partial<AlarmDefinition> = {}): AlarmDefinition {
  return {
    alarmName: 'high',
    metric,
    statistic: 'Average',
    periodSeconds: 60,
    evaluationPeriods: 3,
    threshold: 10,
    comparisonOperator: 'GreaterThanThreshold',
    ...overrides,
  };
}

describe('metrics', () => {
  test('are summed up by second and by period', () => {
    const cloudWatch = new CloudWatch();
    for (const [second, value] of [
      [0, 4],
      [0.5, 8],
      [59, 3],
      [60, 7],
    ] as const) {
      cloudWatch.putMetric(sample(START + second, value));
    }
    const of = (statistic: 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount') =>
      cloudWatch.statistics(metric, statistic, 60, START, START + 180);
    expect(of('Sum')).toEqual([
      { atSeconds: START, value: 15 },
      { atSeconds: START + 60, value: 7 },
    ]);
    expect(of('Average').map(({ value }) => value)).toEqual([5, 7]);
    expect(of('Minimum').map(({ value }) => value)).toEqual([3, 7]);
    expect(of('Maximum').map(({ value }) => value)).toEqual([8, 7]);
    expect(of('SampleCount').map(({ value }) => value)).toEqual([3, 1]);
  });

  test('do not depend on the order in which they come', () => {
    const points = fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 50 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(points, (values) => {
        const inOrder = new MetricStore();
        const asCome = new MetricStore();
        for (const [second, value] of [...values].sort((a, b) => a[0] - b[0]))
          inOrder.put(sample(START + second, value));
        for (const [second, value] of values) asCome.put(sample(START + second, value));
        for (const statistic of ['Sum', 'Maximum', 'SampleCount'] as const) {
          const of = (store: MetricStore) => store.statistics(metric, statistic, 10, START, START + 600);
          expect(of(asCome)).toEqual(of(inOrder));
        }
      }),
    );
  });

  test('are the same whatever the order of their dimensions, and differ otherwise', () => {
    const key = (dimensions: { [name: string]: string }) => metricKey({ ...metric, dimensions });
    expect(key({ a: '1', b: '2' })).toBe(key({ b: '2', a: '1' }));
    expect(key({ a: '1,b=2' })).not.toBe(key({ a: '1', b: '2' }));
  });

  test('take bounded memory', () => {
    const store = new MetricStore(600);
    for (let second = 0; second < 50_000; second++) store.put(sample(START + second, 1));
    expect(store.cellCount).toBeLessThanOrEqual(602);
    store.put(sample(START, 99));
    expect(store.statistics(metric, 'Sum', 60, START, START + 60)).toEqual([]);
  });

  test.each([{ sum: NaN }, { sampleCount: 0 }, { maximum: Infinity }, { atSeconds: NaN }])(
    'are refused with %p',
    (wrong) => {
      expect(() => new CloudWatch().putMetric({ ...sample(START, 1), ...wrong })).toThrow(RangeError);
    },
  );
});

describe('alarms', () => {
  test('begin in INSUFFICIENT_DATA and alarm a minute after the third breach', () => {
    const cloudWatch = new CloudWatch();
    cloudWatch.putAlarm(alarm(), START);
    expect(cloudWatch.alarm('high')!.state).toBe('INSUFFICIENT_DATA');
    for (let minute = 0; minute < 5; minute++) cloudWatch.putMetric(sample(START + 60 * minute, 20));
    const states = cloudWatch.advanceTo(START + 360).map(({ atSeconds, state }) => [atSeconds - START, state]);
    expect(states).toEqual([
      [60, 'INSUFFICIENT_DATA'],
      [120, 'INSUFFICIENT_DATA'],
      [180, 'INSUFFICIENT_DATA'],
      [240, 'ALARM'],
      [300, 'ALARM'],
      [360, 'ALARM'],
    ]);
  });

  test('invoke scaling actions at a change and once a minute while it lasts', () => {
    const cloudWatch = new CloudWatch({ highResolutionPublishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ periodSeconds: 10, evaluationPeriods: 1 }), START);
    for (let second = 0; second < 120; second += 10) cloudWatch.putMetric(sample(START + second, 20));
    const invoking = cloudWatch.advanceTo(START + 120).filter(({ invokesActions }) => invokesActions);
    expect(invoking.map(({ atSeconds }) => atSeconds - START)).toEqual([10, 70]);
  });

  test('invoke nothing with actions disabled', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 1, actionsEnabled: false }), START);
    cloudWatch.putMetric(sample(START, 20));
    expect(cloudWatch.advanceTo(START + 60)).toMatchObject([{ state: 'ALARM', invokesActions: false }]);
  });

  test.each([
    ['GreaterThanThreshold', 10, 'OK'],
    ['GreaterThanOrEqualToThreshold', 10, 'ALARM'],
    ['LessThanThreshold', 10, 'OK'],
    ['LessThanOrEqualToThreshold', 10, 'ALARM'],
    ['LessThanThreshold', 9, 'ALARM'],
    ['GreaterThanThreshold', 11, 'ALARM'],
  ] as const)('compare by %s with %d: %s', (comparisonOperator, value, state) => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 1, comparisonOperator }), START);
    cloudWatch.putMetric(sample(START, value));
    expect(cloudWatch.advanceTo(START + 60)[0]!.state).toBe(state);
  });

  test('of a longer period look at a window that moves each minute', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ periodSeconds: 180, evaluationPeriods: 1, statistic: 'Sum', threshold: 25 }), START);
    for (let minute = 0; minute < 4; minute++) cloudWatch.putMetric(sample(START + 60 * minute, 10));
    const values = cloudWatch.advanceTo(START + 240).map(({ value }) => value);
    expect(values).toEqual([10, 20, 30, 30]);
  });

  test('see data from before their creation', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    for (let minute = 0; minute < 3; minute++) cloudWatch.putMetric(sample(START + 60 * minute, 20));
    cloudWatch.putAlarm(alarm(), START + 179);
    expect(cloudWatch.advanceTo(START + 180)).toMatchObject([{ state: 'ALARM', previousState: 'INSUFFICIENT_DATA' }]);
  });

  test('return to INSUFFICIENT_DATA when the metric stops', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 1 }), START);
    cloudWatch.putMetric(sample(START, 20));
    const states = cloudWatch.advanceTo(START + 240).map(({ state }) => state);
    expect(states).toEqual(['ALARM', 'ALARM', 'ALARM', 'INSUFFICIENT_DATA']);
  });

  test('keep their state when they are changed', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 1 }), START);
    cloudWatch.putMetric(sample(START, 20));
    cloudWatch.advanceTo(START + 60);
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 1, threshold: 30 }), START + 70);
    expect(cloudWatch.alarm('high')).toMatchObject({ state: 'ALARM', definition: { threshold: 30 } });
    expect(cloudWatch.advanceTo(START + 120)[0]!.state).toBe('OK');
  });

  test('are evaluated in the order of time, whatever their periods', () => {
    const cloudWatch = new CloudWatch();
    cloudWatch.putAlarm(alarm({ alarmName: 'slow' }), START);
    cloudWatch.putAlarm(alarm({ alarmName: 'fast', periodSeconds: 10 }), START);
    const times = cloudWatch.advanceTo(START + 600).map(({ atSeconds }) => atSeconds);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(times).toHaveLength(10 + 60);
    expect(cloudWatch.nextEvaluationAt()).toBe(START + 610);
  });

  test('say in words what they saw', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(alarm({ evaluationPeriods: 2, datapointsToAlarm: 1 }), START + 60);
    cloudWatch.putMetric(sample(START, 8.5));
    cloudWatch.putMetric(sample(START + 60, 20));
    const { reason } = cloudWatch.advanceTo(START + 120)[0]!;
    expect(reason).toBe(
      'Threshold Crossed: 1 out of the last 2 datapoints [8.5, 20] were greater than the threshold (10) (minimum 1 for ALARM).',
    );
    expect(new CloudWatch().setAlarmState('none', 'OK', '', START)).toBeUndefined();
  });

  test('are due at once when they were put before the clock was known', () => {
    const cloudWatch = new CloudWatch();
    expect(cloudWatch.nextEvaluationAt()).toBeUndefined();
    cloudWatch.putAlarm(alarm());
    expect(cloudWatch.nextEvaluationAt()).toBe(0);
    expect(cloudWatch.advanceTo(START + 30)).toEqual([]);
    expect(cloudWatch.nextEvaluationAt()).toBe(START + 60);
  });

  test('can be deleted', () => {
    const cloudWatch = new CloudWatch();
    cloudWatch.putAlarm(alarm(), START);
    expect(cloudWatch.deleteAlarm('high')).toBe(true);
    expect(cloudWatch.deleteAlarm('high')).toBe(false);
    expect(cloudWatch.alarms()).toEqual([]);
    expect(cloudWatch.alarm('high')).toBeUndefined();
  });

  test('look as far back as they need, beyond the usual retention', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0, retentionSeconds: 60 });
    cloudWatch.putAlarm(alarm({ periodSeconds: 600, evaluationPeriods: 2 }), START);
    for (let minute = 0; minute < 20; minute++) cloudWatch.putMetric(sample(START + 60 * minute, 20));
    const last = cloudWatch.advanceTo(START + 1200).pop()!;
    expect(last).toMatchObject({ state: 'ALARM', datapoints: [20, 20] });
  });

  test.each<[string, Partial<AlarmDefinition>]>([
    ['periodSeconds (45)', { periodSeconds: 45 }],
    ['periodSeconds times evaluationPeriods (60 x 1441) must be at most 86400 s', { evaluationPeriods: 1441 }],
    [
      'periodSeconds times evaluationPeriods (3600 x 169) must be at most 604800 s',
      { periodSeconds: 3600, evaluationPeriods: 169 },
    ],
    ['must be at most 86400 s', { evaluationPeriods: 1e308 }],
    ['evaluationPeriods (0)', { evaluationPeriods: 0 }],
    ['datapointsToAlarm (4)', { datapointsToAlarm: 4 }],
    ['threshold (NaN)', { threshold: NaN }],
    ['either metric or metrics', { metric: undefined }],
    ['statistic is required', { statistic: undefined }],
  ])('are refused for a wrong %s', (problem, wrong) => {
    expect(() => new CloudWatch().putAlarm(alarm(wrong), START)).toThrow(problem);
  });
});

describe('metric math', () => {
  const row = (text: string, rows: { [id: string]: (number | undefined)[] }, length = 4) =>
    parseExpression(text).evaluate((id) => rows[id]!, length);

  test.each([
    ['1 + 2 * 3 - 4 / 2', 5],
    ['(1 + 2) * 3', 9],
    ['-2 * -3', 6],
    ['2 - 3 - 4', -5],
    ['1.5e1', 15],
    ['2 ^ 3 * 2', 16],
    ['-2 ^ 2', -4],
    ['1 + 1 == 2', 1],
    ['3 != 3 OR 2 >= 2 AND 1 < 0', 0],
    ['(3 != 3 || 2 >= 2) && 1 <= 1', 1],
    ['5 > 4 AND 5', 1],
    ['ABS(1 - 4) + CEIL(0.2) + FLOOR(1.8) + LOG10(100) + LOG(1)', 7],
    ['IF(2 > 1, 7, 9)', 7],
    ['IF(0, 7, 9)', 9],
  ])('computes %s', (text, expected) => expect(row(text, {}, 1)).toEqual([expected]));

  test('is missing where an operand is missing or divided by zero', () => {
    const rows = { a: [6, undefined, 6, 0], b: [2, 2, 0, 3] };
    expect(row('a / b', rows)).toEqual([3, undefined, undefined, 0]);
  });

  test('compares where both sides have data, and chooses by what is known', () => {
    const rows = { a: [0, undefined, 3, 2], b: [1, 1, 1, undefined] };
    expect(row('a >= 1 AND b', rows)).toEqual([0, undefined, 1, undefined]);
    expect(row('FILL(a, 0) == 0 OR FILL(b, 0) == 0', rows)).toEqual([1, 1, 0, 1]);
    expect(row('IF(a > 1, b)', rows)).toEqual([undefined, undefined, 1, undefined]);
    expect(row('IF(a, b, 5)', rows)).toEqual([5, undefined, 1, undefined]);
    expect(row('LOG(a - 3)', { a: [3, 2, 4, 4] })).toEqual([undefined, undefined, 0, 0]);
    expect(parseExpression('IF(a > b, c, ABS(d))').ids).toEqual(['a', 'b', 'c', 'd']);
  });

  test('fills gaps with a number, the last value or a line', () => {
    const m = [undefined, 4, undefined, undefined, 10, undefined];
    expect(row('FILL(m, 0)', { m }, 6)).toEqual([0, 4, 0, 0, 10, 0]);
    expect(row('FILL(m, -1)', { m }, 6)).toEqual([-1, 4, -1, -1, 10, -1]);
    expect(row('FILL(m, REPEAT)', { m }, 6)).toEqual([undefined, 4, 4, 4, 10, 10]);
    expect(row('FILL(m, LINEAR)', { m }, 6)).toEqual([undefined, 4, 6, 8, 10, undefined]);
  });

  test('makes one row of several, of the values that are there', () => {
    const rows = { a: [1, 5, undefined, undefined], b: [3, undefined, 7, undefined] };
    expect(row('MAX([a, b])', rows)).toEqual([3, 5, 7, undefined]);
    expect(row('MIN([a, b * 2])', rows)).toEqual([1, 5, 14, undefined]);
    expect(row('AVG([a, b])', rows)).toEqual([2, 5, 7, undefined]);
    expect(row('1 + SUM([a, b])', rows)).toEqual([5, 6, 8, undefined]);
    expect(parseExpression('MAX([a, b])').ids).toEqual(['a', 'b']);
  });

  test.each([
    '',
    '1 +',
    '(1',
    '1 2',
    'RATE(m)',
    'MAX(m)',
    'MAX([])',
    'MAX([m)',
    'MAX([m,])',
    '[m]',
    'toString([m])',
    'FILL(m)',
    'FILL(m, x)',
    'm $ 2',
    'M1',
    ')',
    'a = 1',
    'a AND',
    'AND a',
    'IF(a)',
    'IF(a, 1, 2, 3)',
    'ABS(a, b)',
  ])('refuses %p', (text) => {
    expect(() => parseExpression(text)).toThrow(InputError);
  });

  const queries: MetricDataQuery[] = [
    { id: 'load', metric, statistic: 'Sum', returnData: false },
    { id: 'capacity', metric: other, statistic: 'Average', returnData: false },
    { id: 'share', expression: 'load / FILL(capacity, REPEAT)' },
  ];
  const mathAlarm = (metrics: MetricDataQuery[]) =>
    alarm({ metric: undefined, statistic: undefined, metrics, evaluationPeriods: 1 });

  test('can be alarmed on', () => {
    const cloudWatch = new CloudWatch({ publishDelaySeconds: 0 });
    cloudWatch.putAlarm(mathAlarm(queries), START);
    cloudWatch.putMetric(sample(START, 100));
    cloudWatch.putMetric(sample(START + 60, 90));
    cloudWatch.putMetric(sample(START, 5, other));
    expect(cloudWatch.advanceTo(START + 120)).toMatchObject([
      { state: 'ALARM', value: 20 },
      { state: 'ALARM', value: 18 },
    ]);
  });

  test.each<[string, MetricDataQuery[]]>([
    ['exactly one of metrics', queries.map((query) => ({ ...query, returnData: true }))],
    ["refers to 'capacity'", [queries[0]!, queries[2]!]],
    [
      'in a circle',
      [
        { id: 'a', expression: 'b', returnData: false },
        { id: 'b', expression: 'a' },
      ],
    ],
    ['must begin with a lower-case letter', [{ id: 'Load', metric, statistic: 'Sum' }]],
    ['needs either metric or expression', [{ id: 'load' }]],
    ['needs a statistic', [{ id: 'load', metric }]],
  ])('is refused: %s', (problem, metrics) => {
    expect(() => new CloudWatch().putAlarm(mathAlarm(metrics), START)).toThrow(problem);
  });
});
