import { App, Stack, aws_iam as iam } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import {
  AsyncEndpoint,
  GpuEndpoint,
  InferenceComponent,
  ServerlessEndpoint,
  SharedGpuEndpoint,
} from '../../lib/inference';
import { PlatformAlarms } from '../../lib/monitoring';

type Import = (stack: Stack, variantName: string) => { readonly variantName: string };

const IMPORTS: [string, Import][] = [
  ['GpuEndpoint by name', (stack, variant) => GpuEndpoint.fromEndpointName(stack, 'It', 'chat', variant)],
  ['AsyncEndpoint by name', (stack, variant) => AsyncEndpoint.fromEndpointName(stack, 'It', 'chat', variant)],
  ['ServerlessEndpoint by name', (stack, variant) => ServerlessEndpoint.fromEndpointName(stack, 'It', 'chat', variant)],
  [
    'GpuEndpoint',
    (stack, variantName) => GpuEndpoint.fromGpuEndpointAttributes(stack, 'It', { endpointName: 'chat', variantName }),
  ],
  [
    'AsyncEndpoint',
    (stack, variantName) =>
      AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'It', { endpointName: 'chat', variantName }),
  ],
  [
    'ServerlessEndpoint',
    (stack, variantName) =>
      ServerlessEndpoint.fromServerlessEndpointAttributes(stack, 'It', { endpointName: 'chat', variantName }),
  ],
  [
    'InferenceComponent',
    (stack, variantName) =>
      InferenceComponent.fromInferenceComponentAttributes(stack, 'It', {
        endpointName: 'chat',
        componentName: 'part',
        variantName,
      }),
  ],
  [
    'SharedGpuEndpoint',
    (stack, variantName) =>
      SharedGpuEndpoint.fromSharedGpuEndpointAttributes(stack, 'It', {
        endpointName: 'chat',
        variantName,
        instanceTypes: ['ml.g5.xlarge'],
        executionRole: iam.Role.fromRoleName(stack, 'Role', 'role'),
      }),
  ],
];

const newStack = (): Stack => new Stack(new App(), 'Stack', { env: { region: 'us-east-1' } });

describe.each(IMPORTS)('an imported %s', (_, imported) => {
  test('has the variant that it is given', () => {
    expect(imported(newStack(), 'AllTraffic').variantName).toBe('AllTraffic');
  });

  test.each([undefined, ''])(
    'refuses the variant %p, as in a language without types, and tells where to look',
    (none) => {
      expect(() => imported(newStack(), none as unknown as string)).toThrow(
        'Stack/It: variantName is missing, and the name of the endpoint (chat) does not tell it: the SageMaker Python SDK calls a variant ' +
          'AllTraffic, Tidegate main; give one of those that "aws sagemaker describe-endpoint --endpoint-name chat ' +
          "--query 'ProductionVariants[].VariantName'\" lists",
      );
    },
  );

  test('refuses what cannot be the name of a variant', () => {
    expect(() => imported(newStack(), 'all traffic')).toThrow(/variantName 'all traffic' must be 1 to 63 letters/);
  });
});

test('scaling and alarms of an endpoint of the SageMaker Python SDK follow its variant', () => {
  const stack = newStack();
  const endpoint = GpuEndpoint.fromEndpointName(stack, 'Legacy', 'legacy', 'AllTraffic');
  endpoint.autoScale({ minCapacity: 1, maxCapacity: 2 });
  new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }).watchEndpoint(endpoint);
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
    ResourceId: 'endpoint/legacy/variant/AllTraffic',
  });
  const dimension = {
    Dimensions: [
      { Name: 'EndpointName', Value: 'legacy' },
      { Name: 'VariantName', Value: 'AllTraffic' },
    ],
  };
  template.allResourcesProperties('AWS::CloudWatch::Alarm', dimension);
});
