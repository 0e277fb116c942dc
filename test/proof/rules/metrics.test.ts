import { METRIC_RULES } from '../../../lib/proof/rules/metrics';
import { custom, endpointArn, scaledAsync, scaledComponents, scaledRealTime, withComponent } from '../support/fleets';
import { severityOf, testRules } from '../support/rule-cases';
import {
  alarm,
  asynchronous,
  backlog,
  components,
  endpointName,
  onEndpoint,
  onVariant,
  realTime,
  type Resources,
  serverless,
  step,
  tracking,
  trackingOf,
  variantTarget,
} from '../support/templates';

testRules(METRIC_RULES, {
  'metric-not-published': [
    [
      scaledRealTime({ P: trackingOf(backlog) }),
      scaledAsync({ P: trackingOf(backlog), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      { ...asynchronous(), A: alarm('InvocationsPerInstance', onVariant, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('InvocationsPerInstance', onVariant, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('GPUUtilization', onVariant, { AlarmActions: [] }) },
      {
        ...realTime(),
        A: alarm('GPUUtilization', onVariant, { AlarmActions: [], Namespace: '/aws/sagemaker/Endpoints' }),
      },
    ],
    [
      { A: alarm('Invocations', onVariant, { AlarmActions: [], Namespace: 'AWS/Sagemaker' }) },
      {
        A: alarm(
          'SuccessRate',
          { Pipeline: 'x' },
          { AlarmActions: [], Namespace: 'AWS/Sagemaker/ModelBuildingPipeline' },
        ),
      },
    ],
    [
      scaledRealTime({ P: trackingOf(custom('CPUUtilization', 'AWS/EC2'), { TargetValue: 70 }) }),
      // One's own metric may be called as one likes.
      scaledRealTime({ P: trackingOf(custom('CPUUtilization', 'Serving'), { TargetValue: 70 }) }),
    ],
  ],
  'metric-wrong-dimensions': [
    [
      {
        ...realTime(),
        A: alarm('ModelLatency', { Endpoint: endpointName, Variant: 'AllTraffic' }, { AlarmActions: [] }),
      },
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, InstanceType: 'ml.g5.xlarge' }, { AlarmActions: [] }) },
    ],
    [
      { ...asynchronous(), A: alarm('ApproximateBacklogSize', onVariant, { AlarmActions: [] }) },
      { ...asynchronous(), A: alarm('ApproximateBacklogSize', onEndpoint, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('Invocations', onEndpoint, { AlarmActions: [] }) },
      { ...components(), A: alarm('Invocations', { InferenceComponentName: 'chat' }, { AlarmActions: [] }) },
    ],
  ],
  'metric-of-nothing': [
    [
      scaledRealTime({
        Step: step(),
        A: alarm('ModelLatency', { EndpointName: 'left-over', VariantName: 'AllTraffic' }),
      }),
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant) }),
    ],
    [
      scaledRealTime(
        { Step: step(), A: alarm('ModelLatency', { EndpointName: 'other', VariantName: 'AllTraffic' }) },
        {
          ResourceId: 'endpoint/chat/variant/AllTraffic',
        },
      ),
      scaledRealTime(
        { Step: step(), A: alarm('ModelLatency', { EndpointName: { Ref: 'P' }, VariantName: 'x' }) },
        {
          ResourceId: 'endpoint/chat/variant/AllTraffic',
        },
      ),
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, VariantName: 'main' }, { AlarmActions: [] }) },
      {
        ...realTime(),
        A: alarm('ModelLatency', { EndpointName: 'elsewhere', VariantName: 'main' }, { AlarmActions: [] }),
      },
    ],
  ],
  'arn-for-name': [
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: 'undefined' }, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: 'undefined-1' }, { AlarmActions: [] }) },
    ],
    [
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, EndpointName: endpointArn }, { AlarmActions: [] }) },
      { ...realTime(), A: alarm('ModelLatency', onVariant, { AlarmActions: [] }) },
    ],
    [
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, Dimensions: [{ Name: 'EndpointName', Value: endpointArn }] }),
      },
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, Dimensions: [{ Name: 'EndpointName', Value: { Ref: 'SomeParameter' } }] }),
      },
    ],
    [realTime({ ModelName: { Ref: 'Model' } }), realTime({ ModelName: { Ref: 'Parameter' } })],
    [realTime({}, {}, { EndpointConfigName: { Ref: 'Config' } }), realTime()],
    [withComponent({ EndpointName: { Ref: 'Endpoint' } }), withComponent({ EndpointName: endpointName })],
  ],
  'predefined-metric-mismatch': [
    [
      scaledAsync({ P: tracking(), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
      scaledRealTime({ P: tracking() }),
    ],
    [
      scaledComponents({
        P: tracking(),
        Step: step(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }),
      }),
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        P: tracking({
          TargetValue: 0.7,
          PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization' },
        }),
      },
    ],
  ],
  'alarm-period-not-published': [
    [
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant, { Period: 10 }) }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant, { Period: 10 }) }),
    ],
    [
      scaledRealTime({ Step: step(), A: alarm('ModelLatency', onVariant, { Period: 45 }) }),
      {
        ...realTime({}, { MetricsConfig: { EnableEnhancedMetrics: true, MetricPublishFrequencyInSeconds: 10 } }),
        Target: variantTarget(),
        Step: step(),
        A: alarm('ModelLatency', onVariant, { Period: 10 }),
      },
    ],
  ],
  'metric-not-per-replica': [
    [
      scaledAsync({
        P: trackingOf({ ...backlog, MetricName: 'ApproximateBacklogSize' }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint),
      }),
      scaledAsync({ P: trackingOf(backlog), Step: step(), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, MetricName: 'HasBacklogWithoutCapacity' }),
      },
      { ...asynchronous(), Target: variantTarget(), P: trackingOf(backlog) },
    ],
  ],
});

test('a metric that an exhaustive list lacks, or that is misspelt, is an error, one that may be new a warning', () => {
  const severity = (endpoint: Resources, metricName: string): string | undefined =>
    severityOf({ ...endpoint, A: alarm(metricName, onVariant, { AlarmActions: [] }) }, 'metric-not-published');
  expect(severity(asynchronous(), 'RequestsWaiting')).toBe('error');
  expect(severity(realTime(), 'InvocationPerInstance')).toBe('error');
  expect(severity(realTime(), 'Invocation5xxError')).toBe('error');
  expect(severity(realTime(), 'TokensPerSecond')).toBe('warning');
  expect(
    severityOf({ A: alarm('CPUUtilization', { Host: 'x' }, { AlarmActions: [] }) }, 'metric-not-published'),
  ).toBeUndefined();
});
