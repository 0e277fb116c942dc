import {
  alarm,
  asynchronous,
  backlog,
  components,
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

/** A component with some properties, on an endpoint that takes it. */
function withComponent(properties: Properties): Resources {
  const { Component, ...host } = components();
  return {
    ...host,
    Component: resource('AWS::SageMaker::InferenceComponent', { ...Component!.Properties, ...properties }),
  };
}

const quiet = { AlarmActions: [] };
const watched = (metricName: string, properties: Properties, dimensions: Properties = onVariant): Resources => ({
  ...realTime(),
  A: alarm(metricName, dimensions, { ...quiet, ...properties }),
});
const scaled = (more: Resources, target: Properties = {}): Resources => ({
  ...realTime(),
  Target: variantTarget(target),
  ...more,
});
const without = (given: Resources[string], ...names: readonly string[]): Resources[string] => ({
  ...given,
  Properties: Object.fromEntries(Object.entries(given.Properties).filter(([name]) => !names.includes(name))),
});
const query = (Id: string, more: Properties = {}): Properties => ({
  Id,
  MetricStat: {
    Stat: 'Average',
    Metric: {
      Namespace: 'AWS/SageMaker',
      MetricName: 'ApproximateBacklogSize',
      Dimensions: [{ Name: 'EndpointName', Value: endpointName }],
    },
  },
  ...more,
});
const followed = (...Metrics: readonly Properties[]): Resources => ({
  ...asynchronous(),
  Target: variantTarget(),
  P: trackingOf({ Metrics }),
});
const custom = (MetricName: string, Namespace = 'AWS/SageMaker', more: Properties = {}): Properties => ({
  Namespace,
  MetricName,
  Statistic: 'Average',
  Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
  ...more,
});
const onFailures = (Threshold: number, properties: Properties = {}): Resources => ({
  ...watched('Invocation5XXErrors', {
    Statistic: 'Average',
    Threshold,
    ComparisonOperator: 'GreaterThanThreshold',
    ...properties,
  }),
});
const rollout = (DeploymentConfig: Properties): Resources => realTime({}, {}, { DeploymentConfig });
const percent = (Value: number): Properties => ({ Type: 'CAPACITY_PERCENT', Value });
const ofSageMaker = {
  AssumeRolePolicyDocument: {
    Statement: [{ Effect: 'Allow', Principal: { Service: 'sagemaker.amazonaws.com' }, Action: 'sts:AssumeRole' }],
  },
};
const variables = { Environment: { Variables: { NAME: endpointName } } };
const fed = (endpoint: Resources, more: Resources): Resources => ({
  ...endpoint,
  Stream: resource('AWS::Kinesis::Stream', { ShardCount: 4 }),
  Consumer: resource('AWS::Lambda::Function', variables),
  ...more,
});
const mapping = (ParallelizationFactor: number, properties: Properties = {}): Resources => ({
  Mapping: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Stream', 'Arn'] },
    FunctionName: { Ref: 'Consumer' },
    ParallelizationFactor,
    ...properties,
  }),
});
const byConcurrency = scaled({
  P: tracking({
    TargetValue: 5,
    PredefinedMetricSpecification: {
      PredefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
    },
  }),
});
const samConsumer = (ParallelizationFactor: number): Resources => ({
  Consumer: resource('AWS::Serverless::Function', {
    ...variables,
    Events: {
      Records: {
        Type: 'Kinesis',
        Properties: { Stream: { 'Fn::GetAtt': ['Stream', 'Arn'] }, ParallelizationFactor },
      },
    },
  }),
});
const night = (action: Properties): Properties => ({
  ScheduledActions: [
    {
      ScheduledActionName: 'night',
      Schedule: 'cron(0 22 * * ? *)',
      ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      ...action,
    },
  ],
});
const chat = (target: string, endpoint: Properties = { EndpointName: 'chat' }): Resources => ({
  ...realTime({}, {}, endpoint),
  Target: { ...variantTarget({ ResourceId: `endpoint/${target}/variant/AllTraffic` }), DependsOn: 'Endpoint' },
});
const languageModel = resource('AWS::SageMaker::Model', {
  ModelName: 'llm',
  PrimaryContainer: { Image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:server' },
});
const sharedModel = (Action: unknown): Resources => ({
  ...withComponent({ Specification: { ModelName: 'llm' } }),
  Model: languageModel,
  Grant: policy(Action, { Ref: 'Endpoint' }),
});

/** rule → [what it accuses, what it leaves alone] */
export const MORE_CASES: {
  readonly [rule: string]: readonly (readonly [accused: Resources, innocent: Resources])[];
} = {
  'component-created-empty': [
    [withComponent({ RuntimeConfig: { CopyCount: 0 } }), withComponent({ RuntimeConfig: { CopyCount: 1 } })],
    [
      withComponent({ RuntimeConfig: { CopyCount: '0' } }),
      withComponent({
        Specification: { BaseInferenceComponentName: 'base', Container: { ArtifactUrl: 's3://adapters/one' } },
        RuntimeConfig: { CopyCount: 0 },
      }),
    ],
    [
      withComponent({ RuntimeConfig: { CopyCount: 0 } }),
      withComponent({ RuntimeConfig: { CopyCount: { Ref: 'Copies' } } }),
    ],
  ],
  'variant-invalid': [
    [
      realTime({ ContainerStartupHealthCheckTimeoutInSeconds: 30 }),
      realTime({ ContainerStartupHealthCheckTimeoutInSeconds: 3600 }),
    ],
    [realTime({ InitialInstanceCount: 0 }), realTime({ InitialInstanceCount: 1 })],
    [
      realTime({ InstancePools: undefined, ServerlessConfig: { MemorySizeInMB: 3000, MaxConcurrency: 5 } }),
      realTime({ InstancePools: undefined, ServerlessConfig: { MemorySizeInMB: 3072, MaxConcurrency: 200 } }),
    ],
    [realTime({ InstancePools: undefined }), realTime({ InstancePools: { 'Fn::If': ['C', [], []] } })],
    [
      realTime(
        {},
        {
          ProductionVariants: [
            { VariantName: 'a', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
            { VariantName: 'a', ModelName: 'n', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
          ],
        },
      ),
      realTime(
        {},
        {
          ProductionVariants: [
            { VariantName: 'a', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
            { VariantName: 'b', ModelName: 'n', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' },
          ],
        },
      ),
    ],
    [realTime({ ModelName: undefined }), realTime({ ModelName: undefined }, { ExecutionRoleArn: { Ref: 'Role' } })],
  ],
  'math-invalid': [
    [
      followed(query('size'), { Id: 'half', Expression: 'size / 2' }),
      followed(query('size', { ReturnData: false }), { Id: 'half', Expression: 'size / 2' }),
    ],
    [
      followed(query('size', { ReturnData: false }), { Id: 'half', Expression: 'FILL(sizes, 0) / 2' }),
      followed(query('size', { ReturnData: false }), {
        Id: 'half',
        Expression: 'IF(size > 3 AND size < 9, size, 1e3)',
      }),
    ],
    [
      followed(query('a'), query('b')),
      {
        ...asynchronous(),
        A: resource('AWS::CloudWatch::Alarm', {
          ThresholdMetricId: 'band',
          Metrics: [query('size'), { Id: 'band', Expression: 'ANOMALY_DETECTION_BAND(size, 2)' }],
        }),
      },
    ],
    [
      followed(query('size', { ReturnData: false }), { Id: 'all', Expression: 'a + b', ReturnData: true }),
      followed(query('size', { ReturnData: false }), {
        Id: 'all',
        Expression: `SUM(SEARCH('{AWS/SageMaker,EndpointName} MetricName="ApproximateBacklogSize"', 'Average', 60))`,
        ReturnData: true,
      }),
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
      scaled({ P: trackingOf(custom('GPUUtilization', '/aws/sagemaker/Endpoints', { Unit: 'Count' })) }),
      scaled({ P: trackingOf(custom('GPUUtilization', '/aws/sagemaker/Endpoints', { Unit: 'Percent' })) }),
    ],
  ],
  'missing-data-scales-out': [
    [
      scaled({ Step: step(), A: alarm('Invocations', onVariant, { Statistic: 'Sum', TreatMissingData: 'breaching' }) }),
      scaled({ Step: step(), A: alarm('Invocations', onVariant, { Statistic: 'Sum', TreatMissingData: 'missing' }) }),
    ],
    [
      scaled({ Step: step(), A: alarm('ModelLatency', onVariant, { TreatMissingData: 'breaching' }) }),
      // Silence is a reason to give capacity up.
      scaled({
        Step: step({ StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -1 }] }),
        A: alarm('Invocations', onVariant, {
          Statistic: 'Sum',
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
        }),
      }),
    ],
  ],
  'policies-collide': [
    [
      scaled({ P: tracking(), Q: tracking({ TargetValue: 9 }, { PolicyName: 'other' }) }),
      scaled({
        P: tracking(),
        Q: tracking(
          {
            PredefinedMetricSpecification: undefined,
            CustomizedMetricSpecification: custom('CPUUtilization', '/aws/sagemaker/Endpoints'),
          },
          { PolicyName: 'other' },
        ),
      }),
    ],
    [scaled({ P: tracking(), Q: trackingOf(custom('ModelLatency')) }), scaled({ P: tracking() })],
  ],
  'target-of-nothing': [
    [chat('chats'), chat('chat')],
    [chat('chat', {}), chat('chats', { EndpointName: { Ref: 'Name' } })],
    [
      chat('elsewhere'),
      // What is declared is scaled; the other target is of something else.
      { ...chat('elsewhere'), Own: variantTarget({ ResourceId: 'endpoint/chat/variant/AllTraffic' }) },
    ],
  ],
};

/** What rules that were there before have learnt: the same form. */
export const LEARNT: typeof MORE_CASES = {
  'policy-incomplete': [
    [scaled({ P: tracking({}, { PolicyType: 'TargetTracking' }) }), scaled({ P: tracking() })],
    [scaled({ P: without(tracking(), 'PolicyType') }), scaled({ P: tracking({}, { PolicyType: { Ref: 'Type' } }) })],
    [scaled({ P: tracking({ TargetValue: undefined }) }), scaled({ P: tracking({ TargetValue: { Ref: 'Target' } }) })],
    [
      scaled({ P: trackingOf(custom('InvocationsPerInstance', 'AWS/SageMaker', { Statistic: 'sum' })) }),
      scaled({ P: trackingOf(custom('InvocationsPerInstance', 'AWS/SageMaker', { Statistic: 'Sum' })) }),
    ],
  ],
  'predictive-on-sagemaker': [
    [
      scaled({
        P: resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
          PolicyName: 'p',
          ScalingTargetId: { Ref: 'Target' },
          PredictiveScalingPolicyConfiguration: { MetricSpecifications: [] },
        }),
      }),
      scaled({ P: tracking() }),
    ],
  ],
  'step-adjustments-invalid': [
    [
      scaled({ Step: step({ AdjustmentType: 'CHANGE_IN_CAPACITY' }) }),
      scaled({ Step: step({ AdjustmentType: 'ExactCapacity' }) }),
    ],
    [scaled({ Step: step({ AdjustmentType: undefined }) }), scaled({ Step: step() })],
    [
      scaled({ Step: step({ MetricAggregationType: 'Sum' }) }),
      scaled({ Step: step({ MetricAggregationType: 'Maximum' }) }),
    ],
  ],
  'cooldown-shorter-than-provisioning': [
    [
      { Target: variantTarget(), P: tracking({ ScaleOutCooldown: 20 }) },
      { Target: variantTarget(), P: tracking({ ScaleOutCooldown: 30 }) },
    ],
    [scaled({ P: tracking({ ScaleOutCooldown: 30 }) }), scaled({ P: tracking({ ScaleOutCooldown: 60 }) })],
  ],
  'alarm-invalid': [
    [
      watched('Invocations', { ComparisonOperator: '>' }),
      watched('Invocations', { ComparisonOperator: { Ref: 'Operator' } }),
    ],
    [
      watched('Invocations', { TreatMissingData: 'not_breaching' }),
      watched('Invocations', { TreatMissingData: 'ignore' }),
    ],
    [
      watched('Invocations', { Statistic: 'p95' }),
      watched('Invocations', { Statistic: undefined, ExtendedStatistic: 'p95' }),
    ],
    [watched('Invocations', { ExtendedStatistic: 'p95' }), watched('Invocations', {})],
    [
      watched('Invocations', { Statistic: undefined }),
      { A: alarm('Errors', {}, { ...quiet, Namespace: 'AWS/Lambda', Statistic: undefined }) },
    ],
  ],
  'alarm-action-invalid': [
    [
      scaled({
        Step: step(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ 'Fn::GetAtt': ['Step', 'PolicyName'] }] }),
      }),
      scaled({
        Step: step(),
        A: alarm('ModelLatency', onVariant, { AlarmActions: [{ 'Fn::GetAtt': ['Step', 'Arn'] }] }),
      }),
    ],
  ],
  'wake-never-rests': [
    [
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { TreatMissingData: 'breaching' }),
      },
      {
        ...asynchronous(),
        Target: variantTarget({ MinCapacity: 0 }),
        Step: step(),
        A: alarm('HasBacklogWithoutCapacity', onEndpoint, { TreatMissingData: 'ignore' }),
      },
    ],
  ],
  'statistic-misleads': [
    [onFailures(5), onFailures(0.05)],
    [onFailures(1), onFailures(1, { Statistic: 'Sum' })],
    [
      watched('Invocations', { Statistic: undefined, ExtendedStatistic: 'p99', Threshold: 100 }),
      watched('Invocations', { Statistic: 'Sum', Threshold: 100 }),
    ],
    [
      scaled({ P: trackingOf(custom('CPUUtilization', '/aws/sagemaker/Endpoints', { Statistic: 'SampleCount' })) }),
      // The samples of a gauge count the instances that report.
      scaled({
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
  'latency-in-microseconds': [
    [watched('OverheadLatency', { Threshold: 100 }), watched('OverheadLatency', { Threshold: 100_000 })],
    [
      { ...serverless(), A: alarm('ModelSetupTime', onVariant, { ...quiet, Threshold: 5000 }) },
      { ...serverless(), A: alarm('ModelSetupTime', onVariant, { ...quiet, Threshold: 5_000_000 }) },
    ],
  ],
  'target-above-capacity': [
    [
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        P: trackingOf(custom('ServerlessProvisionedConcurrencyUtilization'), { TargetValue: 70 }),
      },
      {
        ...serverless(),
        Target: variantTarget({ ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency' }),
        P: trackingOf(custom('ServerlessProvisionedConcurrencyUtilization'), { TargetValue: 0.7 }),
      },
    ],
  ],
  'metric-not-published': [
    [
      scaled({ P: trackingOf(custom('CPUUtilization', 'AWS/EC2'), { TargetValue: 70 }) }),
      // One's own metric may be called as one likes.
      scaled({ P: trackingOf(custom('CPUUtilization', 'Serving'), { TargetValue: 70 }) }),
    ],
  ],
  'single-instance-type': [
    [components({ InstancePools: undefined, InstanceType: 'ml.g5.2xlarge' }), components()],
    [
      components({ InstancePools: undefined, InstanceType: 'ml.g5.2xlarge' }),
      components({
        InstancePools: undefined,
        InstanceType: 'ml.g5.2xlarge',
        ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 1 },
      }),
    ],
  ],
  'metric-not-per-replica': [
    [
      {
        ...asynchronous(),
        Target: variantTarget(),
        P: trackingOf({ ...backlog, MetricName: 'HasBacklogWithoutCapacity' }),
      },
      { ...asynchronous(), Target: variantTarget(), P: trackingOf(backlog) },
    ],
  ],
  'rollout-invalid': [
    [
      rollout({ RollingUpdatePolicy: { MaximumBatchSize: percent(80), WaitIntervalInSeconds: 60 } }),
      rollout({ RollingUpdatePolicy: { MaximumBatchSize: percent(50), WaitIntervalInSeconds: 60 } }),
    ],
    [
      rollout({ BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'CANARY', CanarySize: percent(90) } } }),
      rollout({
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: { Type: 'CANARY', CanarySize: { Type: 'INSTANCE_COUNT', Value: 90 } },
        },
      }),
    ],
  ],
  'schedule-invalid': [
    [scaled({}, night({ Timezone: 'Europe/Zuerich' })), scaled({}, night({ Timezone: 'Europe/Zurich' }))],
    [scaled({}, night({ Schedule: undefined })), scaled({}, night({ Schedule: { Ref: 'Schedule' } }))],
  ],
  'policy-without-target': [
    [
      scaled({ P: tracking({}, { ScalingTargetId: 'Target' }) }),
      scaled({
        P: tracking({}, { ScalingTargetId: 'endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker' }),
      }),
    ],
  ],
  'arn-for-name': [
    [realTime({ ModelName: { Ref: 'Model' } }), realTime({ ModelName: { Ref: 'Parameter' } })],
    [realTime({}, {}, { EndpointConfigName: { Ref: 'Config' } }), realTime()],
    [withComponent({ EndpointName: { Ref: 'Endpoint' } }), withComponent({ EndpointName: endpointName })],
  ],
  'unstable-name': [
    [
      scaled({ P: tracking({}, { PolicyName: 'chat-1718035200' }) }),
      {
        P: tracking({}, { PolicyName: 'chat-1718035200', ScalingTargetId: { Ref: 'T' } }),
        T: resource('AWS::ApplicationAutoScaling::ScalableTarget', { ServiceNamespace: 'ecs' }),
      },
    ],
  ],
  'fixed-config-name': [
    [
      realTime({}, { EndpointConfigName: { 'Fn::Sub': '${AWS::StackName}-config' } }),
      realTime({}, { EndpointConfigName: { 'Fn::Sub': '${AWS::StackName}-${Model.ModelName}' } }),
    ],
    [
      realTime({}, { EndpointConfigName: { 'Fn::Join': ['-', ['config', { Ref: 'AWS::Region' }]] } }),
      realTime({}, { EndpointConfigName: { 'Fn::Join': ['-', ['config', { 'Fn::ImportValue': 'version' }]] } }),
    ],
    [realTime({}, { EndpointConfigName: 'config' }), realTime({}, { EndpointConfigName: 'config-v3' })],
  ],
  'component-on-model-variant': [
    [withComponent({ VariantName: 'main' }), withComponent({ VariantName: 'AllTraffic' })],
  ],
  'full-access-policy': [
    [
      { R: role({ ...ofSageMaker, ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }) },
      { R: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] }) },
    ],
    [
      {
        R: role({
          ...ofSageMaker,
          Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }],
        }),
      },
      { R: role({ Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } }] }) },
    ],
  ],
  'invoke-grant-incomplete': [
    [
      sharedModel('sagemaker:InvokeEndpoint'),
      sharedModel(['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream']),
    ],
    [
      { ...asynchronous(), Grant: policy('sagemaker:InvokeEndpointAsync', endpointName) },
      { ...asynchronous(), Grant: policy('sagemaker:InvokeEndpointAsync', { Ref: 'Endpoint' }) },
    ],
    [
      { ...realTime(), Grant: policy('sagemaker:InvokeEndpointAsync', { Ref: 'Endpoint' }) },
      {
        ...realTime(),
        Grant: policy(['sagemaker:InvokeEndpointAsync', 'sagemaker:InvokeEndpoint'], { Ref: 'Endpoint' }),
      },
    ],
  ],
  'stream-outpaces-endpoint': [
    [fed(byConcurrency, mapping(10)), fed(byConcurrency, mapping(5))],
    [fed(serverless(), mapping(10)), fed(serverless(), mapping(2))],
    [fed(serverless(), samConsumer(10)), fed(serverless(), samConsumer(2))],
    [
      fed(serverless(), mapping(10, { FunctionName: { 'Fn::Sub': '${Consumer}:live' } })),
      fed(serverless(), mapping(10, { Enabled: false })),
    ],
    [
      fed(serverless(), {
        Consumer: resource('AWS::Lambda::Function', { FunctionName: 'scorer', ...variables }),
        ...mapping(10, { FunctionName: 'scorer' }),
      }),
      fed(serverless(), {
        Consumer: resource('AWS::Lambda::Function', { ReservedConcurrentExecutions: 8, ...variables }),
        ...mapping(10),
      }),
    ],
    [
      fed(serverless(), {
        Reader: resource('AWS::Kinesis::StreamConsumer', { StreamARN: { 'Fn::GetAtt': ['Stream', 'Arn'] } }),
        ...mapping(10, { EventSourceArn: { Ref: 'Reader' } }),
      }),
      fed(asynchronous(), mapping(10)),
    ],
  ],
};
