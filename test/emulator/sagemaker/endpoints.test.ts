import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointCommand,
  DescribeEndpointCommand,
  DescribeModelCommand,
  ListEndpointsCommand,
  ListTagsCommand,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  createConfig,
  createModel,
  deployEndpoint,
  describeEndpoint,
  inStatus,
  invoke,
  EmulatedAccount,
} from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
});
afterEach(() => account.stop());

const variantOf = () => account.emulator.snapshot().endpoints[0]!.variants[0]!;

test('an endpoint is Creating until its instances are in service, then it serves requests', async () => {
  await createModel(account);
  await createConfig(account, 'first');
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  expect((await describeEndpoint(account)).EndpointStatus).toBe('Creating');
  await expect(invoke(account, 10)).rejects.toMatchObject({ name: 'ValidationError' });

  const endpoint = await inStatus(account, 'InService');
  expect(endpoint.ProductionVariants![0]).toMatchObject({
    CurrentInstanceCount: 1,
    DesiredInstanceCount: 1,
    InstancePools: [
      { InstanceType: 'ml.g5.xlarge', CurrentInstanceCount: 1 },
      { InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 0 },
    ],
  });
  expect(endpoint.LastModifiedTime!.getTime() - endpoint.CreationTime!.getTime()).toBeGreaterThan(100_000);

  const answer = await account.finish(invoke(account, 50, 'r-7'));
  expect(answer.InvokedProductionVariant).toBe('gpu');
  const body = JSON.parse(Buffer.from(answer.Body!).toString()) as { [member: string]: unknown };
  // 0.05 s overhead + 100 / 8000 + 50 / 50
  expect(body).toMatchObject({ id: 'r-7', generated_tokens: 50, queue_seconds: 0, service_seconds: 1.0625 });
  expect(body['instance']).toMatch(/^i-/);

  await account.emulator.flush();
  const states = account.engine.events.map((event) => event.detail['EndpointStatus']);
  expect(states).toEqual(['CREATING', 'IN_SERVICE']);
  expect(account.engine.events[0]).toMatchObject({
    source: 'aws.sagemaker',
    detailType: 'SageMaker Endpoint State Change',
  });
});

test('a body that the model refuses is a ModelError', async () => {
  await deployEndpoint(account);
  const bad = new InvokeEndpointCommand({ EndpointName: 'chat', Body: '{"id": 7}', ContentType: 'application/json' });
  await expect(account.runtime.send(bad)).rejects.toMatchObject({
    name: 'ModelError',
    OriginalStatusCode: 400,
    OriginalMessage: expect.stringContaining('id') as string,
    $metadata: { httpStatusCode: 424 },
  });
  expect(variantOf().invocations).toMatchObject({ received: 1, refused: 1, succeeded: 0 });
});

test('a full queue turns requests away and a slow model runs into the response limit', async () => {
  await account.stop();
  account = await EmulatedAccount.start({ queueLimitPerInstance: 1 });
  await deployEndpoint(account, {}, 1);
  // 5000 tokens at 50/s are 100 s, above the limit of 60 s
  const outcomes = await account.finish(
    Promise.allSettled([invoke(account, 5000), invoke(account, 5000), invoke(account, 5000)]),
  );
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error) : undefined));
  expect(errors.map((error) => error!.name).sort()).toEqual(['ModelError', 'ModelError', 'ServiceUnavailable']);
  expect(errors.find((error) => error!.name === 'ServiceUnavailable')).toMatchObject({
    $metadata: { httpStatusCode: 503 },
  });
  expect(errors.find((error) => error!.name === 'ModelError')!.message).toContain('timed out');
  expect(variantOf().invocations).toMatchObject({ received: 3, timedOut: 2, rejected: 1 });
});

test('capacity changes launch and release instances, billed from launch', async () => {
  await deployEndpoint(account);
  const change = (count: number) =>
    account.sageMaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: 'chat',
        DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: count }],
      }),
    );
  await change(3);
  const updating = await describeEndpoint(account);
  expect(updating.EndpointStatus).toBe('Updating');
  expect(updating.ProductionVariants![0]).toMatchObject({ DesiredInstanceCount: 3, CurrentInstanceCount: 1 });
  await account.until('three instances serve', () => variantOf().inServiceInstances === 3);
  expect((await describeEndpoint(account)).EndpointStatus).toBe('InService');
  expect(variantOf().usdPerHour).toBeCloseTo(3 * 1.408, 6);
  await change(1);
  expect(variantOf().inServiceInstances).toBe(1);
  const { billedInstanceSeconds, billedUsd } = variantOf();
  expect(billedUsd).toBeCloseTo((billedInstanceSeconds['ml.g5.xlarge']! / 3600) * 1.408, 6);
  await expect(change(0)).rejects.toMatchObject({ name: 'ValidationException' });
});

test('without capacity the next pool takes over, and without any pool the endpoint fails with the reason', async () => {
  account.emulator.setCapacity('ml.g5.xlarge', 'insufficient');
  await deployEndpoint(account);
  expect(variantOf().byType).toEqual({ 'ml.g5.xlarge': 0, 'ml.g6.xlarge': 1 });
  expect(account.events).toContainEqual(
    expect.objectContaining({
      kind: 'capacity-error',
      resource: 'endpoint/chat/variant/gpu',
      instanceType: 'ml.g5.xlarge',
      fallbackInstanceType: 'ml.g6.xlarge',
    }),
  );

  account.emulator.setCapacity('ml.g6.xlarge', 'insufficient');
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'other', EndpointConfigName: 'first' }));
  const failed = await inStatus(account, 'Failed', 'other');
  expect(failed.FailureReason).toContain('InsufficientInstanceCapacity');
  await account.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'other' }));
});

test('an update rolls over to the new configuration and keeps the scaled count when it is retained', async () => {
  await deployEndpoint(account);
  await account.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: 4 }],
    }),
  );
  await account.until('four instances serve', () => variantOf().inServiceInstances === 4);
  await createConfig(account, 'second', {}, 16);
  await account.sageMaker.send(
    new UpdateEndpointCommand({
      EndpointName: 'chat',
      EndpointConfigName: 'second',
      RetainAllVariantProperties: true,
      DeploymentConfig: {
        RollingUpdatePolicy: { MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 50 }, WaitIntervalInSeconds: 30 },
      },
    }),
  );
  const again = new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' });
  await expect(account.sageMaker.send(again)).rejects.toMatchObject({
    message: expect.stringContaining('Cannot update in-progress') as string,
  });
  let most = 0;
  await account.until('the update is over', () => {
    const { inServiceInstances, provisioningInstances } = variantOf();
    most = Math.max(most, inServiceInstances + provisioningInstances);
    return account.emulator.snapshot().endpoints[0]!.status === 'InService';
  });
  const updated = await describeEndpoint(account);
  expect(updated).toMatchObject({ EndpointConfigName: 'second' });
  expect(updated.ProductionVariants![0]).toMatchObject({ DesiredInstanceCount: 4, CurrentInstanceCount: 4 });
  expect(most).toBe(6);
  expect(variantOf().slotsPerInstance).toBe(16);

  await account.sageMaker.send(again);
  const reset = await inStatus(account, 'InService');
  expect(reset.ProductionVariants![0]!.DesiredInstanceCount).toBe(1);
});

test('an update without capacity is rolled back, with the reason', async () => {
  await deployEndpoint(account);
  await createConfig(account, 'second');
  for (const type of ['ml.g5.xlarge', 'ml.g6.xlarge']) account.emulator.setCapacity(type, 'insufficient');
  await account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'second' }));
  expect((await describeEndpoint(account)).EndpointStatus).toBe('Updating');
  await expect(account.finish(invoke(account, 10))).resolves.toBeDefined();
  const back = await inStatus(account, 'InService');
  expect(back).toMatchObject({
    EndpointConfigName: 'first',
    FailureReason: expect.stringContaining('capacity') as string,
  });
  expect(back.ProductionVariants![0]).toMatchObject({ CurrentInstanceCount: 1, DesiredInstanceCount: 1 });
});

test('a deleted endpoint drains, disappears and stays on the bill', async () => {
  await deployEndpoint(account);
  const answer = invoke(account, 2500);
  await account.until('the request is in flight', () => variantOf().inFlight === 1);
  await account.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  await expect(account.finish(answer)).resolves.toBeDefined();
  await account.until('it is gone', () => account.emulator.snapshot().endpoints.length === 0);
  await expect(describeEndpoint(account)).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('Could not find endpoint') as string,
  });
  expect(account.emulator.snapshot().billedUsd.endpoints).toBeGreaterThan(0);
});

test('requests are checked: types, names, properties that would be ignored, data that is missing', async () => {
  await createModel(account);
  const { sageMaker } = account;
  await expect(createModel(account)).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(
    createConfig(account, 'c', { InstancePools: undefined, InstanceType: 'ml.g5.xlrage' as never }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('ml.g5.xlarge') as string,
  });
  await expect(
    createConfig(account, 'c', { ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 1 } }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('exactly one of InstanceType, InstancePools and ServerlessConfig') as string,
  });
  await expect(createConfig(account, 'c', { ModelName: 'absent' })).rejects.toMatchObject({
    message: expect.stringContaining('Could not find model') as string,
  });
  await expect(
    sageMaker.send(
      new CreateModelCommand({
        ModelName: 'other',
        PrimaryContainer: { Image: 'i', ModelDataUrl: 's3://artifacts/no.tar.gz' },
      }),
    ),
  ).rejects.toMatchObject({ message: expect.stringContaining('Could not access model data') as string });
  await expect(
    sageMaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'kms',
        KmsKeyId: 'key',
        ProductionVariants: [
          { VariantName: 'gpu', ModelName: 'model', InstanceType: 'ml.g5.xlarge', InitialInstanceCount: 1 },
        ],
      }),
    ),
  ).rejects.toMatchObject({ message: expect.stringContaining('KmsKeyId') as string });
  await expect(sageMaker.send(new DescribeEndpointCommand({ EndpointName: 'nobody' }))).rejects.toMatchObject({
    name: 'ValidationException',
    $metadata: { httpStatusCode: 400 },
  });
  expect((await sageMaker.send(new DescribeModelCommand({ ModelName: 'model' }))).PrimaryContainer!.Image).toBe(
    'triton:latest',
  );
});

test('lists and tags show the created resources', async () => {
  await deployEndpoint(account);
  const { sageMaker } = account;
  const listed = await sageMaker.send(new ListEndpointsCommand({ NameContains: 'cha', StatusEquals: 'InService' }));
  expect(listed.Endpoints).toHaveLength(1);
  const arn = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/first';
  const { Tags } = await sageMaker.send(new ListTagsCommand({ ResourceArn: arn }));
  expect(Tags).toEqual([{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }]);
});

test('every request gets a reply, and the server stays up', async () => {
  const send = async (init: RequestInit, path = '/') => (await fetch(`${account.emulator.url}${path}`, init)).status;
  const headers = { 'x-amz-target': 'SageMaker.CreateModel' };
  expect(await send({ method: 'POST', headers, body: '{"ModelName"' })).toBe(400);
  expect(await send({ method: 'POST', headers, body: '[]' })).toBe(400);
  expect(await send({ method: 'POST', headers: { 'x-amz-target': 'SageMaker.toString' }, body: '{}' })).toBe(400);
  expect(await send({ method: 'POST', headers: { 'x-amz-target': 'Other.Thing' }, body: '{}' })).toBe(400);
  expect(await send({ method: 'POST', body: 'x' }, '/hooks/metrics')).toBe(400);
  expect(await send({ method: 'POST', body: '{"action":"create","type":"AWS::X::Y"}' }, '/cloudformation')).toBe(400);
  expect(await send({ method: 'POST', body: 'x' }, '/endpoints/none/invocations')).toBe(400);
  expect(await send({ method: 'GET' }, '/nothing')).toBe(404);
  expect(await send({ method: 'GET' }, '/health')).toBe(200);
  expect(account.logged).toEqual([]);
});
