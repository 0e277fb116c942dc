import fc from 'fast-check';
import { CloudWatch, type AlarmDefinition, type AlarmState } from '../../../lib/simulation/aws/cloudwatch';
import { evaluateAlarm, EXTRA_DATAPOINTS } from '../../../lib/simulation/aws/cloudwatch/alarm-evaluation';
import { parseExpression } from '../../../lib/simulation/aws/cloudwatch/metric-math';

const START = 1_793_577_600;
const load = { namespace: 'Test', metricName: 'Load', dimensions: {} };
const capacity = { namespace: 'Test', metricName: 'Capacity', dimensions: {} };
const METRICS = { load, capacity } as const;

interface Sample {
  readonly of: keyof typeof METRICS;
  /** Second of the sample, and seconds until it is published. */
  readonly second: number;
  readonly late: number;
  readonly value: number;
}

const SOURCES = ['load', 'load + capacity', 'SUM([load, capacity])', 'FILL(load, 3)', 'FILL(load, REPEAT)'] as const;

const definitions = fc.record({
  source: fc.constantFrom(...SOURCES),
  periodSeconds: fc.constantFrom(10, 20, 60, 120),
  evaluationPeriods: fc.integer({ min: 1, max: 6 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  comparisonOperator: fc.constantFrom('GreaterThanThreshold' as const, 'LessThanOrEqualToThreshold' as const),
  treatMissingData: fc.constantFrom(
    'missing' as const,
    'breaching' as const,
    'notBreaching' as const,
    'ignore' as const,
  ),
});

const samples = fc.array(
  fc.record({
    of: fc.constantFrom('load' as const, 'capacity' as const),
    second: fc.integer({ min: 0, max: 1199 }),
    late: fc.constantFrom(0, 0, 0, 15, 200),
    value: fc.integer({ min: 0, max: 8 }),
  }),
  { maxLength: 150 },
);

/** Averages of the samples published so far, by period. */
function averages(
  published: readonly Sample[],
  of: string,
  start: number,
  periodSeconds: number,
  count: number,
): (number | undefined)[] {
  return Array.from({ length: count }, (_one, index) => {
    const from = start + index * periodSeconds;
    const within = published.filter(
      (sample) => sample.of === of && sample.second >= from && sample.second < from + periodSeconds,
    );
    return within.length === 0 ? undefined : within.reduce((sum, { value }) => sum + value, 0) / within.length;
  });
}

test('an alarm whose range moves on is in the state of one that reads all of its range each time', () => {
  fc.assert(
    fc.property(definitions, samples, ({ source, share, ...rule }, all) => {
      const { periodSeconds, evaluationPeriods } = rule;
      const settings = { ...rule, threshold: 4, datapointsToAlarm: 1 + Math.floor(share * (evaluationPeriods - 1)) };
      const definition: AlarmDefinition =
        source === 'load'
          ? { ...settings, alarmName: 'moving', metric: load, statistic: 'Average' }
          : {
              ...settings,
              alarmName: 'moving',
              metrics: [
                { id: 'load', metric: load, statistic: 'Average', returnData: false },
                { id: 'capacity', metric: capacity, statistic: 'Average', returnData: false },
                { id: 'result', expression: source },
              ],
            };
      const cloudWatch = new CloudWatch({ publishDelaySeconds: 0, highResolutionPublishDelaySeconds: 0 });
      cloudWatch.putAlarm(definition, START);
      const ordered = [...all].sort((a, b) => a.second + a.late - b.second - b.late);
      const expression = parseExpression(source);
      const step = periodSeconds < 60 ? 10 : 60;
      const count = evaluationPeriods + EXTRA_DATAPOINTS;
      let state: AlarmState = 'INSUFFICIENT_DATA';
      let published = 0;
      for (let second = step; second <= 1200; second += step) {
        while (published < ordered.length && ordered[published]!.second + ordered[published]!.late < second) {
          const { of, second: at, value } = ordered[published++]!;
          cloudWatch.putMetric({
            metric: METRICS[of],
            atSeconds: START + at,
            sum: value,
            sampleCount: 1,
            minimum: value,
            maximum: value,
          });
        }
        const known = ordered.slice(0, published);
        const start = second - count * periodSeconds;
        const values = expression.evaluate((id) => averages(known, id, start, periodSeconds, count), count);
        const expected = evaluateAlarm(definition, values, state);
        const [evaluation] = cloudWatch.advanceTo(START + second);
        expect(evaluation).toMatchObject({
          state: expected.state,
          datapoints: expected.datapoints,
          value: expected.datapoints.at(-1) ?? null,
        });
        expect(evaluation!.reason).toBe(expected.reason);
        expect(cloudWatch.alarm('moving')!.isCurrent).toBe(
          values.slice(-1 - EXTRA_DATAPOINTS).some((value) => value !== undefined),
        );
        ({ state } = expected);
      }
    }),
    { numRuns: 60 },
  );
});

test('evaluations that invoke an action are those of all that invoke one, without those of states that have none', () => {
  const withActions = (alarmName: string, actions: Partial<AlarmDefinition>): AlarmDefinition => ({
    alarmName,
    metric: load,
    statistic: 'Average',
    periodSeconds: 60,
    evaluationPeriods: 1,
    threshold: 4,
    comparisonOperator: 'GreaterThanThreshold',
    ...actions,
  });
  const [all, invoking] = [new CloudWatch(), new CloudWatch()].map((cloudWatch) => {
    cloudWatch.putAlarm(withActions('out', { alarmActions: ['scale'] }), START);
    cloudWatch.putAlarm(withActions('in', { okActions: ['scale'] }), START);
    for (const [minute, value] of [1, 9, 9, 2, 2].entries()) {
      const atSeconds = START + 60 * minute;
      cloudWatch.putMetric({ metric: load, atSeconds, sum: value, sampleCount: 1, minimum: value, maximum: value });
    }
    return cloudWatch;
  }) as [CloudWatch, CloudWatch];
  const shown = all
    .advanceTo(START + 360)
    .filter(({ alarmName, state }) => state === (alarmName === 'out' ? 'ALARM' : 'OK'))
    .filter(({ invokesActions }) => invokesActions);
  expect(shown).toHaveLength(5);
  expect(invoking.invocationsUntil(START + 360)).toEqual(shown);
});
