import {
  DeleteModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeInferenceComponentCommand,
  ListEndpointConfigsCommand,
  ListModelsCommand,
  ListTagsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { mockClient } from 'aws-sdk-client-mock';
import { createHostingConfigurations } from '../../../lambda/clients/hosting-configurations';

const sagemaker = mockClient(SageMakerClient);
const hosting = createHostingConfigurations(new SageMakerClient({ region: 'us-east-1' }));
const tags = (...hosts: readonly string[]) => ({
  Tags: [{ Key: 'team', Value: 'x' }, ...hosts.map((Value) => ({ Key: 'tidegate:hosted-by', Value }))],
});

beforeEach(() => sagemaker.reset());

describe('what an inference component runs on', () => {
  const component = { kind: 'inference-component', name: 'small' } as const;

  test.each([
    ['InService', true],
    ['Updating', false],
  ])('is its model, settled while it is %s: %s', async (InferenceComponentStatus, isSettled) => {
    sagemaker
      .on(DescribeInferenceComponentCommand, { InferenceComponentName: 'small' })
      .resolves({ InferenceComponentStatus, Specification: { ModelName: 'model-1' } } as never);
    expect(await hosting.inUse(component)).toEqual({
      isSettled,
      names: { configNames: [], modelNames: ['model-1'] },
    });
  });

  test.each([{}, { Specification: {} }])('is no model where SageMaker names none: %j', async (reply) => {
    sagemaker.on(DescribeInferenceComponentCommand).resolves(reply as never);
    expect((await hosting.inUse(component)).names).toEqual({ configNames: [], modelNames: [] });
  });
});

test('what an endpoint runs on are the models of all variants of both configurations during a deployment, which is not settled', async () => {
  sagemaker.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({
    EndpointStatus: 'InService',
    EndpointConfigName: 'old',
    PendingDeploymentSummary: { EndpointConfigName: 'new' },
  });
  const variants = (...names: readonly string[]) => names.map((ModelName) => ({ ModelName }));
  sagemaker
    .on(DescribeEndpointConfigCommand, { EndpointConfigName: 'old' })
    .resolves({ ProductionVariants: variants('a'), ShadowProductionVariants: variants('b') } as never)
    .on(DescribeEndpointConfigCommand, { EndpointConfigName: 'new' })
    .resolves({ ProductionVariants: [...variants('c'), {}] } as never);
  expect(await hosting.inUse({ kind: 'endpoint', name: 'chat' })).toEqual({
    isSettled: false,
    names: { configNames: ['old', 'new'], modelNames: ['a', 'b', 'c'] },
  });
  sagemaker.on(DescribeEndpointConfigCommand).resolves({});
  expect((await hosting.inUse({ kind: 'endpoint', name: 'chat' })).names.modelNames).toEqual([]);
});

test('the models of hosts are found by their tag on all pages, with the time at which they were created', async () => {
  const model = (name: string) => ({
    ModelArn: `arn:${name}`,
    ModelName: name,
    CreationTime: new Date(1_700_000_000_500),
  });
  sagemaker
    .on(ListModelsCommand)
    .resolvesOnce({ Models: [model('a'), model('foreign')], NextToken: 'more' })
    .resolvesOnce({ NextToken: 'last' } as never)
    .resolvesOnce({ Models: [model('untagged'), model('b')] });
  sagemaker
    .on(ListTagsCommand, { ResourceArn: 'arn:a' })
    .resolves(tags('endpoint/chat'))
    .on(ListTagsCommand, { ResourceArn: 'arn:foreign' })
    .resolves(tags())
    .on(ListTagsCommand, { ResourceArn: 'arn:untagged' })
    .resolves({})
    .on(ListTagsCommand, { ResourceArn: 'arn:b' })
    .resolves(tags('inference-component/small'));
  expect(await hosting.taggedModels()).toEqual([
    { name: 'a', createdAt: 1_700_000_000.5, hostedBy: 'endpoint/chat' },
    { name: 'b', createdAt: 1_700_000_000.5, hostedBy: 'inference-component/small' },
  ]);
});

test('an account without configurations and models has none of a host', async () => {
  sagemaker.on(ListModelsCommand).resolves({} as never);
  sagemaker.on(ListEndpointConfigsCommand).resolves({} as never);
  expect([await hosting.taggedModels(), await hosting.taggedConfigs()]).toEqual([[], []]);
});

test('a model is deleted by its name', async () => {
  sagemaker.on(DeleteModelCommand).resolves({});
  await hosting.deleteModel('model-1');
  expect(sagemaker.commandCalls(DeleteModelCommand)[0]!.args[0].input).toEqual({ ModelName: 'model-1' });
});
