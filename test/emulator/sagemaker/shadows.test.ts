import { RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointConfigCommand,
  type ProductionVariant,
  UpdateEndpointCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  createModel,
  describeEndpoint,
  inStatus,
  invoke,
  EmulatedAccount,
  VARIANT_DIMENSION,
} from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
});
afterEach(() => account.stop());

const variant = (VariantName: string, change: Partial<ProductionVariant> = {}): ProductionVariant => ({
  VariantName,
  ModelName: 'model',
  InitialInstanceCount: 1,
  InstancePools: [{ InstanceType: 'ml.g5.xlarge', Priority: 1 }],
  ...change,
});

const tags = [{ Key: 'tidegate:max-concurrency-per-instance', Value: '8' }];

const createConfig = (name: string, shadow?: Partial<ProductionVariant>, production: ProductionVariant[] = []) =>
  account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: [variant('main'), ...production],
      ...(shadow && { ShadowProductionVariants: [variant('next', shadow)] }),
      Tags: tags,
    }),
  );

async function deploy(shadow?: Partial<ProductionVariant>): Promise<void> {
  await createModel(account);
  await createConfig('first', shadow);
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  await inStatus(account, 'InService');
}

async function update(to: string): Promise<void> {
  await account.sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: to }));
  expect((await describeEndpoint(account)).EndpointStatus).toBe('Updating');
}

async function brokenModel(name: string, fault: string): Promise<void> {
  await account.sageMaker.send(
    new CreateModelCommand({
      ModelName: name,
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      PrimaryContainer: { Image: 'next:latest', Environment: { TIDEGATE_LOCAL_FAULT: fault } },
    }),
  );
}

const endpointOf = () => account.emulator.snapshot().endpoints[0]!;
const shadowOf = () => endpointOf().shadows[0]!;

test('a shadow receives copies of its share of the requests, and only the production variant responds', async () => {
  await deploy({ InitialVariantWeight: 0.25, InstancePools: [{ InstanceType: 'ml.g6.xlarge', Priority: 1 }] });
  const described = await describeEndpoint(account);
  expect(described.ProductionVariants).toHaveLength(1);
  expect(described.ShadowProductionVariants).toEqual([
    expect.objectContaining({ VariantName: 'next', CurrentInstanceCount: 1, CurrentWeight: 0.25 }),
  ]);
  const replies = [];
  for (let index = 0; index < 200; index++) replies.push(await account.finish(invoke(account, 1, `r-${index}`)));
  expect(new Set(replies.map((reply) => reply.InvokedProductionVariant))).toEqual(new Set(['main']));
  expect(endpointOf().variants[0]!.invocations).toMatchObject({ received: 200, succeeded: 200 });
  // Five deviations of a binomial count around 50.
  expect(Math.abs(shadowOf().invocations.received - 50)).toBeLessThan(5 * Math.sqrt(200 * 0.25 * 0.75));
  await account.until(
    'the copies are served',
    () => shadowOf().invocations.succeeded === shadowOf().invocations.received,
  );

  const named = new InvokeEndpointCommand({ EndpointName: 'chat', TargetVariant: 'next', Body: '{}' });
  await expect(account.runtime.send(named)).rejects.toMatchObject({ name: 'ValidationError' });
  const { total, endpoints } = account.emulator.snapshot().billedUsd;
  expect(endpoints).toBe(total);
  expect(shadowOf().billedUsd).toBeGreaterThan(0);
  expect(total).toBeGreaterThanOrEqual(endpointOf().variants[0]!.billedUsd + shadowOf().billedUsd - 0.01);
});

test('a shadow that fails every request affects its own metrics and no caller', async () => {
  await brokenModel('broken', 'errors');
  await deploy({ ModelName: 'broken' });
  for (let index = 0; index < 20; index++) await account.finish(invoke(account, 1, `r-${index}`));
  await account.until('the copies have failed', () => shadowOf().invocations.failed === 20);
  expect(endpointOf().variants[0]!.invocations).toMatchObject({ succeeded: 20, failed: 0 });

  const dimensions = [
    { Name: 'EndpointName', Value: 'chat' },
    { Name: 'VariantName', Value: 'next' },
  ];
  const sumOf = (metricName: string): number =>
    account.engine.metricCalls
      .flatMap(({ data }) => data)
      .filter((datum) => datum.MetricName === metricName && datum.Dimensions!.length === 2)
      .filter((datum) => JSON.stringify(datum.Dimensions) === JSON.stringify(dimensions))
      .reduce((sum, datum) => sum + datum.StatisticValues!.Sum!, 0);
  await account.until('the metrics are published', () => sumOf('Invocations') === 20);
  expect(sumOf('Invocation5XXErrors')).toBe(20);
  expect(sumOf('GPUUtilization')).toBeGreaterThan(0);
});

test('a shadow with too few slots loses copies, and no caller waits for it', async () => {
  await account.stop();
  account = await EmulatedAccount.start({ queueLimitPerInstance: 0 });
  tags.push({ Key: 'tidegate:max-concurrency-per-instance:next', Value: '1' });
  await deploy({}).finally(() => tags.pop());
  // Eight requests of 20 s at a time on eight slots, and on the one of the shadow.
  const requests = Array.from({ length: 8 }, (_, index) => invoke(account, 1000, `r-${index}`));
  const replies = await account.finish(Promise.all(requests));
  const waited = replies.map(({ Body }) => JSON.parse(Buffer.from(Body!).toString()) as { queue_seconds: number });
  expect(waited.map(({ queue_seconds }) => queue_seconds)).toEqual(Array(8).fill(0));
  expect(shadowOf().invocations).toMatchObject({ received: 8, succeeded: 1, rejected: 7 });
});

test('a shadow cannot be a scalable target, but its weight and size can be set', async () => {
  await deploy({ InitialVariantWeight: 1 });
  const register = new RegisterScalableTargetCommand({
    ServiceNamespace: 'sagemaker',
    ResourceId: 'endpoint/chat/variant/next',
    ScalableDimension: VARIANT_DIMENSION,
    MinCapacity: 1,
    MaxCapacity: 2,
  });
  await expect(account.scaling.send(register)).rejects.toMatchObject({ name: 'ValidationException' });
  await account.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'next', DesiredWeight: 0, DesiredInstanceCount: 2 }],
    }),
  );
  await account.until('two shadow instances', () => shadowOf().inServiceInstances === 2);
  for (let index = 0; index < 10; index++) await account.finish(invoke(account, 1, `r-${index}`));
  expect(shadowOf().invocations.received).toBe(0);
});

test('updates add, change and remove a shadow while the production variant serves requests', async () => {
  await deploy();
  expect((await describeEndpoint(account)).ShadowProductionVariants).toBeUndefined();
  await createConfig('second', { InitialVariantWeight: 0.5 });
  await createConfig('third', {
    InitialVariantWeight: 1,
    InstancePools: [{ InstanceType: 'ml.g6.xlarge', Priority: 1 }],
  });
  await createConfig('fourth');

  await update('second');
  await inStatus(account, 'InService');
  expect(shadowOf()).toMatchObject({ name: 'next', inServiceInstances: 1, byType: { 'ml.g5.xlarge': 1 } });
  await update('third');
  await account.finish(invoke(account, 1));
  const third = await inStatus(account, 'InService');
  expect(third.ShadowProductionVariants![0]).toMatchObject({ CurrentWeight: 1, CurrentInstanceCount: 1 });
  await account.until('the old shadow is gone', () => shadowOf().byType['ml.g5.xlarge'] === undefined);
  expect(shadowOf().byType).toEqual({ 'ml.g6.xlarge': 1 });
  await update('fourth');
  await inStatus(account, 'InService');
  expect(endpointOf()).toMatchObject({ shadows: [], configName: 'fourth', variants: [{ name: 'main' }] });
});

test('a shadow that never becomes healthy rolls its update back', async () => {
  await deploy();
  await brokenModel('sick', 'unhealthy');
  await createConfig('second', { ModelName: 'sick', ContainerStartupHealthCheckTimeoutInSeconds: 600 });
  await update('second');
  const back = await inStatus(account, 'InService');
  expect(back.EndpointConfigName).toBe('first');
  expect(back.ShadowProductionVariants).toBeUndefined();
  expect(back.FailureReason).toContain('production variant next did not pass the ping health check');
  expect(back.ProductionVariants![0]).toMatchObject({ VariantName: 'main', CurrentInstanceCount: 1 });
  await account.finish(invoke(account, 1));
});

test('a shadow can be promoted: the variant of its name then serves requests', async () => {
  await deploy({ InitialVariantWeight: 1 });
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({ EndpointConfigName: 'promoted', ProductionVariants: [variant('next')] }),
  );
  await update('promoted');
  const promoted = await inStatus(account, 'InService');
  expect(promoted.ProductionVariants!.map(({ VariantName }) => VariantName)).toEqual(['next']);
  expect(promoted.ShadowProductionVariants).toBeUndefined();
  expect((await account.finish(invoke(account, 1))).InvokedProductionVariant).toBe('next');
});

test('a configuration keeps its shadow, and settings that exclude one are refused', async () => {
  await createModel(account);
  await createConfig('first', { InitialVariantWeight: 0.5 });
  const kept = await account.sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: 'first' }));
  expect(kept.ShadowProductionVariants).toEqual([expect.objectContaining({ VariantName: 'next' })]);
  await expect(createConfig('two', {}, [variant('other')])).rejects.toThrow('exactly one production variant');
  await expect(createConfig('same', { VariantName: 'main' })).rejects.toThrow('two variants have the same name');
  await expect(
    createConfig('serverless', {
      InstancePools: undefined,
      InitialInstanceCount: undefined,
      ServerlessConfig: { MemorySizeInMB: 1024, MaxConcurrency: 1 },
    }),
  ).rejects.toThrow('serverless');
  await expect(createConfig('unknown', { ModelName: 'nobody' })).rejects.toThrow('Could not find model');
});
