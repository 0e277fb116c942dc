import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { PutScalingPolicyCommand, RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import { InvokeEndpointAsyncCommand } from '@aws-sdk/client-sagemaker-runtime';
import { createModel, inStatus, invoke, type Platform, startPlatform, until, VARIANT_DIMENSION } from './platform';

let platform: Platform;
beforeEach(async () => {
  platform = await startPlatform(600);
  await createModel(platform);
  await platform.sageMaker.send(
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
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'queued' }));
  await inStatus(platform, 'InService');
});
afterEach(() => platform.stop());

const endpoint = () => platform.sidecar.snapshot().endpoints[0]!;
const queue = () => endpoint().queue!;
const object = (uri: string | undefined) => platform.engine.objects.get(uri!.slice('s3://'.length));

const send = (id: string, generatedTokens: number, more: { [member: string]: unknown } = {}) => {
  const body = { id, key: 'k', context_tokens: 100, generated_tokens: generatedTokens, sent_at: 0 };
  platform.engine.objects.set(`films/requests/${id}`, Buffer.from(JSON.stringify(body)));
  return platform.runtime.send(
    new InvokeEndpointAsyncCommand({
      EndpointName: 'chat',
      InputLocation: `s3://films/requests/${id}`,
      InferenceId: id,
      ...more,
    }),
  );
};

const toZero = () =>
  platform.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: 0 }],
    }),
  );

test('a request is taken at once, its answer is written, and the topic is told with the answer', async () => {
  const taken = await send('r-1', 50);
  expect(taken.$metadata.httpStatusCode).toBe(202);
  expect(taken.InferenceId).toBe('r-1');
  expect(taken.OutputLocation).toMatch(/^s3:\/\/films\/answers\/.+\.out$/);
  const answer = await until('the answer', () => object(taken.OutputLocation));
  expect(JSON.parse(answer.toString())).toMatchObject({ id: 'r-1', generated_tokens: 50 });
  const [notice] = await until('the notice', () =>
    platform.engine.notices.length > 0 ? platform.engine.notices : null,
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
  await until('all answered', () => queue().processed === 5);
  expect(endpoint().variants[0]!.queued).toBe(0);
});

test('requests of a missing object, of a body that does not parse and of a model that is too slow fail by name', async () => {
  const missing = await platform.runtime.send(
    new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: 's3://films/requests/none' }),
  );
  platform.engine.objects.set('films/requests/bad', Buffer.from('{'));
  const bad = await platform.runtime.send(
    new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: 's3://films/requests/bad' }),
  );
  const slow = await send('slow', 5000, { InvocationTimeoutSeconds: 20 });
  const reasonOf = async (uri: string | undefined) =>
    (JSON.parse((await until('a failure', () => object(uri))).toString()) as { failureReason: string }).failureReason;
  expect(await reasonOf(missing.FailureLocation)).toBe('There is no object at s3://films/requests/none');
  expect(await reasonOf(bad.FailureLocation)).toContain('client error (400)');
  expect(await reasonOf(slow.FailureLocation)).toContain('within 20 s');
  await until('three notices', () => platform.engine.notices.length === 3);
  expect(new Set(platform.engine.notices.map(({ message }) => message['invocationStatus']))).toEqual(
    new Set(['Failed']),
  );
  expect(queue()).toMatchObject({ processed: 0, failed: 3, waiting: 0, working: 0 });
});

test('each kind of endpoint refuses the call of the other', async () => {
  await expect(invoke(platform, 10)).rejects.toMatchObject({
    name: 'ValidationError',
    message: 'Endpoint chat takes InvokeEndpointAsync only.',
  });
  await expect(
    platform.runtime.send(new InvokeEndpointAsyncCommand({ EndpointName: 'chat', InputLocation: undefined })),
  ).rejects.toThrow();
});

test('with no instance a request waits, publishes HasBacklogWithoutCapacity, and expires when nobody comes', async () => {
  await toZero();
  await until('no instance', () => endpoint().variants[0]!.inServiceInstances === 0);
  const sent = await send('r-1', 50, { RequestTTLSeconds: 120 });
  expect(queue()).toMatchObject({ waiting: 1, working: 0 });
  await until('the metric', () => {
    const data = platform.engine.metricCalls.flatMap(({ data: all }) => all);
    const found = data.filter(({ MetricName }) => MetricName === 'HasBacklogWithoutCapacity');
    expect(data.map(({ MetricName }) => MetricName)).not.toContain('Invocations');
    return found.some(({ StatisticValues, Dimensions }) => StatisticValues!.Maximum === 1 && Dimensions!.length === 1);
  });
  await until('the end', () => queue().expired === 1);
  expect(JSON.parse((await until('the failure', () => object(sent.FailureLocation))).toString())).toMatchObject({
    failureReason: expect.stringContaining('RequestTTLSeconds') as string,
  });
});

test('a step policy on HasBacklogWithoutCapacity wakes the endpoint, and the request that woke it is answered', async () => {
  const ResourceId = 'endpoint/chat/variant/gpu';
  const target = { ServiceNamespace: 'sagemaker', ResourceId, ScalableDimension: VARIANT_DIMENSION } as const;
  await platform.scaling.send(new RegisterScalableTargetCommand({ ...target, MinCapacity: 0, MaxCapacity: 2 }));
  const policy = await platform.scaling.send(
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
  platform.engine.alarms = [
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
  await platform.post('/hooks/alarms-changed', {});
  await toZero();
  await until('no instance', () => endpoint().variants[0]!.inServiceInstances === 0);
  const sent = await send('first', 50);
  expect(queue().waiting).toBe(1);
  const answer = await until('the answer', () => object(sent.OutputLocation));
  expect(JSON.parse(answer.toString())).toMatchObject({ id: 'first' });
  expect(endpoint().variants[0]!.inServiceInstances).toBe(1);
});
