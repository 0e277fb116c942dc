import * as fc from 'fast-check';
import { awsCommand } from '../../lib/inspection/aws-command';
import { metricsCall, windowBefore, type CallSubject } from '../../lib/inspection/calls';
import { recordedSeries, type FleetRecording, type RecordedSeries } from '../../lib/inspection/contract';
import { recordedInstances } from '../../lib/inspection/instances';
import { readMetrics, seriesOf, windowOf } from '../../lib/inspection/metrics';
import { measureService } from '../../lib/inspection/service-fit';
import type { ScalingActivity } from '../../lib/scaling/contract';

const NO_QUANTILES = { p50: [], p90: [] };

function recording(series: Partial<{ [name in keyof FleetRecording['series']]: RecordedSeries }>): FleetRecording {
  return {
    resourceId: 'endpoint/chat/variant/main',
    start: 0,
    periodSeconds: 60,
    series: recordedSeries((name) => series[name] ?? []),
    instancesFrom: 'the test',
  };
}

const repeated = <Value>(value: Value, count = 20): Value[] => new Array<Value>(count).fill(value);

describe('service times', () => {
  test("follow from concurrency and rate by Little's law: 3 requests in each of 2 instances at 600 a minute take 0.6 s", () => {
    const { fit } = measureService(
      recording({ invocations: repeated(600), instances: repeated(2), concurrencyPerInstance: repeated(3) }),
      NO_QUANTILES,
      undefined,
    );
    // 3 × 2 × 60 ÷ 600
    expect(fit).toMatchObject({ method: 'little', meanSeconds: 0.6, periods: 20, latencySeconds: null });
  });

  test('are those of ModelLatency where concurrency was not recorded, weighted by requests', () => {
    const { fit } = measureService(
      recording({
        invocations: [...repeated(100, 10), ...repeated(300, 10)],
        modelLatencySeconds: [...repeated(1, 10), ...repeated(2, 10)],
      }),
      NO_QUANTILES,
      undefined,
    );
    // (100 × 1 + 300 × 2) ÷ 400
    expect(fit).toMatchObject({
      method: 'latency',
      meanSeconds: 1.75,
      littleSeconds: null,
      p10Seconds: 1,
      p90Seconds: 2,
    });
  });

  test('leave out periods in which requests waited in the instance', () => {
    const { fit } = measureService(
      recording({
        invocations: repeated(100, 30),
        modelLatencySeconds: [...repeated(1, 20), ...repeated(9, 10)],
        maxConcurrencyPerInstance: [...repeated(2, 20), ...repeated(40, 10)],
      }),
      NO_QUANTILES,
      { value: 4, from: 'tag' },
    );
    expect(fit).toMatchObject({ meanSeconds: 1, periods: 20 });
  });

  test('are unknown with too few periods, which is said', () => {
    const { fit, notes } = measureService(
      recording({ invocations: repeated(5, 9), modelLatencySeconds: repeated(1, 9) }),
      NO_QUANTILES,
      undefined,
    );
    expect(fit).toBeNull();
    expect(notes).toEqual([
      expect.stringContaining('9 periods have requests beside concurrency or latency, and 10 are needed'),
    ]);
  });

  test('have the spread of the recorded percentiles: p90 = 3 × p50 is sigma 0.857, a coefficient of variation of 1.04', () => {
    const { fit } = measureService(
      recording({ invocations: repeated(100), modelLatencySeconds: repeated(1) }),
      { p50: repeated(0.5), p90: repeated(1.5) },
      undefined,
    );
    // sigma = ln 3 ÷ 1.2816; sqrt(exp(sigma²) − 1)
    expect(fit!.coefficientOfVariation).toBe(1.042);
  });

  test('that differ between the two ways are noted', () => {
    const { notes } = measureService(
      recording({
        invocations: repeated(600),
        instances: repeated(2),
        concurrencyPerInstance: repeated(3),
        modelLatencySeconds: repeated(0.3),
      }),
      { p50: repeated(0.3), p90: repeated(0.4) },
      undefined,
    );
    expect(notes).toEqual([expect.stringMatching(/gives 0\.6 s a request and ModelLatency 0\.3 s/)]);
  });
});

const WINDOW = { start: 0, end: 600, periodSeconds: 60 };

const setTo = (capacity: number, endedAt: number): ScalingActivity => ({
  activityId: String(endedAt),
  resourceId: 'endpoint/chat/variant/main',
  description: `Setting desired instance count to ${capacity}.`,
  cause: '',
  startedAt: endedAt - 30,
  endedAt,
  status: 'Successful',
});

describe('the instances of the past', () => {
  const nothing = {
    window: WINDOW,
    invocations: [],
    invocationsPerInstance: [],
    memorySamples: [],
    activities: [],
    presentCapacity: null,
  };

  test('are Invocations ÷ InvocationsPerInstance, and the memory values of the others, calibrated on them', () => {
    const { series, from } = recordedInstances({
      ...nothing,
      invocations: [30, 30, 30, 30, 30, 0, 0, 90, 90, 90],
      invocationsPerInstance: [10, 10, 10, 10, 10, 0, 0, 18, 18, 18],
      // Six values of an instance in a minute.
      memorySamples: [18, 18, 18, 18, 18, 18, 12, 30, 30, 30],
    });
    expect(series).toEqual([3, 3, 3, 3, 3, 3, 2, 5, 5, 5]);
    expect(from).toBe(
      '8 periods from Invocations ÷ InvocationsPerInstance, 2 periods from the number of values of MemoryUtilization',
    );
  });

  test('are those of the scaling activities where no metric has them, unknown before the first', () => {
    const { series } = recordedInstances({ ...nothing, activities: [setTo(4, 300), setTo(1, 120)] });
    expect(series).toEqual([null, null, 1, 1, 1, 4, 4, 4, 4, 4]);
  });

  test('are the present ones where nothing ever set them', () => {
    expect(recordedInstances({ ...nothing, presentCapacity: 3 }).series).toEqual(repeated(3, 10));
  });

  test('are unknown without any fact', () => {
    expect(recordedInstances(nothing)).toEqual({ series: [], from: 'nothing: unknown' });
  });

  test('are exact for any whole number of instances', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 100_000 })), {
          minLength: 10,
          maxLength: 10,
        }),
        (minutes) => {
          const { series } = recordedInstances({
            ...nothing,
            invocations: minutes.map(([, requests]) => requests),
            invocationsPerInstance: minutes.map(([instances, requests]) => requests / instances),
          });
          expect(series).toEqual(minutes.map(([instances]) => instances));
        },
      ),
    );
  });
});

describe('metrics', () => {
  const result = (Id: string, times: unknown[], values: unknown[], more: object = {}) => ({
    MetricDataResults: [{ Id, Timestamps: times, Values: values, ...more }],
  });

  test('are put into their periods, in any order, with null where CloudWatch has none', () => {
    const { points } = readMetrics(result('invocations', [180, 60], [3, 1]), 'real-time', 'm.json');
    expect(seriesOf(points.invocations, { start: 0, end: 240, periodSeconds: 60 })).toEqual([null, 1, null, 3]);
    expect(windowOf([readMetrics(result('invocations', [180, 60], [3, 1]), 'real-time', 'm.json')])).toEqual({
      start: 60,
      end: 300,
      periodSeconds: 120,
    });
  });

  test('with ids of another export count by their labels', () => {
    const read = readMetrics(result('m1', [60], [7], { Label: 'Invocations' }), 'real-time', 'm.json');
    expect([...read.points.invocations]).toEqual([[60, 7]]);
    expect(
      readMetrics(result('m1', [60], [7], { Label: 'Invocations' }), 'async', 'm.json').points.invocations.size,
    ).toBe(0);
  });

  test.each([
    [{}, /m.json has no MetricDataResults/],
    [result('invocations', [60], []), /needs as many Timestamps as Values/],
    [result('invocations', ['noon'], [1]), /result invocations has 1 at "noon"; expected a number and a time/],
    [result('invocations', [60], ['many']), /has "many" at 60/],
  ])('that are not those of CloudWatch are refused: %j', (document, message) => {
    expect(() => readMetrics(document, 'real-time', 'm.json')).toThrow(message);
  });

  test('of times without end are refused before they fill the memory', () => {
    const read = readMetrics(result('invocations', [0, 1, 1e9], [1, 1, 1]), 'real-time', 'm.json');
    expect(() => seriesOf(read.points.invocations, windowOf([read])!)).toThrow(/more than 700000 periods/);
  });
});

describe('the window', () => {
  test.each([
    [14, 60],
    [15, 60],
    [16, 300],
    [63, 300],
    [64, 3600],
    [455, 3600],
  ])('of %d days has periods of %d s, the finest that CloudWatch keeps for all of it', (days, periodSeconds) => {
    const now = 1_793_577_777;
    const window = windowBefore(now, days);
    expect(window.periodSeconds).toBe(periodSeconds);
    expect(window.end % periodSeconds).toBe(0);
    expect(now - window.end).toBeGreaterThanOrEqual(180);
    expect(window.end - window.start).toBeCloseTo(days * 86_400, -4);
  });
});

test('commands of the AWS CLI have one kind of quotes, which POSIX shells, PowerShell and cmd share', () => {
  const subject: CallSubject = { kind: 'variant', name: 'main', endpointName: 'chat' };
  const command = awsCommand(metricsCall(subject, 'real-time', WINDOW), 'eu-west-1');
  expect(command).toContain(
    'aws cloudwatch get-metric-data --start-time 1970-01-01T00:00:00Z --end-time 1970-01-01T00:10:00Z --metric-data-queries ' +
      '"Id=invocations,MetricStat={Metric={Namespace=AWS/SageMaker,MetricName=Invocations,Dimensions=[{Name=EndpointName,Value=chat},{Name=VariantName,Value=main}]},Period=60,Stat=Sum}"',
  );
  expect(command).toMatch(/ --region eu-west-1 --output json > metrics\.variant\.main\.json$/);
  expect(command).not.toMatch(/['`$\\]/);
});
