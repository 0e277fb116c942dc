import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import {
  GpuEndpoint,
  ModelServer,
  RolloutStrategy,
  type GpuEndpointProps,
  type GpuVariantProps,
} from '../../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];
const modelServer = ModelServer.triton();

function endpointIn(stack: Stack, props: Partial<GpuEndpointProps> = {}): GpuEndpoint {
  return new GpuEndpoint(stack, 'Chat', { modelServer, capacity: { pools }, endpointName: 'chat', ...props });
}

const newStack = (): Stack => new Stack(new App(), 'Test', { env });

function templateWith(variant: Partial<GpuVariantProps> = {}, props: Partial<GpuEndpointProps> = {}): Template {
  const stack = newStack();
  endpointIn(stack, props).addVariant('challenger', { modelServer, ...variant });
  return Template.fromStack(stack);
}

describe('a further variant', () => {
  test('has a model of its own, and the pools, the concurrency and the timeouts of the endpoint', () => {
    const template = templateWith();
    template.resourceCountIs('AWS::SageMaker::Model', 2);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({ VariantName: 'main', InitialVariantWeight: 1 }),
        Match.objectLike({
          VariantName: 'challenger',
          ModelName: { 'Fn::GetAtt': [Match.stringLikeRegexp('Variantchallenger'), 'ModelName'] },
          InitialVariantWeight: 1,
          InitialInstanceCount: 1,
          InstancePools: [
            { InstanceType: 'ml.g5.xlarge', Priority: 1 },
            { InstanceType: 'ml.g6.xlarge', Priority: 2 },
          ],
          ContainerStartupHealthCheckTimeoutInSeconds: 600,
          RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
        }),
      ],
      Tags: Match.arrayWith([
        { Key: 'tidegate:max-concurrency-per-instance', Value: '8' },
        { Key: 'tidegate:max-concurrency-per-instance:challenger', Value: '8' },
      ]),
    });
  });

  test('takes a weight, instances and pools of its own', () => {
    templateWith(
      {
        weight: 1,
        initialInstanceCount: 2,
        capacity: { pools: [{ instanceType: 'ml.g6e.xlarge' }] },
        maxConcurrencyPerInstance: 16,
      },
      { variantWeight: 9 },
    ).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({ InitialVariantWeight: 9 }),
        Match.objectLike({
          InitialVariantWeight: 1,
          InitialInstanceCount: 2,
          InstancePools: [{ InstanceType: 'ml.g6e.xlarge', Priority: 1 }],
        }),
      ],
      Tags: Match.arrayWith([{ Key: 'tidegate:max-concurrency-per-instance:challenger', Value: '16' }]),
    });
  });

  test('is watched by the alarms that take a rollout back, as the endpoint is', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack);
    for (const name of ['second', 'third']) endpoint.addVariant(name, { modelServer });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::CloudWatch::Alarm', 2);
    const watched = (metricName: string, variant: string, id: string): unknown =>
      Match.objectLike({
        Id: id,
        ReturnData: false,
        MetricStat: Match.objectLike({
          Stat: 'Average',
          Metric: {
            Namespace: 'AWS/SageMaker',
            MetricName: metricName,
            Dimensions: [
              { Name: 'EndpointName', Value: 'chat' },
              { Name: 'VariantName', Value: variant },
              { Name: 'EndpointConfigName', Value: Match.anyValue() },
            ],
          },
        }),
      });
    for (const metricName of ['Invocation5XXErrors', 'ModelLatency'])
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: Match.absent(),
        Dimensions: Match.absent(),
        Metrics: [
          Match.objectLike({ Expression: 'MAX([v0, v1, v2])' }),
          watched(metricName, 'main', 'v0'),
          watched(metricName, 'second', 'v1'),
          watched(metricName, 'third', 'v2'),
        ],
      });
  });

  test('takes over as a canary, as SageMaker rolls batches through one variant only, and has the weight of the template', () => {
    templateWith().hasResourceProperties('AWS::SageMaker::Endpoint', {
      RetainAllVariantProperties: true,
      ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DesiredWeight' }],
      DeploymentConfig: {
        RollingUpdatePolicy: Match.absent(),
        BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: Match.objectLike({ Type: 'CANARY' }) },
        AutoRollbackConfiguration: { Alarms: [Match.anyValue(), Match.anyValue()] },
      },
    });
    templateWith({}, { rollout: { strategy: RolloutStrategy.LINEAR } }).hasResourceProperties(
      'AWS::SageMaker::Endpoint',
      {
        DeploymentConfig: Match.objectLike({
          BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: Match.objectLike({ Type: 'LINEAR' }) },
        }),
      },
    );
  });

  test('is scaled and measured apart', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack);
    const challenger = endpoint.addVariant('challenger', { modelServer, initialInstanceCount: 2 });
    const endpointScaling = endpoint.autoScale({ minCapacity: 1, maxCapacity: 4 });
    endpointScaling.scaleOnConcurrency('concurrency');
    const challengerScaling = challenger.autoScale({ minCapacity: 2, maxCapacity: 6 });
    challengerScaling.scaleOnConcurrency('concurrency');
    expect(challenger.initialCapacity).toBe(2);
    expect(challenger.fleetName).toBe(endpoint.fleetName);
    expect(stack.resolve(challenger.metricModelLatency().dimensions)).toMatchObject({ VariantName: 'challenger' });
    const template = Template.fromStack(stack);
    for (const [MinCapacity, MaxCapacity] of [
      [1, 4],
      [2, 6],
    ])
      template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity, MaxCapacity });
    // Of each variant by its load, and without requests.
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 4);
  });
});

describe('a further variant is refused', () => {
  test.each<[string, Partial<GpuVariantProps>, string]>([
    ['a negative weight', { weight: -1 }, 'weight (-1) must be 0 or more'],
    ['no pool', { capacity: { pools: [] } }, 'capacity.pools has 0 instance types'],
    ['no instance', { initialInstanceCount: 0 }, 'initialInstanceCount (0) must be a whole number, 1 or more'],
  ])('with %s', (_, props, message) => {
    expect(() => templateWith(props)).toThrow(`Test/Chat/Variant-challenger: ${message}`);
  });

  test('with a name that is taken', () => {
    const endpoint = endpointIn(newStack());
    expect(() => endpoint.addVariant('main', { modelServer })).toThrow(
      "variantName 'main' is taken; the endpoint has main, so give this variant another name",
    );
  });

  test('as the eleventh', () => {
    const endpoint = endpointIn(newStack());
    for (let number = 2; number <= 10; number++) endpoint.addVariant(`v${number}`, { modelServer });
    expect(() => endpoint.addVariant('v11', { modelServer })).toThrow(
      "variant 'v11' is one too many: SageMaker takes 10 variants of an endpoint; make a second endpoint",
    );
  });

  test('beside a shadow', () => {
    expect(() => templateWith({}, { shadow: { modelServer } })).toThrow('cannot be added beside a shadow');
  });

  test('beside a configured rolling update', () => {
    expect(() => templateWith({}, { rollout: { strategy: RolloutStrategy.ROLLING } })).toThrow(
      'rollout.strategy (ROLLING) supports one variant only',
    );
  });

  test('when no variant has a weight', () => {
    expect(() => templateWith({ weight: 0 }, { variantWeight: 0 })).toThrow(
      'the weights of all variants (main, challenger) are 0',
    );
  });
});
