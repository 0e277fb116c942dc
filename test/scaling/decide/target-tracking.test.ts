import type { PolicySignal } from '../../../lib/scaling/decide/observation';
import type { PolicyMetric, TargetTrackingPolicy } from '../../../lib/scaling/decide/plan';
import { alarmShapes, proposeTargetTracking, statisticOf } from '../../../lib/scaling/decide/target-tracking';

const predefined = (predefinedMetricType: string): PolicyMetric => ({ kind: 'predefined', predefinedMetricType });

function policy(overrides: Partial<TargetTrackingPolicy> = {}): TargetTrackingPolicy {
  return {
    kind: 'target-tracking',
    policyName: 'track',
    targetValue: 1500,
    metric: predefined('SageMakerVariantInvocationsPerInstance'),
    ...overrides,
  };
}

describe('the alarms of a target-tracking policy', () => {
  test('are 3 of 60 seconds above the target and 15 of 60 seconds below 0.9 of it', () => {
    expect(alarmShapes(policy())).toEqual({
      high: {
        comparisonOperator: 'GreaterThanThreshold',
        threshold: 1500,
        periodSeconds: 60,
        evaluationPeriods: 3,
        datapointsToAlarm: 3,
        statistic: 'Sum',
      },
      low: {
        comparisonOperator: 'LessThanThreshold',
        threshold: 1350,
        periodSeconds: 60,
        evaluationPeriods: 15,
        datapointsToAlarm: 15,
        statistic: 'Sum',
      },
    });
  });

  test.each([
    'SageMakerVariantConcurrentRequestsPerModelHighResolution',
    'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
  ])('are 3 and 90 of 10 seconds for %s', (type) => {
    const { high, low } = alarmShapes(policy({ metric: predefined(type), targetValue: 5.6 }));
    expect(high).toMatchObject({ periodSeconds: 10, evaluationPeriods: 3, threshold: 5.6, statistic: 'Average' });
    expect(low).toMatchObject({ periodSeconds: 10, evaluationPeriods: 90, threshold: 5.04 });
  });

  test.each([
    ['ecs', 30, 27],
    ['ec2', 40, 28],
    ['ec2', 50, 35],
    ['ec2', 75, 52.5],
    ['sagemaker', 0.7, 0.63],
  ])('have the low threshold of %s: %d gives %d', (service, targetValue, expected) => {
    expect(alarmShapes(policy({ targetValue }), service).low!.threshold).toBe(expected);
  });

  test('have the period of standard metrics for every other name', () => {
    const dimensions = {};
    const custom = { kind: 'custom', namespace: 'N', metricName: 'M', dimensions, statistic: 'Average' } as const;
    expect(alarmShapes(policy({ metric: custom })).high.periodSeconds).toBe(60);
    expect(alarmShapes(policy({ metric: undefined })).high.periodSeconds).toBe(60);
    expect(alarmShapes(policy({ metric: predefined('HighResolutionOfAnother') })).high.periodSeconds).toBe(60);
  });

  test('leave out the low one when scale-in is disabled', () => {
    expect(alarmShapes(policy({ disableScaleIn: true })).low).toBeUndefined();
  });

  test('can be overridden', () => {
    const { high, low } = alarmShapes(
      policy({ alarmShape: { periodSeconds: 30, scaleOutDatapoints: 2, scaleInDatapoints: 4, scaleInRatio: 0.5 } }),
    );
    expect(high).toMatchObject({ periodSeconds: 30, evaluationPeriods: 2, datapointsToAlarm: 2 });
    expect(low).toMatchObject({ periodSeconds: 30, evaluationPeriods: 4, threshold: 750 });
  });

  test('keep scale-in at 15 minutes when only the period is overridden', () => {
    expect(alarmShapes(policy({ alarmShape: { periodSeconds: 20 } })).low!.evaluationPeriods).toBe(45);
    expect(alarmShapes(policy({ alarmShape: { periodSeconds: 300 } })).low!.evaluationPeriods).toBe(15);
  });

  test('take the statistic of a custom metric and the average of metric math', () => {
    const dimensions = {};
    expect(statisticOf({ kind: 'custom', namespace: 'N', metricName: 'M', dimensions, statistic: 'Maximum' })).toBe(
      'Maximum',
    );
    expect(statisticOf({ kind: 'math', queries: [] })).toBe('Average');
    expect(statisticOf(undefined)).toBe('Average');
    expect(statisticOf(predefined('SageMakerInferenceComponentInvocationsPerCopy'))).toBe('Sum');
    expect(statisticOf(predefined('InvocationsPerCopyOfAnother'))).toBe('Average');
  });
});

describe('the proposal of a target-tracking policy', () => {
  const track: TargetTrackingPolicy = { kind: 'target-tracking', policyName: 'track', targetValue: 100 };
  const proposed = (
    signal: PolicySignal | undefined,
    overrides: Partial<TargetTrackingPolicy> = {},
    { desired = 4, measured = desired }: { desired?: number; measured?: number } = {},
  ) => {
    const { direction, capacity, cooldownSeconds, reason } = proposeTargetTracking(
      { ...track, ...overrides },
      { signal, desiredCapacity: desired, measuredCapacity: measured },
    );
    return [direction, capacity, cooldownSeconds, reason];
  };

  test('belongs to the policy, and has to agree to a scale-in unless the policy has none', () => {
    const situation = { signal: { value: 150 }, desiredCapacity: 4, measuredCapacity: 4 };
    expect(proposeTargetTracking(track, situation)).toMatchObject({
      policyName: 'track',
      kind: 'target-tracking',
      mustAgreeToScaleIn: true,
    });
    expect(proposeTargetTracking({ ...track, disableScaleIn: true }, situation).mustAgreeToScaleIn).toBe(false);
  });

  const MISSING = 'the metric is missing (insufficient data), so capacity is held in both directions';
  test.each<[string, PolicySignal | undefined, unknown[]]>([
    ['without a signal', undefined, ['hold', 4, 0, MISSING]],
    ['without a value, whatever the alarm says', { alarm: 'high' }, ['hold', 4, 0, MISSING]],
    ['with a value that is no number', { value: NaN }, ['hold', 4, 0, MISSING]],
    ['with a value without an end', { value: Infinity, alarm: 'high' }, ['hold', 4, 0, MISSING]],
    [
      'while the alarms have insufficient data',
      { value: 150, alarm: 'insufficient-data' },
      ['hold', 4, 0, 'the alarms have insufficient data, so capacity is held in both directions'],
    ],
    ['at the target', { value: 100 }, ['hold', 4, 0, 'metric 100 requires no change (target 100, scale-in below 90)']],
    [
      'at the threshold of the low alarm',
      { value: 90 },
      ['hold', 4, 0, 'metric 90 requires no change (target 100, scale-in below 90)'],
    ],
    [
      'where one fewer would have more than the target',
      { value: 89 },
      ['hold', 4, 0, 'metric 89 is below 90, but one fewer would exceed the target: 4 × 89 ÷ 100 = 3.56'],
    ],
    [
      'while the high alarm lags behind the value',
      { value: 100, alarm: 'high' },
      ['hold', 4, 0, 'the alarm is high, but the newest value requires no more capacity: 4 × 100 ÷ 100 = 4'],
    ],
    [
      'within the error of floating-point numbers',
      { value: 100.00000001 },
      ['hold', 4, 0, 'the alarm is high, but the newest value requires no more capacity: 4 × 100 ÷ 100 = 4'],
    ],
    [
      'while the low alarm lags behind the value',
      { value: 120, alarm: 'low' },
      ['hold', 4, 0, 'metric 120 is below 90, but one fewer would exceed the target: 4 × 120 ÷ 100 = 4.8'],
    ],
  ])('holds %s', (_, signal, expected) => {
    expect(proposed(signal)).toEqual(expected);
  });

  test.each<[string, PolicySignal, Partial<TargetTrackingPolicy>, { desired?: number; measured?: number }, unknown[]]>([
    [
      'by the ratio of value and target, rounded up',
      { value: 130 },
      {},
      {},
      ['out', 6, 300, 'metric 130 is above target 100: 4 × 130 ÷ 100 = 5.2, rounded up to 6'],
    ],
    [
      'with its own cooldown',
      { value: 200 },
      { scaleOutCooldownSeconds: 60, scaleInCooldownSeconds: 30 },
      {},
      ['out', 8, 60, 'metric 200 is above target 100: 4 × 200 ÷ 100 = 8, rounded up to 8'],
    ],
    [
      'from the replicas that the metric covers',
      { value: 250 },
      {},
      { desired: 4, measured: 2 },
      [
        'out',
        5,
        300,
        'metric 250 is above target 100: 2 × 250 ÷ 100 = 5, rounded up to 5 (2 more are already starting)',
      ],
    ],
    [
      'not from zero, of which every multiple is zero',
      { value: 250 },
      {},
      { desired: 3, measured: 0 },
      [
        'hold',
        3,
        0,
        'metric 250 is above target 100, but no replica is in service: a multiple of zero is zero, so scaling from zero needs a step policy or a higher minimum',
      ],
    ],
    [
      'with scale-in disabled too',
      { value: 101 },
      { disableScaleIn: true },
      { desired: 1 },
      ['out', 2, 300, 'metric 101 is above target 100: 1 × 101 ÷ 100 = 1.01, rounded up to 2'],
    ],
  ])('scales out %s', (_, signal, overrides, capacities, expected) => {
    expect(proposed(signal, overrides, capacities)).toEqual(expected);
  });

  test.each<[string, PolicySignal, Partial<TargetTrackingPolicy>, { desired?: number; measured?: number }, unknown[]]>([
    [
      'to the fewest replicas that keep the target',
      { value: 40 },
      {},
      {},
      ['in', 2, 300, 'metric 40 is below 90: 4 × 40 ÷ 100 = 1.6, rounded up to 2'],
    ],
    [
      'from the desired capacity, with its own cooldown',
      { value: 50 },
      { scaleOutCooldownSeconds: 60, scaleInCooldownSeconds: 30 },
      { desired: 10, measured: 4 },
      ['in', 5, 30, 'metric 50 is below 90: 10 × 50 ÷ 100 = 5, rounded up to 5'],
    ],
    [
      'to zero without load',
      { value: 0 },
      {},
      {},
      ['in', 0, 300, 'metric 0 is below 90: 4 × 0 ÷ 100 = 0, rounded up to 0'],
    ],
    [
      'to zero at a negative value',
      { value: -50 },
      {},
      {},
      ['in', 0, 300, 'metric -50 is below 90: 4 × -50 ÷ 100 = -2, rounded up to 0'],
    ],
    [
      'by at most so many at once',
      { value: 10 },
      { maxScaleInPerDecision: 1 },
      {},
      ['in', 3, 300, 'metric 10 is below 90: 4 × 10 ÷ 100 = 0.4, rounded up to 1, at most 1 fewer in one decision'],
    ],
    [
      'without a word of a limit that is not reached',
      { value: 50 },
      { maxScaleInPerDecision: 2 },
      {},
      ['in', 2, 300, 'metric 50 is below 90: 4 × 50 ÷ 100 = 2, rounded up to 2'],
    ],
    [
      'below its own share of the target only',
      { value: 59 },
      { alarmShape: { scaleInRatio: 0.5 } },
      {},
      ['hold', 4, 0, 'metric 59 requires no change (target 100, scale-in below 50)'],
    ],
    [
      'not where that is disabled',
      { value: 10 },
      { disableScaleIn: true },
      {},
      ['hold', 4, 0, 'metric 10 is below 90, but scale-in is disabled'],
    ],
    [
      'not below zero',
      { value: 10 },
      {},
      { desired: 0 },
      ['hold', 0, 0, 'metric 10 is low and there is no replica to remove'],
    ],
  ])('scales in %s', (_, signal, overrides, capacities, expected) => {
    expect(proposed(signal, overrides, capacities)).toEqual(expected);
  });
});
