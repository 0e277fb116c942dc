import type { PolicyMetric, TargetTrackingPolicy } from '../../../lib/scaling/decide/plan';
import { alarmShapes, statisticOf } from '../../../lib/scaling/decide/target-tracking';

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
  });
});
