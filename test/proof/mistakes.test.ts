import { prove } from '../../lib/proof/prove';
import {
  alarm,
  asynchronous,
  backlog,
  endpointName,
  onEndpoint,
  policy,
  realTime,
  resource,
  role,
  step,
  tracking,
  trackingOf,
  variantTarget,
  type Resources,
} from './support/templates';

/** Mistakes that published libraries and samples make, in templates of our own. */
const MISTAKES: readonly (readonly [what: string, template: Resources, rules: readonly string[]])[] = [
  [
    'a step policy on the backlog of a real-time endpoint, under dimensions that do not exist',
    {
      ...realTime(),
      Target: variantTarget(),
      Step: step(),
      Alarm: alarm('ApproximateBacklogSizePerInstance', { Endpoint: endpointName, Variant: 'AllTraffic' }),
    },
    ['metric-not-published', 'metric-wrong-dimensions'],
  ],
  [
    'an asynchronous endpoint that follows its invocations',
    {
      ...asynchronous(),
      Target: variantTarget(),
      Policy: trackingOf({
        Namespace: 'AWS/SageMaker',
        MetricName: 'InvocationsPerInstance',
        Statistic: 'Sum',
        Dimensions: [
          { Name: 'EndpointName', Value: endpointName },
          { Name: 'VariantName', Value: 'AllTraffic' },
        ],
      }),
    },
    ['metric-not-published'],
  ],
  [
    'managed instance scaling on a variant with a model',
    realTime({ ManagedInstanceScaling: { Status: 'ENABLED', MinInstanceCount: 1, MaxInstanceCount: 4 } }),
    ['managed-scaling-on-model-variant'],
  ],
  [
    'the moment of the synthesis in the name of the configuration',
    realTime({}, { EndpointConfigName: 'model-config-1718035200' }),
    ['unstable-name'],
  ],
  [
    'a burstable type behind a scalable target',
    { ...realTime({ InstancePools: undefined, InstanceType: 'ml.t3.medium' }), P: tracking(), Target: variantTarget() },
    ['burstable-instance-type'],
  ],
  [
    'a deployment that sets live counts back',
    { ...realTime({}, {}, { RetainAllVariantProperties: false }), P: tracking(), Target: variantTarget() },
    ['counts-reset-on-deploy'],
  ],
  [
    'full access for the role of a model',
    { Role: role({ ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerFullAccess'] }) },
    ['full-access-policy'],
  ],
  [
    'a grant to invoke without the other kinds of invocation',
    { ...asynchronous(), Policy: policy('sagemaker:InvokeEndpoint', { Ref: 'Endpoint' }) },
    ['invoke-grant-incomplete'],
  ],
  [
    'zero instances behind a real-time endpoint',
    { ...realTime(), P: tracking(), Target: variantTarget({ MinCapacity: 0 }) },
    ['zero-where-impossible'],
  ],
];

describe('mistakes of others', () => {
  test.each(MISTAKES)('%s: named', (_what, Resources, rules) => {
    const findings = prove([{ name: 't.json', document: { Resources } }]);
    expect(findings.map(({ rule }) => rule)).toEqual(expect.arrayContaining([...rules]));
  });

  test('are found across templates, through exports', () => {
    const serving = {
      Resources: asynchronous(),
      Outputs: { Name: { Value: endpointName, Export: { Name: 'serving:name' } } },
    };
    const scaling = {
      Resources: {
        Target: variantTarget({
          ResourceId: { 'Fn::Join': ['', ['endpoint/', { 'Fn::ImportValue': 'serving:name' }, '/variant/AllTraffic']] },
        }),
        Policy: trackingOf({ ...backlog, MetricName: 'InvocationsPerInstance', Dimensions: [] }),
      },
    };
    const findings = prove([
      { name: 'scaling.json', document: scaling },
      { name: 'serving.json', document: serving },
    ]);
    expect(findings.map(({ rule, template }) => `${template} ${rule}`)).toContain('scaling.json metric-not-published');
  });
});

describe('what only a deployment decides', () => {
  const open = { 'Fn::If': ['Production', 1, 2] };

  test.each<[string, Resources]>([
    [
      'a kind that depends on a condition',
      {
        ...realTime(
          {},
          { AsyncInferenceConfig: { 'Fn::If': ['IsAsync', { OutputConfig: {} }, { Ref: 'AWS::NoValue' }] } },
        ),
        Target: variantTarget({ MinCapacity: 0 }),
        Policy: trackingOf(backlog),
      },
    ],
    ['limits that depend on one', { ...realTime(), Target: variantTarget({ MinCapacity: open, MaxCapacity: open }) }],
    [
      'a switch that depends on one',
      {
        ...realTime({}, {}, { RetainAllVariantProperties: { 'Fn::If': ['P', true, false] } }),
        P: tracking(),
        Target: variantTarget(),
      },
    ],
    [
      'an endpoint of another stack',
      {
        Target: variantTarget({
          ResourceId: { 'Fn::Sub': ['endpoint/${E}/variant/v', { E: { 'Fn::ImportValue': 'elsewhere' } }] },
        }),
        Step: step(),
        Alarm: alarm('HasBacklogWithoutCapacity', { EndpointName: { 'Fn::ImportValue': 'elsewhere' } }),
        Policy: tracking(),
      },
    ],
    [
      'dimensions that depend on one',
      {
        ...asynchronous(),
        Alarm: alarm(
          'ApproximateBacklogSize',
          {},
          {
            AlarmActions: [],
            Dimensions: [{ 'Fn::If': ['C', { Name: 'EndpointName', Value: 'x' }, { Name: 'Other', Value: 'y' }] }],
          },
        ),
      },
    ],
    [
      'other services',
      { T: resource('AWS::ApplicationAutoScaling::ScalableTarget', { ServiceNamespace: 'ecs', MinCapacity: 0 }) },
    ],
    [
      'metrics of others',
      { A: alarm('CPUUtilization', { Cluster: 'x' }, { Namespace: 'AWS/ECS', Period: 10, AlarmActions: [] }) },
    ],
    [
      'a step policy whose alarm names it',
      {
        ...asynchronous(),
        Target: variantTarget(),
        Policy: trackingOf(backlog),
        Step: step(),
        A: alarm('ApproximateBacklogSize', onEndpoint),
      },
    ],
  ])('is not accused: %s', (_what, Resources) => {
    expect(prove([{ name: 't.json', document: { Resources } }])).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['properties that are null', { Resources: { A: { Type: 'AWS::CloudWatch::Alarm', Properties: null } } }],
    [
      'properties of wrong types',
      { Resources: { A: { Type: 'AWS::SageMaker::EndpointConfig', Properties: { ProductionVariants: 7 } } } },
    ],
    [
      'a resource that names itself',
      {
        Resources: {
          E: {
            Type: 'AWS::SageMaker::Endpoint',
            Properties: { EndpointName: { Ref: 'E' }, EndpointConfigName: { 'Fn::GetAtt': ['E', 'EndpointName'] } },
          },
        },
      },
    ],
    [
      'functions of nothing',
      {
        Resources: {
          A: {
            Type: 'AWS::CloudWatch::Alarm',
            Properties: { MetricName: { 'Fn::Sub': [] }, Namespace: { 'Fn::Select': [] } },
          },
        },
      },
    ],
    ['odd outputs', { Resources: {}, Outputs: { O: { Export: 3 }, P: null } }],
  ])('survives %s', (_what, document) => {
    expect(prove([{ name: 't.json', document }])).toEqual([]);
  });
});
