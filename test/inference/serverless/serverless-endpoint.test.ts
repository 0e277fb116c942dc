import { App, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { ModelServer, ServerlessEndpoint, type ServerlessEndpointProps } from '../../../lib/inference';

const env = { account: '123456789012', region: 'us-east-1' };
const modelServer = ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3');

function endpointIn(stack: Stack, props: Partial<ServerlessEndpointProps> = {}): ServerlessEndpoint {
  return new ServerlessEndpoint(stack, 'Router', { modelServer, ...props });
}

function newStack(): Stack {
  return new Stack(new App(), 'Test', { env });
}

describe('ServerlessEndpoint', () => {
  test('has no instances and no network isolation', () => {
    const stack = newStack();
    endpointIn(stack, { memory: Size.gibibytes(4), maxConcurrency: 50 });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstanceType: Match.absent(),
          InstancePools: Match.absent(),
          InitialInstanceCount: Match.absent(),
          ServerlessConfig: { MemorySizeInMB: 4096, MaxConcurrency: 50, ProvisionedConcurrency: Match.absent() },
        }),
      ],
    });
    template.hasResourceProperties('AWS::SageMaker::Model', { EnableNetworkIsolation: Match.absent() });
  });

  test('scales its provisioned concurrency', () => {
    const stack = newStack();
    const endpoint = endpointIn(stack, { provisionedConcurrency: 2 });
    const scaling = endpoint.autoScale({ minCapacity: 2, maxCapacity: 10 });
    scaling.scaleOnProvisionedConcurrency('provisioned-concurrency');
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency',
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 0.7,
        PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization' },
      },
    });
    expect(() => scaling.scaleToZero('wake')).toThrow('does not scale to zero');
    expect(() => scaling.scaleOnConcurrency('concurrency')).toThrow(
      'publishes no concurrency of an instance; use scaleOnProvisionedConcurrency',
    );
  });

  test.each<[string, Partial<ServerlessEndpointProps>, string]>([
    ['an odd memory size', { memory: Size.mebibytes(1500) }, 'must be one of 1024'],
    ['too many requests at once', { maxConcurrency: 201 }, '1 to 200'],
    ['more warm than allowed', { maxConcurrency: 5, provisionedConcurrency: 6 }, 'is above maxConcurrency (5)'],
  ])('refuses %s', (_what, props, message) => {
    expect(() => endpointIn(newStack(), props)).toThrow(message);
  });
});

describe('a serverless endpoint is refused', () => {
  test('an image that is built for accelerators', () => {
    expect(() => endpointIn(newStack(), { modelServer: ModelServer.vllm() })).toThrow(
      /is built for accelerators, and serverless endpoints run on CPUs; give an image for CPUs/,
    );
  });

  test('limits without provisioned concurrency, and above its maximum concurrency', () => {
    expect(() => endpointIn(newStack()).autoScale({ minCapacity: 1, maxCapacity: 4 })).toThrow(
      'provisionedConcurrency is not set, and only provisioned concurrency can be scaled',
    );
    const endpoint = endpointIn(newStack(), { provisionedConcurrency: 1, maxConcurrency: 20 });
    expect(() => endpoint.autoScale({ minCapacity: 1, maxCapacity: 100 })).toThrow(
      'maxCapacity (100) is above maxConcurrency (20)',
    );
  });
});
