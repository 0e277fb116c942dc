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
  describe1,
  inStatus,
  invoke,
  type Platform,
  startPlatform,
  until,
} from './platform';

let platform: Platform;
beforeEach(async () => {
  platform = await startPlatform(600);
});
afterEach(() => platform.stop());

const variantOf = () => platform.sidecar.snapshot().endpoints[0]!.variants[0]!;

test('an endpoint is Creating until its instances are in service, then it answers', async () => {
  await createModel(platform);
  await createConfig(platform, 'first');
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  expect((await describe1(platform)).EndpointStatus).toBe('Creating');
  await expect(invoke(platform, 10)).rejects.toMatchObject({ name: 'ValidationError' });

  const endpoint = await inStatus(platform, 'InService');
  expect(endpoint.ProductionVariants![0]).toMatchObject({
    CurrentInstanceCount: 1,
    DesiredInstanceCount: 1,
    InstancePools: [
      { InstanceType: 'ml.g5.xlarge', CurrentInstanceCount: 1 },
      { InstanceType: 'ml.g6.xlarge', CurrentInstanceCount: 0 },
    ],
  });
  expect(endpoint.LastModifiedTime!.getTime() - endpoint.CreationTime!.getTime()).toBeGreaterThan(100_000);

  const answer = await invoke(platform, 50, 'r-7');
  expect(answer.InvokedProductionVariant).toBe('gpu');
  const body = JSON.parse(Buffer.from(answer.Body!).toString()) as { [member: string]: unknown };
  // 0.05 s overhead + 100 / 8000 + 50 / 50
  expect(body).toMatchObject({ id: 'r-7', generated_tokens: 50, queue_seconds: 0, service_seconds: 1.0625 });
  expect(body['instance']).toMatch(/^i-/);

  await platform.sidecar.flush();
  const states = platform.engine.events.map((event) => event.detail['EndpointStatus']);
  expect(states).toEqual(['CREATING', 'IN_SERVICE']);
  expect(platform.engine.events[0]).toMatchObject({
    source: 'aws.sagemaker',
    detailType: 'SageMaker Endpoint State Change',
  });
});

test('the model refuses a body that does not parse, and SageMaker tells it as ModelError', async () => {
  await deployEndpoint(platform);
  const bad = new InvokeEndpointCommand({ EndpointName: 'chat', Body: '{"id": 7}', ContentType: 'application/json' });
  await expect(platform.runtime.send(bad)).rejects.toMatchObject({
    name: 'ModelError',
    OriginalStatusCode: 400,
    OriginalMessage: expect.stringContaining('id') as string,
    $metadata: { httpStatusCode: 424 },
  });
  expect(variantOf().invocations).toMatchObject({ received: 1, refused: 1, succeeded: 0 });
});

test('a full queue turns requests away and a slow model runs into the response limit', async () => {
  await platform.stop();
  platform = await startPlatform(600, { queueLimitPerInstance: 1 });
  await deployEndpoint(platform, {}, 1);
  // 5000 tokens at 50/s are 100 s, above the limit of 60 s
  const outcomes = await Promise.allSettled([invoke(platform, 5000), invoke(platform, 5000), invoke(platform, 5000)]);
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error) : undefined));
  expect(errors.map((error) => error!.name).sort()).toEqual(['ModelError', 'ModelError', 'ServiceUnavailable']);
  expect(errors.find((error) => error!.name === 'ServiceUnavailable')).toMatchObject({
    $metadata: { httpStatusCode: 503 },
  });
  expect(errors.find((error) => error!.name === 'ModelError')!.message).toContain('timed out');
  expect(variantOf().invocations).toMatchObject({ received: 3, timedOut: 2, rejected: 1 });
});

test('capacity changes launch and release instances, billed from launch', async () => {
  await deployEndpoint(platform);
  const change = (count: number) =>
    platform.sageMaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: 'chat',
        DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: count }],
      }),
    );
  await change(3);
  const updating = await describe1(platform);
  expect(updating.EndpointStatus).toBe('Updating');
  expect(updating.ProductionVariants![0]).toMatchObject({ DesiredInstanceCount: 3, CurrentInstanceCount: 1 });
  await until('three instances serve', () => variantOf().inServiceInstances === 3);
  expect((await describe1(platform)).EndpointStatus).toBe('InService');
  expect(variantOf().usdPerHour).toBeCloseTo(3 * 1.408, 6);
  await change(1);
  expect(variantOf().inServiceInstances).toBe(1);
  const { billedInstanceSeconds, billedUsd } = variantOf();
  expect(billedUsd).toBeCloseTo((billedInstanceSeconds['ml.g5.xlarge']! / 3600) * 1.408, 6);
  await expect(change(0)).rejects.toMatchObject({ name: 'ValidationException' });
});

test('without capacity the next pool takes over, and without any pool the endpoint fails with the reason', async () => {
  platform.sidecar.setCapacity('ml.g5.xlarge', 'insufficient');
  await deployEndpoint(platform);
  expect(variantOf().byType).toEqual({ 'ml.g5.xlarge': 0, 'ml.g6.xlarge': 1 });
  expect(platform.events).toContainEqual(
    expect.objectContaining({
      kind: 'capacity-error',
      resource: 'endpoint/chat/variant/gpu',
      instanceType: 'ml.g5.xlarge',
      fallbackInstanceType: 'ml.g6.xlarge',
    }),
  );

  platform.sidecar.setCapacity('ml.g6.xlarge', 'insufficient');
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'other', EndpointConfigName: 'first' }));
  const failed = await inStatus(platform, 'Failed', 'other');
  expect(failed.FailureReason).toContain('InsufficientInstanceCapacity');
  await platform.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'other' }));
});

test('an update rolls over to the new configuration and keeps the scaled count when it is told to', async () => {
  await deployEndpoint(platform);
  await platform.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: 4 }],
    }),
  );
  await until('four instances serve', () => variantOf().inServiceInstances === 4);
  await createConfig(platform, 'second', {}, 16);
  await platform.sageMaker.send(
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
  await expect(platform.sageMaker.send(again)).rejects.toMatchObject({
    message: expect.stringContaining('Cannot update in-progress') as string,
  });
  let most = 0;
  const updated = await until('the update is over', async () => {
    const { inServiceInstances, provisioningInstances } = variantOf();
    most = Math.max(most, inServiceInstances + provisioningInstances);
    const endpoint = await describe1(platform);
    return endpoint.EndpointStatus === 'InService' ? endpoint : undefined;
  });
  expect(updated).toMatchObject({ EndpointConfigName: 'second' });
  expect(updated.ProductionVariants![0]).toMatchObject({ DesiredInstanceCount: 4, CurrentInstanceCount: 4 });
  expect(most).toBe(6);
  expect(variantOf().slotsPerInstance).toBe(16);

  await platform.sageMaker.send(again);
  const reset = await inStatus(platform, 'InService');
  expect(reset.ProductionVariants![0]!.DesiredInstanceCount).toBe(1);
});

test('an update without capacity goes back and leaves the reason', async () => {
  await deployEndpoint(platform);
  await createConfig(platform, 'second');
  for (const type of ['ml.g5.xlarge', 'ml.g6.xlarge']) platform.sidecar.setCapacity(type, 'insufficient');
  await platform.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'second' }));
  expect((await describe1(platform)).EndpointStatus).toBe('Updating');
  await expect(invoke(platform, 10)).resolves.toBeDefined();
  const back = await inStatus(platform, 'InService');
  expect(back).toMatchObject({
    EndpointConfigName: 'first',
    FailureReason: expect.stringContaining('capacity') as string,
  });
  expect(back.ProductionVariants![0]).toMatchObject({ CurrentInstanceCount: 1, DesiredInstanceCount: 1 });
});

test('a deleted endpoint drains, disappears and stays on the bill', async () => {
  await deployEndpoint(platform);
  const answer = invoke(platform, 2500);
  await until('the request is in flight', () => variantOf().inFlight === 1);
  await platform.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }));
  await expect(answer).resolves.toBeDefined();
  await until('it is gone', () => platform.sidecar.snapshot().endpoints.length === 0);
  await expect(describe1(platform)).rejects.toMatchObject({
    name: 'ValidationException',
    message: expect.stringContaining('Could not find endpoint') as string,
  });
  expect(platform.sidecar.snapshot().billedUsd.endpoints).toBeGreaterThan(0);
});

test('requests are checked: types, names, properties that would be ignored, data that is missing', async () => {
  await createModel(platform);
  const { sageMaker } = platform;
  await expect(createModel(platform)).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(
    createConfig(platform, 'c', { InstancePools: undefined, InstanceType: 'ml.g5.xlrage' as never }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('ml.g5.xlarge') as string,
  });
  await expect(
    createConfig(platform, 'c', { ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 1 } }),
  ).rejects.toMatchObject({
    message: expect.stringContaining('exactly one of InstanceType, InstancePools and ServerlessConfig') as string,
  });
  await expect(createConfig(platform, 'c', { ModelName: 'absent' })).rejects.toMatchObject({
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

test('lists and tags tell what was created', async () => {
  await deployEndpoint(platform);
  const { sageMaker } = platform;
  const listed = await sageMaker.send(new ListEndpointsCommand({ NameContains: 'cha', StatusEquals: 'InService' }));
  expect(listed.Endpoints).toHaveLength(1);
  const arn = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/first';
  const { Tags } = await sageMaker.send(new ListTagsCommand({ ResourceArn: arn }));
  expect(Tags).toEqual([{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }]);
});

test('whatever a request is, the server answers and stays up', async () => {
  const send = async (init: RequestInit, path = '/') => (await fetch(`${platform.sidecar.url}${path}`, init)).status;
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
  expect(platform.logged).toEqual([]);
});
