import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { createModel, inStatus, invoke, EmulatedAccount, VARIANT_DIMENSION } from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
  await createModel(account);
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'queued',
      ProductionVariants: [
        { VariantName: 'gpu', ModelName: 'model', InitialInstanceCount: 1, InstanceType: 'ml.g5.xlarge' },
      ],
      AsyncInferenceConfig: {
        ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 },
        OutputConfig: {
          S3OutputPath: 's3://films/answers/',
          S3FailurePath: 's3://films/failures/',
          NotificationConfig: {
            SuccessTopic: 'arn:aws:sns:us-east-1:123456789012:done',
            ErrorTopic: 'arn:aws:sns:us-east-1:123456789012:broken',
            IncludeInferenceResponseIn: ['SUCCESS_NOTIFICATION_TOPIC'],
          },
        },
      },
    }),
  );
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'queued' }));
  await inStatus(account, 'InService');
});
afterEach(() => account.stop());

const endpoint = () => account.emulator.snapshot().endpoints[0]!;
const queue = () => endpoint().queue!;
const object = (uri: string | undefined) => account.engine.objects.get(uri!.slice('s3://'.length));

const send = (id: string, generatedTokens: number, more: { [member: string]: unknown } = {}) => {
  const body = { id, key: 'k', context_tokens: 100, generated_tokens: generatedTokens, sent_at: 0 };
  account.engine.objects.set(`films/requests/${id}`, Buffer.from(JSON.stringify(body)));
  return account.runtime.send(
    new InvokeEndpointAsyncCommand({
      EndpointName: 'chat',
      InputLocation: `s3://films/requests/${id}`,
      InferenceId: id,
      ...more,
    }),
  );
};

const toZero = () =>
  account.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: 0 }],
    }),
  );

test('a request is accepted at once, its response is written to S3 and is part of the notification', async () => {
  const taken = await send('r-1', 50);
  expect(taken.$metadata.httpStatusCode).toBe(202);
  expect(taken.InferenceId).toBe('r-1');
  expect(taken.OutputLocation).toMatch(/^s3:\/\/films\/answers\/.+\.out$/);
  const answer = await account.until('the answer', () => object(taken.OutputLocation));
  expect(JSON.parse(answer.toString())).toMatchObject({ id: 'r-1', generated_tokens: 50 });
  const [notice] = await account.until('the notice', () =>
    account.engine.notices.length > 0 ? account.engine.notices : null,
  );
  expect(notice).toMatchObject({
    topicArn: 'arn:aws:sns:us-east-1:123456789012:done',
    message: {
      invocationStatus: 'Completed',
      inferenceId: 'r-1',
      requestParameters: { endpointName: 'chat', inputLocation: 's3://films/requests/r-1' },
      responseParameters: { outputLocation: taken.OutputLocation },
      eventName: 'InferenceResult',
    },
  });
  const { content } = notice!.message['responseBody'] as { content: string };
  expect(JSON.parse(Buffer.from(content, 'base64').toString())).toMatchObject({ id: 'r-1' });
  expect(queue()).toMatchObject({ waiting: 0, working: 0, processed: 1, failed: 0 });
});

test('an instance works on as many at once as the configuration says; the others wait in the queue', async () => {
  await Promise.all(Array.from({ length: 5 }, (_, index) => send(`r-${index}`, 20_000)));
  expect(queue()).toMatchObject({ waiting: 3, working: 2 });
  await account.until('all answered', () => queue().processed === 5);
  expect(endpoint().variants[0]!.queued).toBe(0);
});

test('requests of a missing object, of a body that does not parse and of a model that is too slow fail by name', async () => {
  const missing = await account.runtime.send(
    new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: 's3://films/requests/none' }),
  );
  account.engine.objects.set('films/requests/bad', Buffer.from('{'));
  const bad = await account.runtime.send(
    new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: 's3://films/requests/bad' }),
  );
  const slow = await send('slow', 5000, { InvocationTimeoutSeconds: 20 });
  const reasonOf = async (uri: string | undefined) =>
    (JSON.parse((await account.until('a failure', () => object(uri))).toString()) as { failureReason: string })
      .failureReason;
  expect(await reasonOf(missing.FailureLocation)).toBe('No object exists at s3://films/requests/none');
  expect(await reasonOf(bad.FailureLocation)).toContain('client error (400)');
  expect(await reasonOf(slow.FailureLocation)).toContain('within 20 s');
  await account.until('three notices', () => account.engine.notices.length === 3);
  expect(new Set(account.engine.notices.map(({ message }) => message['invocationStatus']))).toEqual(
    new Set(['Failed']),
  );
  expect(queue()).toMatchObject({ processed: 0, failed: 3, waiting: 0, working: 0 });
});

test('each kind of endpoint refuses the call of the other', async () => {
  await expect(invoke(account, 10)).rejects.toMatchObject({
    name: 'ValidationError',
    message: 'Endpoint chat takes InvokeEndpointAsync only.',
  });
  await expect(
    account.runtime.send(new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: undefined })),
  ).rejects.toThrow();
});

test('with no instance a request waits, publishes HasBacklogWithoutCapacity, and expires when none launches', async () => {
  await toZero();
  await account.until('no instance', () => endpoint().variants[0]!.inServiceInstances === 0);
  const sent = await send('r-1', 50, { RequestTTLSeconds: 120 });
  expect(queue()).toMatchObject({ waiting: 1, working: 0 });
  await account.until('the metric', () => {
    const data = account.engine.metricCalls.flatMap(({ data: all }) => all);
    const found = data.filter(({ MetricName }) => MetricName === 'HasBacklogWithoutCapacity');
    expect(data.map(({ MetricName }) => MetricName)).not.toContain('Invocations');
    return found.some(({ StatisticValues, Dimensions }) => StatisticValues!.Maximum === 1 && Dimensions!.length === 1);
  });
  await account.until('the end', () => queue().expired === 1);
  expect(JSON.parse((await account.until('the failure', () => object(sent.FailureLocation))).toString())).toMatchObject(
    {
      failureReason: expect.stringContaining('RequestTTLSeconds') as string,
    },
  );
});

test('a step policy on HasBacklogWithoutCapacity scales the endpoint from zero, and the waiting request is served', async () => {
  const ResourceId = 'endpoint/chat/variant/gpu';
  const target = { ServiceNamespace: 'sagemaker', ResourceId, ScalableDimension: VARIANT_DIMENSION } as const;
  await account.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 0, MaxCapacity: 2 }));
  const policy = await account.scaling.send(
    new PutScalingPolicyCommand({
      ...target,
      PolicyName: 'wake',
      PolicyType: 'StepScaling',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ExactCapacity',
        StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }],
      },
    }),
  );
  account.engine.alarms = [
    {
      AlarmName: 'wake',
      Namespace: 'AWS/SageMaker',
      MetricName: 'HasBacklogWithoutCapacity',
      Dimensions: [{ Name: 'EndpointName', Value: 'chat' }],
      Statistic: 'Average',
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
  await toZero();
  await account.until('no instance', () => endpoint().variants[0]!.inServiceInstances === 0);
  const sent = await send('first', 50);
  expect(queue().waiting).toBe(1);
  const answer = await account.until('the answer', () => object(sent.OutputLocation));
  expect(JSON.parse(answer.toString())).toMatchObject({ id: 'first' });
  expect(endpoint().variants[0]!.inServiceInstances).toBe(1);
});
