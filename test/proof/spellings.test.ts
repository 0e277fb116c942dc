import { prove } from '../../lib/proof/prove';
import {
  alarm,
  asynchronous,
  components,
  endpointName,
  onEndpoint,
  policy,
  realTime,
  resource,
  step,
  tracking,
  trackingOf,
  variantTarget,
  type Properties,
  type Resources,
} from './support/templates';

const told = (document: Properties, region?: string): string[] =>
  prove([{ name: 't.json', document, ...(region !== undefined && { region }) }]).map(
    ({ severity, rule, logicalId }) => `${severity} ${rule} ${logicalId}`,
  );

describe('what only the deployment gives', () => {
  const parameter = (Default: string): Properties => ({ Name: { Type: 'String', Default } });

  test.each<[string, Properties]>([
    [
      'a dynamic reference in place of an instance type',
      {
        Resources: {
          ...realTime({ InstancePools: undefined, InstanceType: '{{resolve:ssm:/serving/type}}' }),
          P: tracking(),
          Target: variantTarget(),
        },
      },
    ],
    [
      'a dynamic reference in a resource id',
      {
        Resources: {
          P: tracking(),
          Target: variantTarget({ ResourceId: { 'Fn::Sub': 'endpoint/{{resolve:ssm:/serving/name:2}}/variant/main' } }),
        },
      },
    ],
    [
      'an import whose name has slashes',
      {
        Resources: {
          P: tracking(),
          Target: variantTarget({
            ResourceId: { 'Fn::Join': ['', ['endpoint/', { 'Fn::ImportValue': '/serving/name' }, '/variant/main']] },
          }),
        },
      },
    ],
    [
      'a parameter that is empty by default',
      {
        Parameters: parameter(''),
        Resources: {
          A: alarm(
            'ModelLatency',
            { EndpointName: { Ref: 'Name' }, VariantName: 'v' },
            { Threshold: 5e5, AlarmActions: [] },
          ),
        },
      },
    ],
    [
      'a moment in a parameter',
      {
        Parameters: parameter('chat-2024-05-17-14-30-00'),
        Resources: realTime({}, {}, { EndpointName: { Ref: 'Name' } }),
      },
    ],
    [
      'a map without a row',
      {
        Mappings: { Least: { prod: { Count: 0 } } },
        Resources: {
          ...realTime(),
          P: tracking(),
          Target: variantTarget({
            MinCapacity: { 'Fn::FindInMap': ['Least', { Ref: 'AWS::Region' }, 'Count', { DefaultValue: 0 }] },
          }),
        },
      },
    ],
    [
      'a configuration that a macro writes on',
      {
        Resources: {
          ...realTime(
            {},
            { 'Fn::Transform': { Name: 'AWS::Include', Parameters: { Location: 's3://parts/async.yaml' } } },
          ),
          P: tracking(),
          Target: variantTarget({ MinCapacity: 0 }),
        },
      },
    ],
    [
      'a target that a macro writes on',
      {
        Resources: {
          ...realTime(),
          Target: resource('AWS::ApplicationAutoScaling::ScalableTarget', { 'Fn::Transform': { Name: 'Defaults' } }),
          P: tracking(),
        },
      },
    ],
    [
      'resources of a loop',
      {
        Resources: {
          ...realTime(),
          'Fn::ForEach::Fleets': ['Name', ['a', 'b'], { 'Target${Name}': variantTarget({ MinCapacity: 0 }) }],
        },
      },
    ],
  ])('is not accused: %s', (_what, document) => expect(told(document)).toEqual([]));

  test('the scaling of a shadow variant is not accused', () => {
    const shadow = { VariantName: 'shadow', ModelName: 'm', InitialInstanceCount: 1, InstanceType: 'ml.m5.large' };
    const Resources = {
      ...realTime({}, { ShadowProductionVariants: [shadow] }),
      P: tracking(),
      Target: variantTarget({ ResourceId: { 'Fn::Join': ['', ['endpoint/', endpointName, '/variant/shadow']] } }),
    };
    expect(told({ Resources })).toEqual([]);
  });
});

describe('spellings that say the same', () => {
  test('a map whose default of the language extensions stands', () => {
    const MinCapacity = { 'Fn::FindInMap': ['Least', 'test', 'Count', { DefaultValue: 0 }] };
    const Resources = { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity }) };
    expect(told({ Mappings: { Least: {} }, Resources })).toEqual(['error zero-where-impossible Target']);
  });

  test('the words of YAML 1.1 for true and false', () => {
    const scaled = (RetainAllVariantProperties: string): Resources => ({
      ...realTime({}, {}, { RetainAllVariantProperties }),
      P: tracking(),
      Target: variantTarget(),
    });
    expect(told({ Resources: scaled('yes') })).toEqual([]);
    expect(told({ Resources: scaled('no') })).toEqual(['warning counts-reset-on-deploy Endpoint']);
  });

  test('a region decides what a map holds for it', () => {
    const Resources = {
      ...realTime(),
      P: tracking(),
      Target: variantTarget({ MinCapacity: { 'Fn::FindInMap': ['Least', { Ref: 'AWS::Region' }, 'Count'] } }),
    };
    const Mappings = { Least: { 'eu-west-1': { Count: 0 }, 'us-east-1': { Count: 1 } } };
    expect(told({ Mappings, Resources })).toEqual([]);
    expect(told({ Mappings, Resources }, 'us-east-1')).toEqual([]);
    expect(told({ Mappings, Resources }, 'eu-west-1')).toEqual(['error zero-where-impossible Target']);
  });

  test('variables that the Serverless Application Model gives to every function', () => {
    const { Config, Endpoint } = realTime({
      InstancePools: undefined,
      InitialInstanceCount: undefined,
      ServerlessConfig: { MemorySizeInMB: 2048, MaxConcurrency: 5 },
    });
    const Globals = { Function: { Environment: { Variables: { NAME: endpointName } } } };
    const Resources = {
      Config,
      Endpoint,
      Stream: resource('AWS::Kinesis::Stream', { ShardCount: 8 }),
      Scorer: resource('AWS::Serverless::Function', {
        Events: { Records: { Type: 'Kinesis', Properties: { Stream: { 'Fn::GetAtt': ['Stream', 'Arn'] } } } },
      }),
    };
    expect(told({ Globals, Resources })).toEqual([
      'warning stream-outpaces-endpoint Scorer',
      'warning record-retried-for-ever Scorer',
    ]);
    expect(told({ Resources })).toEqual([]);
  });
});

/** Limits that change by day, so that a target needs no policy. */
const day = {
  ScheduledActions: [
    ['day', 'cron(0 8 * * ? *)', 2],
    ['night', 'cron(0 20 * * ? *)', 1],
  ].map(([ScheduledActionName, Schedule, MinCapacity]) => ({
    ScheduledActionName,
    Schedule,
    ScalableTargetAction: { MinCapacity },
  })),
};

describe('conditions and defaults', () => {
  const Parameters = { Stage: { Type: 'String', Default: 'dev' } };
  const Conditions = { IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] } };
  const least = (yes: unknown, no: unknown): Resources => ({
    ...realTime(),
    P: tracking(),
    Target: variantTarget({ MinCapacity: { 'Fn::If': ['IsProd', yes, no] } }),
  });

  test('what the defaults of parameters make of a template is taken for it', () => {
    expect(told({ Parameters, Conditions, Resources: least(1, 0) })).toEqual(['error zero-where-impossible Target']);
  });

  test('what one condition alone makes wrong is a warning that names the condition', () => {
    const [finding] = prove([{ name: 't.json', document: { Parameters, Conditions, Resources: least(0, 1) } }]);
    expect(finding).toMatchObject({ severity: 'warning', rule: 'zero-where-impossible' });
    expect(finding?.message).toMatch(/^when condition IsProd is true: MinCapacity is 0/);
  });

  test('what needs two choices at once is not accused', () => {
    const two = {
      Parameters: { ...Parameters, Kind: { Type: 'String', Default: 'async' } },
      Conditions: { ...Conditions, IsAsync: { 'Fn::Equals': [{ Ref: 'Kind' }, 'async'] } },
    };
    const Resources = {
      ...realTime({}, { AsyncInferenceConfig: { 'Fn::If': ['IsAsync', {}, { Ref: 'AWS::NoValue' }] } }),

      Target: variantTarget({ MinCapacity: { 'Fn::If': ['IsProd', 0, 1] }, ...day }),
    };
    expect(told({ ...two, Resources })).toEqual([]);
  });

  test('a default says nothing of a branch that it does not lead to', () => {
    const document = {
      Parameters: { Kind: { Type: 'String', Default: 'async' }, Least: { Type: 'Number', Default: 0 } },
      Conditions: { IsAsync: { 'Fn::Equals': [{ Ref: 'Kind' }, 'async'] } },
      Resources: {
        ...realTime({}, { AsyncInferenceConfig: { 'Fn::If': ['IsAsync', {}, { Ref: 'AWS::NoValue' }] } }),

        Target: variantTarget({ MinCapacity: { Ref: 'Least' }, ...day }),
      },
    };
    expect(told(document)).toEqual([]);
  });

  test('two policies of one name of which conditions leave one are not accused, however many conditions there are', () => {
    const names = Array.from({ length: 12 }, (_one, index) => `C${index}`);
    const many = {
      Conditions: {
        ...Object.fromEntries(names.map((name) => [name, { 'Fn::Equals': [{ Ref: 'Stage' }, name] }])),
        NotC0: { 'Fn::Not': [{ Condition: 'C0' }] },
      },
      Resources: {
        ...realTime(),
        Target: variantTarget({ MaxCapacity: names.reduce<unknown>((no, name) => ({ 'Fn::If': [name, 3, no] }), 4) }),
        P: { ...tracking(), Condition: 'C0' },
        Q: { ...tracking({ TargetValue: 9 }), Condition: 'NotC0' },
      },
    };
    expect(told(many)).toEqual([]);
  });

  test('defaults decide where the conditions are too many to try', () => {
    const names = Array.from({ length: 12 }, (_one, index) => `C${index}`);
    const many = {
      Parameters: Object.fromEntries(names.map((name) => [`P${name}`, { Type: 'String', Default: 'no' }])),
      Conditions: Object.fromEntries(names.map((name) => [name, { 'Fn::Equals': [{ Ref: `P${name}` }, 'yes'] }])),
    };
    const MinCapacity = names.reduce<unknown>((inner, name) => ({ 'Fn::If': [name, 1, inner] }), 0);
    expect(
      told({ ...many, Resources: { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity }) } }),
    ).toEqual(['error zero-where-impossible Target']);
  });
});

test('the same template for two stages is judged twice, not against itself', () => {
  const Resources = {
    Target: variantTarget({ ResourceId: 'endpoint/chat/variant/v' }),
    P: tracking(
      {},
      {
        ScalingTargetId: undefined,
        ServiceNamespace: 'sagemaker',
        ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        ResourceId: 'endpoint/chat/variant/v',
      },
    ),
  };
  const findings = prove(['dev.json', 'live.json'].map((name) => ({ name, document: { Resources } })));
  expect(findings.map(({ rule }) => rule)).not.toContain('policies-collide');
});

describe('fleets of other services and other things of SageMaker', () => {
  test.each<[string, Resources]>([
    [
      'a service of ECS that waits for nothing',
      {
        T: resource('AWS::ApplicationAutoScaling::ScalableTarget', {
          ServiceNamespace: 'ecs',
          ScalableDimension: 'ecs:service:DesiredCount',
          ResourceId: 'service/c/s',
          MinCapacity: 0,
          MaxCapacity: 0,
        }),
        P: tracking(
          { ScaleOutCooldown: 0, TargetValue: undefined },
          { ScalingTargetId: { Ref: 'T' }, PolicyType: 'Simple', PolicyName: 'p-1718035200' },
        ),
        S: step({ AdjustmentType: 'Sideways' }),
      },
    ],
    [
      'alarms on jobs and features',
      {
        Jobs: alarm('GPUUtilization', { Host: 'job/algo-1' }, { Namespace: '/aws/sagemaker/TrainingJobs', Period: 10 }),
        Drift: alarm('drift', { Endpoint: 'e' }, { Namespace: 'aws/sagemaker/Endpoints/data-metrics' }),
        Reads: alarm('Reads', { FeatureGroupName: 'f' }, { Namespace: 'AWS/SageMaker/FeatureStore', Statistic: 'p9' }),
      },
    ],
    [
      'a grant of every kind of invocation',
      { ...asynchronous(), Grant: policy('sagemaker:Invoke*', { Ref: 'Endpoint' }) },
    ],
    [
      'an adapter on the copies of another component',
      {
        ...components({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 2 } }),
        Adapter: resource('AWS::SageMaker::InferenceComponent', {
          EndpointName: endpointName,
          Specification: {
            BaseInferenceComponentName: { 'Fn::GetAtt': ['Component', 'InferenceComponentName'] },
            Container: { ArtifactUrl: 's3://adapters/one.tar.gz' },
          },
        }),
      },
    ],
    [
      'expressions over failures and answers',
      {
        ...asynchronous(),
        A: resource('AWS::CloudWatch::Alarm', {
          EvaluationPeriods: 1,
          Threshold: 5,
          ComparisonOperator: 'GreaterThanThreshold',
          Metrics: [
            { Id: 'share', Expression: '100 * failed / (failed + done)', ReturnData: true },
            ...['failed:InvocationFailures', 'done:InvocationsProcessed'].map((pair) => {
              const [Id, MetricName] = pair.split(':');
              const Dimensions = Object.entries(onEndpoint).map(([Name, Value]) => ({ Name, Value }));
              const Metric = { Namespace: 'AWS/SageMaker', MetricName, Dimensions };
              return { Id, ReturnData: false, MetricStat: { Stat: 'Sum', Period: 300, Metric } };
            }),
          ],
        }),
      },
    ],
    [
      'a metric of one’s own',
      {
        ...realTime(),
        Target: variantTarget(),
        P: trackingOf({
          Namespace: 'Serving',
          MetricName: 'CacheUsage',
          Statistic: 'Average',
          Unit: 'Count',
          Dimensions: [{ Name: 'Endpoint', Value: 'chat' }],
        }),
      },
    ],
  ])('are left alone: %s', (_what, Resources) => expect(told({ Resources })).toEqual([]));
});
