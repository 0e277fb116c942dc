import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateInferenceComponentCommand,
  DeleteEndpointCommand,
  DeleteInferenceComponentCommand,
  DescribeInferenceComponentCommand,
  ListInferenceComponentsCommand,
  UpdateInferenceComponentCommand,
  UpdateInferenceComponentRuntimeConfigCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { createModel, inStatus, EmulatedAccount } from '../../support/emulated-account';

const COPIES = 'sagemaker:inference-component:DesiredCopyCount';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
  await createModel(account);
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'shared',
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      ProductionVariants: [
        {
          VariantName: 'gpu',
          InitialInstanceCount: 1,
          InstanceType: 'ml.g5.12xlarge',
          ManagedInstanceScaling: {
            Status: 'ENABLED',
            MinInstanceCount: 0,
            MaxInstanceCount: 2,
            ScaleInPolicy: { Strategy: 'IDLE_RELEASE', CooldownInMinutes: 5 },
          },
        },
      ],
    }),
  );
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'shared' }));
  await inStatus(account, 'InService');
});
afterEach(() => account.stop());

const create = (name: string, copies: number, accelerators = 2) =>
  account.sageMaker.send(
    new CreateInferenceComponentCommand({
      InferenceComponentName: name,
      EndpointName: 'chat',
      VariantName: 'gpu',
      Specification: {
        ModelName: 'model',
        ComputeResourceRequirements: {
          NumberOfAcceleratorDevicesRequired: accelerators,
          MinMemoryRequiredInMb: 1024,
        },
      },
      RuntimeConfig: { CopyCount: copies },
      Tags: [{ Key: 'tidegate:max-concurrency-per-instance', Value: '4' }],
    }),
  );
const describe = (name: string) =>
  account.sageMaker.send(new DescribeInferenceComponentCommand({ InferenceComponentName: name }));
const isIn = (name: string, status: string) =>
  account.until(`${name} is ${status}`, async () => {
    // Snapshots have no adapters.
    const seen = component(name);
    return (seen === undefined || seen.status === status) && (await describe(name)).InferenceComponentStatus === status;
  });
const setCopies = (name: string, CopyCount: number) =>
  account.sageMaker.send(
    new UpdateInferenceComponentRuntimeConfigCommand({
      InferenceComponentName: name,
      DesiredRuntimeConfig: { CopyCount },
    }),
  );
const ask = (component: string | undefined, tokens = 50) =>
  account.finish(
    account.runtime.send(
      new InvokeEndpointCommand({
        EndpointName: 'chat',
        InferenceComponentName: component,
        ContentType: 'application/json',
        Body: JSON.stringify({ id: 'r', key: 'k', context_tokens: 100, generated_tokens: tokens, sent_at: 0 }),
      }),
    ),
  );
const endpoint = () => account.emulator.snapshot().endpoints[0]!;
const instances = () => endpoint().variants[0]!.inServiceInstances;
const component = (name: string) => endpoint().components.find((one) => one.name === name);

test('copies run on the instances of the endpoint, which grow as they need them and shrink after the cooldown', async () => {
  await create('small', 2);
  await isIn('small', 'InService');
  expect(instances()).toBe(1);
  expect(await describe('small')).toMatchObject({ RuntimeConfig: { DesiredCopyCount: 2, CurrentCopyCount: 2 } });

  await setCopies('small', 3);
  await account.until('the third copy', () => component('small')!.inServiceCopies === 3);
  expect(instances()).toBe(2);

  await setCopies('small', 1);
  await account.until('one instance is released', () => instances() === 1);
  await setCopies('small', 0);
  await account.until('none is left', () => instances() === 0 && endpoint().variants[0]!.drainingInstances === 0);
  expect(component('small')).toMatchObject({ status: 'InService', inServiceCopies: 0 });
});

test('requests name their component, and get its response', async () => {
  await create('small', 1);
  await isIn('small', 'InService');
  const answer = await ask('small');
  expect(JSON.parse(Buffer.from(answer.Body!).toString())).toMatchObject({ id: 'r' });
  await expect(ask(undefined)).rejects.toMatchObject({ message: expect.stringContaining('InferenceComponentName') });
  await expect(ask('none')).rejects.toMatchObject({ message: expect.stringContaining('not part of endpoint chat') });
});

test('a component that never finds room fails, and one that asks for more than there is waits', async () => {
  await create('large', 2, 4);
  await isIn('large', 'InService');
  await create('third', 1, 4);
  await isIn('third', 'Failed');
  expect((await describe('third')).FailureReason).toContain('not enough hardware resources');
  await setCopies('large', 3);
  expect((await describe('large')).InferenceComponentStatus).toBe('Updating');
});

test('an adapter runs in the copies of its base, which cannot be deleted before it', async () => {
  await create('base', 1);
  await isIn('base', 'InService');
  await account.sageMaker.send(
    new CreateInferenceComponentCommand({
      InferenceComponentName: 'tuned',
      EndpointName: 'chat',
      Specification: { BaseInferenceComponentName: 'base', Container: { ArtifactUrl: 's3://artifacts/lora.tar.gz' } },
    }),
  );
  await isIn('tuned', 'InService');
  expect(Buffer.from((await ask('tuned')).Body!).toString()).toContain('"r"');
  const drop = (name: string) =>
    account.sageMaker.send(new DeleteInferenceComponentCommand({ InferenceComponentName: name }));
  await expect(drop('base')).rejects.toThrow(/tuned run inside its copies/);
  await expect(account.sageMaker.send(new DeleteEndpointCommand({ EndpointName: 'chat' }))).rejects.toThrow(
    /delete its inference components first/,
  );
  await drop('tuned');
  await drop('base');
  await account.until('both are gone', async () => {
    const { InferenceComponents = [] } = await account.sageMaker.send(
      new ListInferenceComponentsCommand({ EndpointNameEquals: 'chat' }),
    );
    return InferenceComponents.length === 0;
  });
});

test('another model rolls over copy by copy while requests are served', async () => {
  await create('small', 2);
  await isIn('small', 'InService');
  await createModel(account, 'better');
  await account.sageMaker.send(
    new UpdateInferenceComponentCommand({
      InferenceComponentName: 'small',
      Specification: {
        ModelName: 'better',
        ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: 2, MinMemoryRequiredInMb: 1024 },
      },
    }),
  );
  expect((await describe('small')).InferenceComponentStatus).toBe('Updating');
  let answered = 0;
  await account.until('the roll-over is done', async () => {
    await ask('small', 1);
    answered++;
    return (await describe('small')).InferenceComponentStatus === 'InService';
  });
  expect(answered).toBeGreaterThan(2);
  expect(await describe('small')).toMatchObject({
    Specification: { ModelName: 'better' },
    RuntimeConfig: { DesiredCopyCount: 2, CurrentCopyCount: 2 },
  });
});

test('at zero a request is refused with its reason, the component scales from zero through its alarm, and the next request succeeds', async () => {
  await create('small', 0);
  await account.until('no instance', () => instances() === 0);
  const target = {
    ServiceNamespace: 'sagemaker',
    ResourceId: 'inference-component/small',
    ScalableDimension: COPIES,
  } as const;
  await account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 0, MaxCapacity: 4 }));
  const policy = await account.scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: 'wake',
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
      },
    }),
  );
  account.engine.alarms = [
    {
      AlarmName: 'wake',
      Namespace: 'AWS/SageMaker',
      MetricName: 'NoCapacityInvocationFailures',
      Dimensions: [{ Name: 'InferenceComponentName', Value: 'small' }],
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'missing',
      ActionsEnabled: true,
      AlarmActions: [policy.PolicyARN!],
    },
  ];
  await account.post('/hooks/alarms-changed', {});
  await expect(ask('small')).rejects.toMatchObject({
    name: 'ValidationError',
    message: expect.stringContaining('has no capacity'),
    $metadata: { httpStatusCode: 400 },
  });
  const answer = await account.until('an answer', () => ask('small').catch(() => undefined));
  expect(JSON.parse(Buffer.from(answer.Body!).toString())).toMatchObject({ id: 'r' });
  expect(instances()).toBe(1);
  await account.until('the metrics of the copy', () => {
    const names = account.engine.metricCalls.flatMap(({ data }) =>
      data
        .filter(({ Dimensions }) => Dimensions!.some(({ Value }) => Value === 'small'))
        .map(({ MetricName }) => MetricName),
    );
    return ['InvocationsPerCopy', 'ConcurrentRequestsPerCopy', 'NoCapacityInvocationFailures', 'ModelLatency'].every(
      (name) => names.includes(name),
    );
  });
});

test('CloudFormation waits for the copies, changes them, and deletes', async () => {
  const resource = {
    type: 'AWS::SageMaker::InferenceComponent',
    logicalId: 'Chat',
    stackName: 'tour',
    properties: {
      EndpointName: 'chat',
      VariantName: 'gpu',
      Specification: {
        ModelName: 'model',
        ComputeResourceRequirements: { NumberOfAcceleratorDevicesRequired: '1', MinMemoryRequiredInMb: '1024' },
      },
      RuntimeConfig: { CopyCount: '1' },
    },
  };
  const created = await account.finish(account.post('/cloudformation', { action: 'create', ...resource }));
  expect(created).toMatchObject({ status: 200 });
  const physicalId = String(created.body['physicalId']);
  const { name } = endpoint().components[0]!;
  expect(physicalId).toContain(`inference-component/${name}`);
  expect(component(name)).toMatchObject({ status: 'InService', inServiceCopies: 1 });
  const updated = await account.finish(
    account.post('/cloudformation', {
      action: 'update',
      ...resource,
      physicalId,
      previousProperties: resource.properties,
      properties: { ...resource.properties, RuntimeConfig: { CopyCount: 2 } },
    }),
  );
  expect(updated.body['physicalId']).toBe(physicalId);
  expect(component(name)!.desiredCopies).toBe(2);
  await account.finish(account.post('/cloudformation', { action: 'delete', ...resource, physicalId }));
  expect(endpoint().components).toEqual([]);
});
