import type { TemplateDocument } from '../../lib/template';
import { prove } from '../../lib/proof/prove';
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
} from './support/templates';

const one = (Resources: Resources, more: Properties = {}): TemplateDocument[] => [
  { name: 't.json', document: { ...more, Resources } },
];

const cpu = { InstancePools: undefined, InstanceType: 'ml.c7i.2xlarge' };
const wake = alarm('HasBacklogWithoutCapacity', onEndpoint, { EvaluationPeriods: 2 });
const copyPolicy = (type: string): Resources[string] =>
  tracking({ PredefinedMetricSpecification: { PredefinedMetricType: type } });
const wakeCopies = alarm(
  'NoCapacityInvocationFailures',
  { InferenceComponentName: 'chat' },
  { Statistic: 'Sum', TreatMissingData: 'missing' },
);
const componentFleet = (more: Resources = {}, target: Properties = {}): Resources => ({
  ...components(),
  Target: { ...componentTarget({ MinCapacity: 0, ...target }), DependsOn: ['Component'] },
  P: copyPolicy('SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution'),
  ...more,
});
const metricStat = (Id: string, MetricName: string, Stat: string, dimensions: Properties = onVariant): Properties => ({
  Id,
  ReturnData: false,
  MetricStat: {
    Stat,
    Metric: {
      Namespace: 'AWS/SageMaker',
      MetricName,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    },
  },
});

/** Templates as others write them, in which nothing is wrong. */
const CORRECT: { readonly [what: string]: readonly TemplateDocument[] } = {
  'the example of the user guide: invocations, with 30 s to scale out': one({
    ...realTime(cpu),
    Target: variantTarget({ MinCapacity: 2, MaxCapacity: 10 }),
    P: tracking({ TargetValue: 70, ScaleInCooldown: 600, ScaleOutCooldown: 30 }),
  }),
  'CPU instances with a literal name and DependsOn': one({
    ...realTime(cpu, {}, { EndpointName: 'ranker' }),
    Target: {
      ...variantTarget({ ResourceId: 'endpoint/ranker/variant/AllTraffic' }),
      DependsOn: 'Endpoint',
    },
    P: tracking(),
  }),
  'names from a parameter without a default': one(
    {
      ...realTime({}, {}, { EndpointName: { Ref: 'Name' } }),
      Target: {
        ...variantTarget({ ResourceId: { 'Fn::Sub': 'endpoint/${Name}/variant/AllTraffic' } }),
        DependsOn: ['Endpoint'],
      },
      P: tracking(),
    },
    { Parameters: { Name: { Type: 'String' } } },
  ),
  'names from a parameter with a default, and the stack': one(
    {
      ...realTime({}, {}, { EndpointName: { 'Fn::Join': ['-', [{ Ref: 'AWS::StackName' }, { Ref: 'Stage' }]] } }),
      Target: {
        ...variantTarget({ ResourceId: { 'Fn::Sub': 'endpoint/${AWS::StackName}-${Stage}/variant/AllTraffic' } }),
        DependsOn: 'Endpoint',
      },
      A: alarm(
        'ModelLatency',
        { EndpointName: { 'Fn::Sub': '${AWS::StackName}-${Stage}' }, VariantName: 'AllTraffic' },
        { AlarmActions: [{ Ref: 'Topic' }], Threshold: 250000 },
      ),
      Topic: resource('AWS::SNS::Topic', {}),
      P: tracking(),
    },
    { Parameters: { Stage: { Type: 'String', Default: 'prod' } } },
  ),
  'the name cut out of the ARN': one({
    ...realTime(),
    Target: variantTarget({
      ResourceId: {
        'Fn::Join': [
          '',
          ['endpoint/', { 'Fn::Select': [1, { 'Fn::Split': ['/', { Ref: 'Endpoint' }] }] }, '/variant/AllTraffic'],
        ],
      },
    }),
    P: tracking(),
  }),
  'limits from a mapping by region': one(
    {
      ...realTime(),
      Target: variantTarget({ MinCapacity: { 'Fn::FindInMap': ['Limits', { Ref: 'AWS::Region' }, 'Min'] } }),
      P: tracking(),
    },
    { Mappings: { Limits: { 'us-east-1': { Min: 0 }, 'eu-west-1': { Min: 1 } } } },
  ),
  'limits as text, as hand-written templates have them': one({
    ...realTime(),
    Target: variantTarget({ MinCapacity: '1', MaxCapacity: '4' }),
    P: tracking({ TargetValue: '5.0' }),
  }),
  'asynchronous or not, by a condition, with everything that belongs to each': one(
    {
      ...realTime(
        {},
        { AsyncInferenceConfig: { 'Fn::If': ['IsAsync', { OutputConfig: {} }, { Ref: 'AWS::NoValue' }] } },
      ),
      Target: variantTarget({ MinCapacity: { 'Fn::If': ['IsAsync', 0, 1] } }),
      Backlog: { ...trackingOf(backlog), Condition: 'IsAsync' },
      Step: { ...step(), Condition: 'IsAsync' },
      Wake: { ...wake, Condition: 'IsAsync' },
      Calls: { ...tracking(), Condition: 'IsSync' },
    },
    {
      Conditions: {
        IsAsync: { 'Fn::Equals': [{ Ref: 'Mode' }, 'async'] },
        IsSync: { 'Fn::Not': [{ Condition: 'IsAsync' }] },
      },
    },
  ),
  'scaling that production alone has': one(
    {
      ...realTime({}, {}, { RetainAllVariantProperties: { 'Fn::If': ['Prod', true, false] } }),
      Target: { ...variantTarget(), Condition: 'Prod' },
      P: { ...tracking(), Condition: 'Prod' },
    },
    { Conditions: { Prod: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] } } },
  ),
  'one of two endpoints of the same name': one(
    {
      ...realTime({}, {}, { EndpointName: 'chat' }),
      Later: { ...resource('AWS::SageMaker::Endpoint', { EndpointName: 'chat' }), Condition: 'Later' },
      Target: { ...variantTarget(), DependsOn: 'Endpoint' },
    },
    { Conditions: { Later: { 'Fn::Equals': [{ Ref: 'X' }, 'y'] } } },
  ),
  'the documented asynchronous endpoint': one({
    ...asynchronous(),
    Target: variantTarget({ MinCapacity: 0 }),
    P: trackingOf(backlog, { ScaleInCooldown: 600, ScaleOutCooldown: 300 }),
    Step: step({ Cooldown: 300, MetricAggregationType: 'Average' }),
    A: wake,
  }),
  'an asynchronous endpoint woken by its whole backlog': one({
    ...asynchronous(),
    Target: variantTarget({ MinCapacity: 0 }),
    P: trackingOf(backlog),
    Step: step(),
    A: alarm('ApproximateBacklogSize', onEndpoint),
  }),
  'an asynchronous endpoint that never goes to zero': one({
    ...asynchronous(),
    Target: variantTarget(),
    P: trackingOf(backlog),
  }),
  'an asynchronous endpoint that steps by the age of its oldest request': one({
    ...asynchronous(),
    Target: variantTarget(),
    P: trackingOf(backlog),
    Step: step({
      StepAdjustments: [
        { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 60, ScalingAdjustment: 1 },
        { MetricIntervalLowerBound: 60, ScalingAdjustment: 2 },
      ],
    }),
    A: alarm('ApproximateAgeOfOldestRequest', onEndpoint, { Statistic: 'Maximum', Threshold: 120 }),
  }),
  'an asynchronous endpoint that sleeps by schedule': one({
    ...asynchronous(),
    Target: variantTarget({
      MinCapacity: 0,
      ScheduledActions: [
        {
          ScheduledActionName: 'day',
          Schedule: 'cron(0 7 ? * MON-FRI *)',
          Timezone: 'Europe/Zurich',
          ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 4 },
        },
        {
          ScheduledActionName: 'night',
          Schedule: 'cron(0 19 ? * MON-FRI *)',
          ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 0 },
        },
      ],
    }),
    P: trackingOf(backlog),
  }),
  'a serverless endpoint with provisioned concurrency': one({
    ...serverless(),
    Target: variantTarget({
      ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency',
      MinCapacity: 1,
      MaxCapacity: 10,
    }),
    P: tracking({
      TargetValue: 0.7,
      PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization' },
    }),
  }),
  'a serverless endpoint, watched': one({
    ...serverless(),
    A: alarm('ModelSetupTime', onVariant, { AlarmActions: [], Threshold: 20_000_000 }),
    B: alarm('Invocation5XXErrors', onVariant, { AlarmActions: [], Statistic: 'Sum' }),
    C: alarm('MemoryUtilization', onVariant, {
      AlarmActions: [],
      Namespace: '/aws/sagemaker/Endpoints',
      Threshold: 80,
    }),
  }),
  'inference components that go to zero': one(
    componentFleet({ Step: step({ Cooldown: 60, MetricAggregationType: 'Maximum' }), A: wakeCopies }),
  ),
  'inference components that stay at one': one(componentFleet({}, { MinCapacity: 1 })),
  'an inference component on another stack’s endpoint': one({
    Component: resource('AWS::SageMaker::InferenceComponent', {
      InferenceComponentName: 'chat',
      EndpointName: { 'Fn::ImportValue': 'host' },
      Specification: { ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 1 } },
    }),
    Target: { ...componentTarget(), DependsOn: 'Component' },
    P: copyPolicy('SageMakerInferenceComponentInvocationsPerCopy'),
  }),
  'fixed instances for components': one({
    ...components({ ManagedInstanceScaling: undefined, InitialInstanceCount: 2 }),
    Target: { ...componentTarget({ MaxCapacity: 2 }), DependsOn: 'Component' },
    P: copyPolicy('SageMakerInferenceComponentInvocationsPerCopy'),
  }),
  'step policies both ways': one({
    ...realTime(),
    Target: variantTarget(),
    Step: step({ Cooldown: 400 }),
    A: alarm('ConcurrentRequestsPerModel', onVariant, { Statistic: 'Maximum', Period: 10, Threshold: 6 }),
    Down: resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'down',
      PolicyType: 'StepScaling',
      ScalingTargetId: { Ref: 'Target' },
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'PercentChangeInCapacity',
        MinAdjustmentMagnitude: 1,
        Cooldown: 900,
        StepAdjustments: [{ MetricIntervalUpperBound: 0, ScalingAdjustment: -25 }],
      },
    }),
    B: alarm('ConcurrentRequestsPerModel', onVariant, {
      ComparisonOperator: 'LessThanThreshold',
      Statistic: 'Maximum',
      EvaluationPeriods: 15,
      AlarmActions: [{ Ref: 'Down' }],
    }),
  }),
  'policies by resource id, made after their target': one({
    ...realTime(cpu, {}, { EndpointName: 'ranker' }),
    Target: { ...variantTarget({ ResourceId: 'endpoint/ranker/variant/AllTraffic' }), DependsOn: 'Endpoint' },
    P: {
      ...tracking(
        {},
        {
          ScalingTargetId: undefined,
          ResourceId: 'endpoint/ranker/variant/AllTraffic',
          ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
          ServiceNamespace: 'sagemaker',
        },
      ),
      DependsOn: ['Target'],
    },
  }),
  'metric math over pools, gaps filled': one({
    ...realTime(),
    Target: variantTarget(),
    P: trackingOf({
      Metrics: [
        metricStat('m1', 'ConcurrentRequestsPerModel', 'Maximum', { ...onVariant, InstanceType: 'ml.g5.xlarge' }),
        metricStat('m2', 'ConcurrentRequestsPerModel', 'Maximum', { ...onVariant, InstanceType: 'ml.g6.xlarge' }),
        metricStat('m3', 'ModelLatency', 'Average'),
        { Id: 'e1', Expression: 'MAX([FILL(m1, 0), FILL(m2, 0)]) + 0 * FILL(m3, 0)', ReturnData: true },
      ],
    }),
  }),
  'GPU utilisation of four accelerators': one({
    ...realTime({
      InstancePools: undefined,
      InstanceType: 'ml.g5.12xlarge',
      CapacityReservationConfig: { MlReservationArn: 'arn' },
    }),
    Target: variantTarget(),
    P: trackingOf(
      {
        Namespace: '/aws/sagemaker/Endpoints',
        MetricName: 'GPUUtilization',
        Statistic: 'Average',
        Dimensions: Object.entries(onVariant).map(([Name, Value]) => ({ Name, Value })),
      },
      { TargetValue: 280 },
    ),
  }),
  'one GPU and no more': one({
    ...realTime({ InstancePools: undefined, InstanceType: 'ml.g6e.xlarge' }),
    Target: variantTarget({ MaxCapacity: 1 }),
  }),
  'metrics of the application itself': one({
    ...realTime(),
    Target: variantTarget(),
    P: trackingOf({ Namespace: 'MyService', MetricName: 'QueueDepth', Statistic: 'Sum', Dimensions: [] }),
    A: alarm('QueueDepth', { Anything: 'x' }, { Namespace: 'MyService', Period: 10, AlarmActions: [] }),
  }),
  'metrics of other parts of SageMaker': one({
    A: alarm('CPUUtilization', { Host: 'job/algo-1' }, { Namespace: '/aws/sagemaker/TrainingJobs', AlarmActions: [] }),
    B: alarm(
      'ExecutionFailed',
      { PipelineName: 'p' },
      { Namespace: 'AWS/Sagemaker/ModelBuildingPipeline', AlarmActions: [] },
    ),
  }),
  'a fleet of another service': one({
    T: resource('AWS::ApplicationAutoScaling::ScalableTarget', {
      ServiceNamespace: 'ecs',
      ScalableDimension: 'ecs:service:DesiredCount',
      ResourceId: 'service/a/b',
      MinCapacity: 0,
      MaxCapacity: 3,
    }),
    P: resource('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'PredictiveScaling',
      ScalingTargetId: { Ref: 'T' },
    }),
  }),
  'a least-privilege caller of a classifier': one({
    ...realTime(cpu),
    Caller: role({}),
    Grant: resource('AWS::IAM::Policy', {
      Roles: [{ Ref: 'Caller' }],
      PolicyDocument: {
        Statement: { Effect: 'Allow', Action: 'sagemaker:InvokeEndpoint', Resource: { Ref: 'Endpoint' } },
      },
    }),
  }),
  'a caller of endpoints that live elsewhere': one({
    Grant: policy('sagemaker:InvokeEndpoint', {
      'Fn::Sub': 'arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/chat',
    }),
  }),
  'grants in two documents of one role': one({
    ...asynchronous(),
    Caller: role({}),
    One: resource('AWS::IAM::Policy', {
      Roles: [{ Ref: 'Caller' }],
      PolicyDocument: {
        Statement: [{ Effect: 'Allow', Action: 'sagemaker:InvokeEndpoint', Resource: { Ref: 'Endpoint' } }],
      },
    }),
    Two: resource('AWS::IAM::Policy', {
      Roles: [{ Ref: 'Caller' }],
      PolicyDocument: {
        Statement: [{ Effect: 'Allow', Action: 'sagemaker:InvokeEndpointAsync', Resource: { Ref: 'Endpoint' } }],
      },
    }),
  }),
  'a notebook with the full access that AWS gives it': one({
    Notebook: resource('AWS::SageMaker::NotebookInstance', { RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] } }),
    Role: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerFullAccess'] }),
  }),
  'two variants of one endpoint, each with its own fleet': one({
    ...realTime(
      {},
      {
        ProductionVariants: ['champion', 'challenger'].map((VariantName) => ({
          VariantName,
          ModelName: 'm',
          InitialInstanceCount: 1,
          InstanceType: 'ml.m5.xlarge',
        })),
      },
    ),
    Target: variantTarget({ ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/champion' } }),
    P: tracking(),
    Other: variantTarget({ ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint.EndpointName}/variant/challenger' } }),
    Q: tracking({}, { ScalingTargetId: { Ref: 'Other' } }),
    A: alarm(
      'ModelLatency',
      { EndpointName: endpointName, VariantName: 'challenger' },
      { AlarmActions: [], Threshold: 90000 },
    ),
  }),
  'a shadow variant, watched': one({
    ...realTime(
      {},
      { ShadowProductionVariants: [{ VariantName: 'shadow', ModelName: 'm', InstanceType: 'ml.m5.xlarge' }] },
    ),
    A: alarm(
      'ModelLatency',
      { EndpointName: endpointName, VariantName: 'shadow' },
      { AlarmActions: [], Threshold: 90000 },
    ),
  }),
  'the new fleet of a deployment, watched alone': one({
    ...realTime(),
    A: alarm(
      'Invocation5XXErrors',
      { ...onVariant, EndpointConfigName: { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] } },
      { AlarmActions: [], Statistic: 'Sum' },
    ),
  }),
  'one accelerator of one instance, by enhanced metrics': one({
    ...realTime({}, { MetricsConfig: { EnableEnhancedMetrics: true, MetricPublishFrequencyInSeconds: 10 } }),
    A: alarm(
      'GPUUtilization',
      { ...onVariant, InstanceId: 'i-1', AcceleratorId: '0' },
      { AlarmActions: [], Namespace: '/aws/sagemaker/Endpoints', Period: 10, Threshold: 90 },
    ),
    B: alarm('ModelLatency', { ...onVariant, InstanceId: 'i-1' }, { AlarmActions: [], Period: 10, Threshold: 900_000 }),
  }),
  'an alarm on whether anybody calls at all': one({
    ...realTime(),
    A: alarm('Invocations', onVariant, { AlarmActions: [], ComparisonOperator: 'LessThanThreshold', Statistic: 'Sum' }),
    B: alarm('Invocations', onVariant, { AlarmActions: [], Statistic: 'SampleCount', Threshold: 1000 }),
  }),
  'an endpoint in one template, its scaling in another, by name': [
    { name: 'a.json', document: { Resources: realTime(cpu, {}, { EndpointName: 'ranker' }) } },
    {
      name: 'b.json',
      document: {
        Resources: { Target: variantTarget({ ResourceId: 'endpoint/ranker/variant/AllTraffic' }), P: tracking() },
      },
    },
  ],
  'an endpoint in one template, its scaling in another, by export': [
    {
      name: 'a.json',
      document: {
        Resources: asynchronous(),
        Outputs: { N: { Value: endpointName, Export: { Name: { 'Fn::Sub': '${AWS::Region}-ranker' } } } },
      },
    },
    {
      name: 'b.json',
      document: {
        Resources: {
          Target: variantTarget({
            ResourceId: {
              'Fn::Sub': [
                'endpoint/${E}/variant/AllTraffic',
                { E: { 'Fn::ImportValue': { 'Fn::Sub': '${AWS::Region}-ranker' } } },
              ],
            },
          }),
          P: trackingOf({
            ...backlog,
            Dimensions: [
              { Name: 'EndpointName', Value: { 'Fn::ImportValue': { 'Fn::Sub': '${AWS::Region}-ranker' } } },
            ],
          }),
        },
      },
    },
  ],
  'nothing of SageMaker': one({ B: resource('AWS::S3::Bucket', {}), Q: resource('AWS::SQS::Queue', {}) }),
};

test('there are enough of them', () => {
  expect(Object.keys(CORRECT).length).toBeGreaterThanOrEqual(35);
});

test.each(Object.entries(CORRECT))('%s: nothing is said', (_what, templates) => {
  expect(prove(templates)).toEqual([]);
});
