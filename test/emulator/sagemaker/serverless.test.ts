import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { createModel, describeEndpoint, inStatus, invoke, EmulatedAccount } from '../../support/emulated-account';

let account: EmulatedAccount;
afterEach(() => account.stop());

async function deploy(limits: { MaxConcurrency: number; ProvisionedConcurrency?: number }): Promise<void> {
  account = await EmulatedAccount.start();
  await createModel(account);
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'small',
      ProductionVariants: [
        { VariantName: 'gpu', ModelName: 'model', ServerlessConfig: { MemorySizeInMB: 2048, ...limits } },
      ],
    }),
  );
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'small' }));
  await inStatus(account, 'InService');
}
const variant = () => account.emulator.snapshot().endpoints[0]!.variants[0]!;

test('the first request starts an environment, the next finds it warm, and nothing is billed by instances', async () => {
  await deploy({ MaxConcurrency: 5 });
  await account.finish(invoke(account, 1));
  await account.finish(invoke(account, 1));
  expect(variant()).toMatchObject({
    serverless: { coldStarts: 1, throttled: 0, maxConcurrency: 5, desiredProvisionedConcurrency: 0 },
    desiredInstances: 0,
    inServiceInstances: 0,
    billedInstanceSeconds: {},
  });
  expect(variant().latencySeconds.maximum).toBeGreaterThan(12);
  expect((await describeEndpoint(account)).ProductionVariants![0]).toMatchObject({
    CurrentServerlessConfig: { MaxConcurrency: 5 },
  });
  await account.until('its metrics', () => {
    const names = account.engine.metricCalls.flatMap(({ data }) => data.map(({ MetricName }) => MetricName));
    expect(names).not.toContain('InvocationsPerInstance');
    expect(names).not.toContain('GPUUtilization');
    return ['ModelSetupTime', 'ServerlessConcurrentExecutionsUtilization', 'Invocations'].every((one) =>
      names.includes(one),
    );
  });
});

test('requests above the limit are throttled', async () => {
  await deploy({ MaxConcurrency: 2 });
  const outcomes = await account.finish(
    Promise.allSettled([invoke(account, 1000), invoke(account, 1000), invoke(account, 1000)]),
  );
  const refused = outcomes.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(1);
  expect(refused[0]!.reason).toMatchObject({ name: 'ThrottlingException', $metadata: { httpStatusCode: 429 } });
  expect(variant().serverless).toMatchObject({ throttled: 1, busy: 0 });
});

test('provisioned environments are never cold, and their number follows the policy', async () => {
  await deploy({ MaxConcurrency: 20, ProvisionedConcurrency: 1 });
  const target = {
    ServiceNamespace: 'sagemaker',
    ResourceId: 'endpoint/chat/variant/gpu',
    ScalableDimension: 'sagemaker:variant:DesiredProvisionedConcurrency',
  } as const;
  await account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 1, MaxCapacity: 10 }));
  await account.scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: 'share',
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 0.5,
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerVariantProvisionedConcurrencyUtilization',
        },
        ScaleInCooldown: 60,
        ScaleOutCooldown: 60,
      },
    }),
  );
  await account.finish(invoke(account, 1));
  expect(variant().serverless).toMatchObject({ coldStarts: 0 });
  let isOver = false;
  const load = async (): Promise<void> => {
    while (!isOver) await invoke(account, 500);
  };
  const loads = [load(), load()];
  await account.until('more environments', () => variant().serverless!.readyProvisionedConcurrency > 1);
  isOver = true;
  await account.finish(Promise.all(loads));
  await account.until('fewer environments', () => variant().serverless!.readyProvisionedConcurrency === 1);
});

test('limits change by UpdateEndpointWeightsAndCapacities, and never to nonsense', async () => {
  await deploy({ MaxConcurrency: 4, ProvisionedConcurrency: 1 });
  const update = (change: { [member: string]: unknown }) =>
    account.sageMaker.send(
      new UpdateEndpointWeightsAndCapacitiesCommand({
        EndpointName: 'chat',
        DesiredWeightsAndCapacities: [{ VariantName: 'gpu', ...change }],
      }),
    );
  await update({ ServerlessUpdateConfig: { MaxConcurrency: 8, ProvisionedConcurrency: 3 } });
  await account.until('three are ready', () => variant().serverless!.readyProvisionedConcurrency === 3);
  await expect(update({ ServerlessUpdateConfig: { ProvisionedConcurrency: 9 } })).rejects.toThrow(
    'ProvisionedConcurrency (9) must not be above MaxConcurrency (8)',
  );
  await expect(update({ DesiredInstanceCount: 2 })).rejects.toThrow('takes ServerlessUpdateConfig only');
});
