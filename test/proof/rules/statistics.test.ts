import { STATISTIC_RULES } from '../../../lib/proof/rules/statistics';
import { calls, custom, gpu, quiet, scaledAsync, scaledRealTime, watched } from '../support/fleets';
import { testRules } from '../support/rule-cases';
import {
  alarm,
  onVariant,
  type Properties,
  realTime,
  type Resources,
  serverless,
  trackingOf,
} from '../support/templates';

const mathOf = (MetricName: string, Stat: string, Expression: string): Properties => ({
  Metrics: [
    {
      Id: 'm1',
      ReturnData: false,
      MetricStat: { Stat, Metric: { ...calls, MetricName, Statistic: undefined } },
    },
    { Id: 'e1', Expression, ReturnData: true },
  ],
});
const onFailures = (Threshold: number, properties: Properties = {}): Resources => ({
  ...watched('Invocation5XXErrors', {
    Statistic: 'Average',
    Threshold,
    ComparisonOperator: 'GreaterThanThreshold',
    ...properties,
  }),
});

testRules(STATISTIC_RULES, {
  'statistic-misleads': [
    [
      scaledRealTime({ P: trackingOf({ ...calls, Statistic: 'Average' }) }),
      scaledRealTime({ P: trackingOf({ ...calls, Statistic: 'Sum' }) }),
    ],
    [
      scaledRealTime({ P: trackingOf({ ...gpu, Statistic: 'Sum' }) }),
      scaledRealTime({ P: trackingOf({ ...gpu, Statistic: 'Maximum' }) }),
    ],
    [
      { ...realTime(), A: alarm('Invocations', onVariant, { AlarmActions: [], Threshold: 100 }) },
      { ...realTime(), A: alarm('Invocations', onVariant, { AlarmActions: [], Threshold: 100, Statistic: 'Sum' }) },
    ],
    [
      scaledRealTime({ P: trackingOf(mathOf('ConcurrentRequestsPerModel', 'Sum', 'FILL(m1, 0)')) }),
      scaledRealTime({ P: trackingOf(mathOf('ConcurrentRequestsPerModel', 'Maximum', 'FILL(m1, 0)')) }),
    ],
    [onFailures(5), onFailures(0.05)],
    [onFailures(1), onFailures(1, { Statistic: 'Sum' })],
    [
      watched('Invocations', { Statistic: undefined, ExtendedStatistic: 'p99', Threshold: 100 }),
      watched('Invocations', { Statistic: 'Sum', Threshold: 100 }),
    ],
    [
      scaledRealTime({
        P: trackingOf(custom('CPUUtilization', '/aws/sagemaker/Endpoints', { Statistic: 'SampleCount' })),
      }),
      // The samples of a gauge count the instances that report.
      scaledRealTime({
        P: trackingOf({
          Metrics: [
            {
              Id: 'n',
              ReturnData: false,
              MetricStat: {
                Stat: 'SampleCount',
                Metric: custom('CPUUtilization', '/aws/sagemaker/Endpoints', { Statistic: undefined }),
              },
            },
            { Id: 'e', Expression: '100 / FILL(n, 1)' },
          ],
        }),
      }),
    ],
  ],
  'math-blinded-by-gap': [
    [
      scaledRealTime({ P: trackingOf(mathOf('ModelLatency', 'Average', 'm1 / 1000')) }),
      scaledRealTime({ P: trackingOf(mathOf('ModelLatency', 'Average', 'FILL(m1, REPEAT) / 1000')) }),
    ],
    [
      scaledAsync({ P: trackingOf(mathOf('TimeInBacklog', 'Average', 'm1')) }),
      scaledRealTime({ P: trackingOf(mathOf('InvocationsPerInstance', 'Sum', 'm1 / 60')) }),
    ],
  ],
  'latency-in-microseconds': [
    [
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Threshold: 500 }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [], Threshold: 500_000 }) },
    ],
    [
      scaledRealTime({ P: trackingOf({ ...calls, MetricName: 'ModelLatency', Statistic: 'Average' }) }),
      scaledAsync({ A: alarm('TotalProcessingTime', onVariant, { AlarmActions: [], Threshold: 500 }) }),
    ],
    [watched('OverheadLatency', { Threshold: 100 }), watched('OverheadLatency', { Threshold: 100_000 })],
    [
      { ...serverless(), A: alarm('ModelSetupTime', onVariant, { ...quiet, Threshold: 5000 }) },
      { ...serverless(), A: alarm('ModelSetupTime', onVariant, { ...quiet, Threshold: 5_000_000 }) },
    ],
  ],
  'percent-as-share': [
    [
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 0.7 }) }),
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 70 }) }),
    ],
    [
      {
        ...realTime(),
        A: alarm('CPUUtilization', onVariant, {
          AlarmActions: [],
          Namespace: '/aws/sagemaker/Endpoints',
          Threshold: 0.8,
        }),
      },
      {
        ...realTime(),
        A: alarm('CPUUtilization', onVariant, {
          AlarmActions: [],
          Namespace: '/aws/sagemaker/Endpoints',
          ComparisonOperator: 'LessThanThreshold',
          Threshold: 0.8,
        }),
      },
    ],
  ],
  'share-as-percent': [
    [
      {
        ...serverless(),
        A: alarm('ServerlessConcurrentExecutionsUtilization', onVariant, { ...quiet, Threshold: 80 }),
      },
      {
        ...serverless(),
        A: alarm('ServerlessConcurrentExecutionsUtilization', onVariant, { ...quiet, Threshold: 0.8 }),
      },
    ],
  ],
  'metric-wrong-unit': [
    [
      watched('ModelLatency', { Unit: 'Milliseconds', Threshold: 500_000 }),
      watched('ModelLatency', { Unit: 'Microseconds', Threshold: 500_000 }),
    ],
    [
      scaledRealTime({ P: trackingOf(custom('GPUUtilization', '/aws/sagemaker/Endpoints', { Unit: 'Count' })) }),
      scaledRealTime({ P: trackingOf(custom('GPUUtilization', '/aws/sagemaker/Endpoints', { Unit: 'Percent' })) }),
    ],
  ],
});
