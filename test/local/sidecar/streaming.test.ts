import { CreateEndpointCommand, CreateEndpointConfigCommand, CreateModelCommand } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointWithResponseStreamCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  createConfig,
  createModel,
  deployEndpoint,
  inStatus,
  invoke,
  type Platform,
  startPlatform,
  until,
} from './platform';

let platform: Platform;
afterEach(() => platform.stop());

const start = async (speed: number, options: Parameters<typeof startPlatform>[1] = {}): Promise<void> => {
  platform = await startPlatform(speed, { endpointProvisioning: { medianSeconds: 10, sigma: 0 }, ...options });
};

const variantOf = () => platform.sidecar.snapshot().endpoints[0]!.variants[0]!;

const send = (generatedTokens: number, contextTokens = 8000) =>
  platform.runtime.send(
    new InvokeEndpointWithResponseStreamCommand({
      EndpointName: 'chat',
      ContentType: 'application/json',
      Body: JSON.stringify({
        id: 'r-1',
        key: 'k',
        context_tokens: contextTokens,
        generated_tokens: generatedTokens,
        sent_at: 0,
      }),
    }),
  );

interface Heard {
  readonly at: number;
  readonly line: { readonly [member: string]: unknown };
}

/** The parts of an answer, each with the local moment at which it was read. */
async function read(reply: Awaited<ReturnType<typeof send>>): Promise<Heard[]> {
  const heard: Heard[] = [];
  for await (const { PayloadPart } of reply.Body!) {
    const text = Buffer.from(PayloadPart!.Bytes!).toString();
    expect(text.endsWith('\n')).toBe(true);
    heard.push({ at: platform.clock.now(), line: JSON.parse(text) as Heard['line'] });
  }
  return heard;
}

test('the first part comes once the context is read, the rest while the tokens are written', async () => {
  await start(20);
  await deployEndpoint(platform);
  const sentAt = platform.clock.now();
  // 0.05 s + 8000 / 8000 to read, and 500 / 50 to write.
  const reply = await send(500);
  expect(reply).toMatchObject({ InvokedProductionVariant: 'gpu', ContentType: 'application/jsonlines' });
  expect(variantOf().inFlight).toBe(1);
  const heard = await read(reply);
  const parts = heard.slice(0, -1);
  const { at: lastAt, line: last } = heard.at(-1)!;
  expect(parts).toHaveLength(10);
  expect(parts.map(({ line }) => line['tokens'])).toEqual(Array(10).fill(50));
  expect(last).toMatchObject({ id: 'r-1', generated_tokens: 500, queue_seconds: 0, service_seconds: 11.05 });
  expect(last['instance']).toMatch(/^i-/);
  // Never early; a busy machine may read late.
  parts.forEach(({ at }, index) => expect(at - sentAt).toBeGreaterThanOrEqual(1.05 + index - 0.01));
  expect(lastAt - sentAt).toBeGreaterThanOrEqual(11.04);
  expect(parts[0]!.at).toBeLessThan(lastAt - 4);
  expect(variantOf()).toMatchObject({ inFlight: 0, invocations: { received: 1, succeeded: 1 } });
});

test('a streamed answer keeps its slot until its last part', async () => {
  await start(40);
  await deployEndpoint(platform, {}, 1);
  const reply = await send(500);
  const waiting = invoke(platform, 1);
  await until('the other waits', () => variantOf().queued === 1);
  const [heard, other] = await Promise.all([read(reply), waiting]);
  expect(heard.at(-1)!.line).toMatchObject({ generated_tokens: 500 });
  const answer = JSON.parse(Buffer.from(other.Body!).toString()) as { queue_seconds: number };
  expect(answer.queue_seconds).toBeGreaterThan(1);
});

test('a streamed answer may take longer than 60 seconds, and breaks off after eight minutes', async () => {
  await start(900);
  await deployEndpoint(platform);
  const [long, tooLong] = await Promise.all([send(5000), send(30_000)]);
  const heard = await read(long);
  expect(heard.at(-1)!.line).toMatchObject({ service_seconds: 101.05 });
  // The error inside the stream is one of the model’s.
  await expect(read(tooLong)).rejects.toMatchObject({
    name: 'ModelStreamError',
    ErrorCode: 'ModelInvocationTimeExceeded',
  });
  expect(variantOf().invocations).toMatchObject({ received: 2, succeeded: 1, timedOut: 1 });
});

test('what goes wrong before the first part is an error of the call', async () => {
  await start(900, { queueLimitPerInstance: 0 });
  await deployEndpoint(platform, {}, 1);
  const bad = new InvokeEndpointWithResponseStreamCommand({ EndpointName: 'chat', Body: '{"id": 7}' });
  await expect(platform.runtime.send(bad)).rejects.toMatchObject({ name: 'ModelError', OriginalStatusCode: 400 });
  const outcomes = await Promise.allSettled([send(10_000), send(10_000)]);
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  expect(failed).toEqual([expect.objectContaining({ name: 'ServiceUnavailable' })]);

  await platform.sageMaker.send(
    new CreateModelCommand({
      ModelName: 'broken',
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      PrimaryContainer: { Image: 'next:latest', Environment: { TIDEGATE_LOCAL_FAULT: 'errors' } },
    }),
  );
  await createConfig(platform, 'broken', { ModelName: 'broken' });
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'broken', EndpointConfigName: 'broken' }));
  await inStatus(platform, 'InService', 'broken');
  const Body = JSON.stringify({ id: 'r', key: 'k', context_tokens: 1, generated_tokens: 50 });
  await expect(
    platform.runtime.send(new InvokeEndpointWithResponseStreamCommand({ EndpointName: 'broken', Body })),
  ).rejects.toMatchObject({ name: 'ModelError', OriginalStatusCode: 500 });
});

test('a caller that hangs up in the middle harms nobody', async () => {
  await start(100);
  await deployEndpoint(platform);
  const reply = await send(2500);
  for await (const { PayloadPart } of reply.Body!) {
    expect(PayloadPart).toBeDefined();
    break;
  }
  (reply.Body as unknown as { return?: () => void }).return?.();
  await until('the model has finished', () => variantOf().invocations.succeeded === 1);
  expect((await read(await send(100))).at(-1)!.line).toMatchObject({ generated_tokens: 100 });
  expect(platform.logged).toEqual([]);
});

test('the times to the first part are published', async () => {
  await start(600);
  await deployEndpoint(platform);
  await read(await send(500));
  const datumOf = (metricName: string) =>
    platform.engine.metricCalls
      .flatMap(({ data }) => data)
      .find(({ MetricName, StatisticValues }) => MetricName === metricName && StatisticValues!.SampleCount! > 0);
  const model = await until('the minute is published', () => datumOf('FirstChunkModelLatency'));
  expect(model).toMatchObject({ Unit: 'Microseconds' });
  expect(model.StatisticValues!.Sum).toBeCloseTo(1_050_000, -3);
  expect(datumOf('FirstChunkLatency')!.StatisticValues!.Sum).toBeGreaterThan(1_050_000);
  expect(datumOf('FirstChunkOverheadLatency')).toBeDefined();
  expect(datumOf('MidStreamErrors')).toBeUndefined();
});

test('an asynchronous endpoint does not stream', async () => {
  await start(900);
  await createModel(platform);

  await platform.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'async',
      ProductionVariants: [{ VariantName: 'gpu', ModelName: 'model', InstanceType: 'ml.g5.xlarge' }],
      AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://answers/out' } },
    }),
  );
  await platform.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'async' }));
  await inStatus(platform, 'InService');
  await expect(send(1)).rejects.toThrow('takes InvokeEndpointAsync only');
});
