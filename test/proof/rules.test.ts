import * as fs from 'node:fs';
import * as path from 'node:path';
import { prove, RULES } from '../../lib/proof/prove';
import { projectDirectory } from '../architecture/imports';
import {
  alarm,
  asynchronous,
  backlog,
  components,
  componentTarget,
  endpointName,
  onEndpoint,
  onVariant,
  policy,
  realTime,
  resource,
  role,
  serverless,
  step,
  tracking,
  trackingOf,
  variantTarget,
  type Properties,
  type Resources,
} from './templates';

function rulesOf(Resources: Resources, quotas?: { readonly [type: string]: number }): string[] {
  const findings = prove([{ name: 't.json', document: { Resources } }], quotas === undefined ? {} : { quotas });
  return [...new Set(findings.map(({ rule }) => rule))].sort();
}

const scaledRealTime = (more: Resources = {}, target: Properties = {}, variant: Properties = {}): Resources => ({
  ...realTime(variant),
  Target: variantTarget(target),
  ...more,
});
const scaledAsync = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...asynchronous(),
  Target: variantTarget({ MinCapacity: 0, ...target }),
  ...more,
});
const scaledComponents = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...components(),
  Target: componentTarget({ MinCapacity: 0, ...target }),
  ...more,
});
const endpointArn = { Ref: 'Endpoint' };
const gpu: Properties = {
  Namespace: '/aws/sagemaker/Endpoints',
  MetricName: 'GPUUtilization',
  Statistic: 'Average',
  Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
};
const tested = { Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }] };
const concurrency = {
  PredefinedMetricSpecification: {
    PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
  },
};
const stream = (ParallelizationFactor: number): Resources => ({
  ...realTime({}, tested),
  Target: variantTarget({ MaxCapacity: 2 }),
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 4 }),
  Consumer: resource('AWS::Lambda::Function', { Environment: { Variables: { NAME: endpointName } } }),
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ParallelizationFactor,
  }),
});

/** rule → [what it accuses, what it leaves alone] */
const CASES: { readonly [rule: string]: readonly (readonly [accused: Resources, innocent: Resources])[] } = {
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
      { ...realTime(), A: alarm('ModelLatency', { ...onVariant, VariantName: 'main' }, { AlarmActions: [] }) },
      {
        ...realTime(),
        A: alarm('ModelLatency', { EndpointName: 'elsewhere', VariantName: 'main' }, { AlarmActions: [] }),
      },
    ],
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
  ],
  'wake-misses-first-request': [
    [
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold' }),
      }),
      scaledAsync({
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { ComparisonOperator: 'GreaterThanThreshold', Threshold: 0 }),
      }),
    ],
    [
      {
        ...components(),
        A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }, { Threshold: 2 }),
      },
      { ...components(), A: alarm('NoCapacityInvocationFailures', { InferenceComponentName: 'chat' }) },
    ],
  ],
  'scalable-target-invalid': [
    [
      { ...serverless(), Target: variantTarget() },
      {
        ...realTime({}, { ProductionVariants: [{ 'Fn::If': ['C', { VariantName: 'a' }, { VariantName: 'b' }] }] }),
        Target: variantTarget(),
      },
    ],
    [
      scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
      },
    ],
    [
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint}/variant/AllTraffic' } }),
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/AllTraffic' } }),
    ],
    [
      scaledRealTime({}, { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/other' } }),
      scaledRealTime(
        {},
        {
          ResourceId: {
            'Fn::Join': [
              '/',
              ['endpoint', { 'Fn::Select': [1, { 'Fn::Split': ['/', endpointArn] }] }, 'variant', 'AllTraffic'],
            ],
          },
        },
      ),
    ],
    [scaledRealTime({}, { ResourceId: 'chat' }), { Target: variantTarget({ ResourceId: 'endpoint/mine/variant/v' }) }],
    [
      scaledRealTime({}, { ScalableDimension: 'sagemaker:variant:InstanceCount' }),
      scaledRealTime({}, { ResourceId: { 'Fn::If': ['C', 'a', 'b'] } }),
    ],
  ],
  'zero-where-impossible': [
    [scaledRealTime({}, { MinCapacity: 0 }), scaledRealTime()],
    [
      scaledRealTime({}, { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 } }] }),
      scaledRealTime({}, { MinCapacity: { 'Fn::If': ['Prod', 1, 0] } }),
    ],
  ],
  'zero-without-wake': [
    [scaledAsync({ P: trackingOf(backlog) }), scaledAsync({ P: trackingOf(backlog) }, { MinCapacity: 1 })],
    [
      scaledComponents({
        P: tracking({
          PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
        }),
      }),
      scaledComponents(
        {
          P: tracking({
            PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerInferenceComponentInvocationsPerCopy' },
          }),
        },
        { ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 1 } }] },
      ),
    ],
  ],
  'managed-scaling-on-model-variant': [
    [
      realTime({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 2 } }),
      components(),
    ],
  ],
  'instances-scaled-twice': [
    [
      { ...components(), Target: variantTarget() },
      { ...components({ ManagedInstanceScaling: { Status: 'DISABLED' } }), Target: variantTarget() },
    ],
  ],
  'min-above-max': [[scaledRealTime({}, { MinCapacity: 5 }), scaledRealTime({}, { MinCapacity: 4, MaxCapacity: 4 })]],
  'fixed-capacity': [[scaledRealTime({ P: tracking() }, { MaxCapacity: 1 }), scaledRealTime({}, { MaxCapacity: 1 })]],
  'target-above-capacity': [
    [
      { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 20 }) },
      { ...realTime({}, tested), Target: variantTarget(), P: tracking({ ...concurrency, TargetValue: 6 }) },
    ],
    [
      scaledRealTime({ P: trackingOf(gpu, { TargetValue: 150 }) }),
      scaledRealTime(
        { P: trackingOf(gpu, { TargetValue: 150 }) },
        {},
        { InstancePools: undefined, InstanceType: 'ml.g5.12xlarge' },
      ),
    ],
  ],
  'stream-outpaces-endpoint': [[stream(10), stream(4)]],
  'predictive-on-sagemaker': [
    [scaledRealTime({ P: tracking({}, { PolicyType: 'PredictiveScaling' }) }), scaledRealTime({ P: tracking() })],
  ],
  'policy-incomplete': [
    [
      scaledRealTime({ P: tracking({ PredefinedMetricSpecification: undefined }) }),
      scaledRealTime({
        P: tracking(
          {},
          { TargetTrackingScalingPolicyConfiguration: { 'Fn::If': ['C', { TargetValue: 1 }, { TargetValue: 2 }] } },
        ),
      }),
    ],
  ],
  'step-adjustments-invalid': [
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
            { MetricIntervalLowerBound: 6, ScalingAdjustment: 2 },
          ],
        }),
      }),
      scaledRealTime({
        Step: step({
          StepAdjustments: [
            { MetricIntervalLowerBound: 5, ScalingAdjustment: 2 },
            { MetricIntervalLowerBound: '0', MetricIntervalUpperBound: 5, ScalingAdjustment: 1 },
          ],
        }),
      }),
    ],
    [
      scaledRealTime({
        Step: step({
          StepAdjustments: [{ MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 5, ScalingAdjustment: 1 }],
        }),
      }),
      scaledRealTime({ Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }) }),
    ],
  ],
  'step-policy-without-alarm': [
    [
      scaledRealTime({ Step: step() }),
      scaledRealTime({ Step: step(), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
    ],
  ],
  'cooldown-shorter-than-provisioning': [
    [
      scaledRealTime({ Step: step({ Cooldown: 30 }), A: alarm('ConcurrentRequestsPerModel', onVariant) }),
      scaledAsync({ Step: step({ Cooldown: 60 }), A: alarm('HasBacklogWithoutCapacity', onEndpoint) }),
    ],
    [
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 0 }) }),
      scaledRealTime({ P: tracking({ ScaleOutCooldown: 60 }) }),
    ],
  ],
  'scale-in-faster-than-scale-out': [
    [
      scaledRealTime({ P: tracking({ ScaleInCooldown: 60, ScaleOutCooldown: 300 }) }),
      scaledRealTime({ P: tracking({ ScaleInCooldown: 600, ScaleOutCooldown: 300 }) }),
    ],
    [scaledRealTime({ P: tracking({ ScaleOutCooldown: 400 }) }), scaledRealTime({ P: tracking() })],
  ],
  'never-scales-in': [
    [
      scaledRealTime({ P: tracking({ DisableScaleIn: true }) }),
      scaledRealTime({ P: tracking({ DisableScaleIn: true }), Q: tracking({}, { PolicyName: 'other' }) }),
    ],
  ],
  'burstable-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.t2.medium' }),
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.m5.large' }),
    ],
  ],
  'unknown-instance-type': [
    [
      realTime({ InstancePools: undefined, InstanceType: 'g5.xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.c7i.4xlarge' }),
    ],
    [
      realTime({ InstancePools: undefined, InstanceType: 'ml.g5.3xlarge' }),
      realTime({ InstancePools: undefined, InstanceType: { Ref: 'Type' } }),
    ],
  ],
  'single-instance-type': [
    [
      scaledRealTime({}, {}, { InstancePools: undefined, InstanceType: 'ml.g5.xlarge' }),
      scaledRealTime(
        {},
        {},
        {
          InstancePools: undefined,
          InstanceType: 'ml.g5.xlarge',
          CapacityReservationConfig: { MlReservationArn: 'arn' },
        },
      ),
    ],
  ],
  'nvme-encryption-key': [
    [
      realTime({}, { KmsKeyId: 'key' }),
      realTime({ InstancePools: undefined, InstanceType: 'ml.m5.large' }, { KmsKeyId: 'key' }),
    ],
  ],
  'unstable-name': [
    [
      realTime({}, { EndpointConfigName: 'chat-20240517143000' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
    [
      realTime({}, {}, { EndpointName: 'chat-1715956200123' }),
      realTime({}, {}, { EndpointName: 'chat-2024-05-17-v2' }),
    ],
    [
      realTime({}, { EndpointConfigName: 'c-2024-05-17T14-30-00' }),
      realTime({}, {}, { EndpointName: 'tenant-123456789012' }),
    ],
  ],
  'fixed-config-name': [
    [
      realTime({}, { EndpointConfigName: 'chat' }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': 'chat-${Version}' } }),
    ],
  ],
  'counts-reset-on-deploy': [
    [
      { ...realTime({}, {}, { RetainAllVariantProperties: undefined }), Target: variantTarget() },
      realTime({}, {}, { RetainAllVariantProperties: undefined }),
    ],
    [
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DesiredInstanceCount' }] }),
        Target: variantTarget(),
      },
      {
        ...realTime({}, {}, { ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DataCaptureConfig' }] }),
        Target: variantTarget(),
      },
    ],
  ],
  'component-on-model-variant': [[{ ...components(), ...realTime() }, components()]],
  'full-access-policy': [
    [
      {
        R: role({
          ManagedPolicyArns: [
            { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::aws:policy/AmazonSageMakerFullAccess']] },
          ],
        }),
      },
      { R: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerReadOnly'] }) },
    ],
    [
      { F: resource('AWS::Serverless::Function', { Policies: ['AmazonSageMakerFullAccess'] }) },
      { F: resource('AWS::Serverless::Function', { Policies: 'AWSLambdaBasicExecutionRole' }) },
    ],
    [{ P: policy('sagemaker:*', '*') }, { P: policy('sagemaker:*', 'arn:aws:sagemaker:*:*:endpoint/chat') }],
  ],
  'invoke-grant-incomplete': [
    [
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...asynchronous(), P: policy('sagemaker:InvokeEndpointAsync', endpointArn) },
    ],
    [
      { P: policy(['sagemaker:InvokeEndpoint'], 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat') },
      { P: policy(['sagemaker:InvokeEndpoint*'], 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat') },
    ],
    [
      { ...realTime(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
      { ...serverless(), P: policy('sagemaker:InvokeEndpoint', endpointArn) },
    ],
  ],
};

describe('each rule', () => {
  test('has a case', () => {
    expect([...Object.keys(CASES), 'quota-exceeded'].sort()).toEqual(RULES.map(({ id }) => id).sort());
  });

  const rows = Object.entries(CASES).flatMap(([rule, cases]) =>
    cases.map((pair, index) => [rule, index + 1, ...pair] as const),
  );

  test.each(rows)('%s accuses what it is for (%i)', (rule, _index, accused) => {
    expect(rulesOf(accused)).toContain(rule);
  });

  test.each(rows)('%s leaves its neighbour alone (%i)', (rule, _index, _accused, innocent) => {
    expect(rulesOf(innocent)).not.toContain(rule);
  });

  test('quota-exceeded adds up the maxima of every fleet', () => {
    const two: Resources = {
      ...scaledRealTime(),
      OtherConfig: resource('AWS::SageMaker::EndpointConfig', {
        ProductionVariants: [
          { VariantName: 'v', ModelName: 'm', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' },
        ],
      }),
    };
    expect(rulesOf(two, { 'ml.g5.xlarge': 5 })).toContain('quota-exceeded');
    expect(rulesOf(two, { 'ml.g5.xlarge': 6 })).not.toContain('quota-exceeded');
  });
});

describe('the catalogue', () => {
  const page = fs.readFileSync(path.join(projectDirectory, 'lib/proof/RULES.md'), 'utf8');

  test('has one line for each rule', () => {
    const rows = RULES.map(
      ({ id, severity, reason, remedy, source }) => `| \`${id}\` | ${severity} | ${reason} | ${remedy} | ${source} |`,
    );
    expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });

  test('has ids that differ', () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
  });
});
