import { CreateEndpointCommand, CreateEndpointConfigCommand, CreateModelCommand } from '@aws-sdk/client-sagemaker';
import { InvokeEndpointWithResponseStreamCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  createConfig,
  createModel,
  deployEndpoint,
  inStatus,
  invoke,
  EmulatedAccount,
} from '../../support/emulated-account';

let account: EmulatedAccount;
afterEach(() => account.stop());

const start = async (options: Parameters<typeof EmulatedAccount.start>[0] = {}): Promise<void> => {
  account = await EmulatedAccount.start(options);
};

const variantOf = () => account.emulator.snapshot().endpoints[0]!.variants[0]!;

const send = (generatedTokens: number, contextTokens = 8000) =>
  account.runtime.send(
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

type Line = { readonly [member: string]: unknown };
type Reply = Awaited<ReturnType<typeof send>>;

/** Reads the parts of a response, each a line of JSON, into a list. */
async function readInto(lines: Line[], reply: Reply): Promise<void> {
  for await (const { PayloadPart } of reply.Body!) {
    const text = Buffer.from(PayloadPart!.Bytes!).toString();
    expect(text.endsWith('\n')).toBe(true);
    lines.push(JSON.parse(text) as Line);
  }
}

/** Moves forward until a response is complete, and returns its parts. */
async function read(reply: Reply): Promise<Line[]> {
  const lines: Line[] = [];
  await account.finish(readInto(lines, reply));
  return lines;
}

/** Resolves once a number of parts has come over the connection. */
async function arrived(lines: readonly Line[], count: number): Promise<void> {
  while (lines.length < count) await new Promise((resolve) => setImmediate(resolve));
}

test('the first part comes once the context is read, the rest while the tokens are written', async () => {
  await start();
  await deployEndpoint(account);
  const sentAt = account.clock.now();
  // 0.05 s + 8000 / 8000 to read, and 500 / 50 to write.
  const call = send(500);
  await account.advanceTo(sentAt + 1.049);
  expect(account.emulator.openRequests()).toBe(1);
  await account.advanceTo(sentAt + 1.051);
  const reply = await call;
  expect(reply).toMatchObject({ InvokedProductionVariant: 'gpu', ContentType: 'application/jsonlines' });
  expect(variantOf().inFlight).toBe(1);
  const lines: Line[] = [];
  const reading = readInto(lines, reply);
  await arrived(lines, 1);
  for (let part = 1; part < 10; part++) {
    await account.advanceTo(sentAt + 1.049 + part);
    expect(lines).toHaveLength(part);
    await account.advanceTo(sentAt + 1.051 + part);
    await arrived(lines, part + 1);
  }
  await account.advanceTo(sentAt + 11.049);
  expect(lines.map((line) => line['tokens'])).toEqual(Array(10).fill(50));
  await account.advanceTo(sentAt + 11.051);
  await reading;
  const last = lines.at(-1)!;
  expect(lines).toHaveLength(11);
  expect(last).toMatchObject({ id: 'r-1', generated_tokens: 500, queue_seconds: 0, service_seconds: 11.05 });
  expect(last['instance']).toMatch(/^i-/);
  expect(variantOf()).toMatchObject({ inFlight: 0, invocations: { received: 1, succeeded: 1 } });
});

test('a streamed response keeps its slot until its last part', async () => {
  await start();
  await deployEndpoint(account, {}, 1);
  const reply = await account.finish(send(500));
  const waiting = invoke(account, 1);
  await account.settle();
  expect(variantOf().queued).toBe(1);
  expect((await read(reply)).at(-1)).toMatchObject({ generated_tokens: 500 });
  const { Body } = await account.finish(waiting);
  // The other request came with the first part, after 1.05 s of 11.05 s.
  expect(JSON.parse(Buffer.from(Body!).toString())).toMatchObject({ queue_seconds: 10 });
});

test('a streamed response may take longer than 60 seconds, and breaks off after eight minutes', async () => {
  await start();
  await deployEndpoint(account);
  const [long, tooLong] = await account.finish(Promise.all([send(5000), send(30_000)]));
  expect((await read(long)).at(-1)).toMatchObject({ service_seconds: 101.05 });
  // The error inside the stream is one of the model’s.
  await expect(read(tooLong)).rejects.toMatchObject({
    name: 'ModelStreamError',
    ErrorCode: 'ModelInvocationTimeExceeded',
  });
  expect(variantOf().invocations).toMatchObject({ received: 2, succeeded: 1, timedOut: 1 });
});

test('what goes wrong before the first part is an error of the call', async () => {
  await start({ queueLimitPerInstance: 0 });
  await deployEndpoint(account, {}, 1);
  const bad = new InvokeEndpointWithResponseStreamCommand({ EndpointName: 'chat', Body: '{"id": 7}' });
  await expect(account.runtime.send(bad)).rejects.toMatchObject({ name: 'ModelError', OriginalStatusCode: 400 });
  const outcomes = await account.finish(Promise.allSettled([send(10_000), send(10_000)]));
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  expect(failed).toEqual([expect.objectContaining({ name: 'ServiceUnavailable' })]);

  await account.sageMaker.send(
    new CreateModelCommand({
      ModelName: 'broken',
      ExecutionRoleArn: 'arn:aws:iam::123456789012:role/model',
      PrimaryContainer: { Image: 'next:latest', Environment: { TIDEGATE_LOCAL_FAULT: 'errors' } },
    }),
  );
  await createConfig(account, 'broken', { ModelName: 'broken' });
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'broken', EndpointConfigName: 'broken' }));
  await inStatus(account, 'InService', 'broken');
  const Body = JSON.stringify({ id: 'r', key: 'k', context_tokens: 1, generated_tokens: 50 });
  await expect(
    account.finish(account.runtime.send(new InvokeEndpointWithResponseStreamCommand({ EndpointName: 'broken', Body }))),
  ).rejects.toMatchObject({ name: 'ModelError', OriginalStatusCode: 500 });
});

test('a caller that hangs up in the middle affects no other', async () => {
  await start();
  await deployEndpoint(account);
  const reply = await account.finish(send(2500));
  for await (const { PayloadPart } of reply.Body!) {
    expect(PayloadPart).toBeDefined();
    break;
  }
  (reply.Body as unknown as { return?: () => void }).return?.();
  await account.until('the model has finished', () => variantOf().invocations.succeeded === 1);
  expect((await read(await account.finish(send(100)))).at(-1)).toMatchObject({ generated_tokens: 100 });
  expect(account.logged).toEqual([]);
});

test('the times to the first part are published', async () => {
  await start();
  await deployEndpoint(account);
  await read(await account.finish(send(500)));
  const datumOf = (metricName: string) =>
    account.engine.metricCalls
      .flatMap(({ data }) => data)
      .find(({ MetricName, StatisticValues }) => MetricName === metricName && StatisticValues!.SampleCount! > 0);
  const model = await account.until('the minute is published', () => datumOf('FirstChunkModelLatency'));
  expect(model).toMatchObject({ Unit: 'Microseconds' });
  expect(model.StatisticValues!.Sum).toBeCloseTo(1_050_000, -3);
  expect(datumOf('FirstChunkLatency')!.StatisticValues!.Sum).toBeGreaterThan(1_050_000);
  expect(datumOf('FirstChunkOverheadLatency')).toBeDefined();
  expect(datumOf('MidStreamErrors')).toBeUndefined();
});

test('an asynchronous endpoint does not stream', async () => {
  await start();
  await createModel(account);

  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'async',
      ProductionVariants: [{ VariantName: 'gpu', ModelName: 'model', InstanceType: 'ml.g5.xlarge' }],
      AsyncInferenceConfig: { OutputConfig: { S3OutputPath: 's3://answers/out' } },
    }),
  );
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'async' }));
  await inStatus(account, 'InService');
  await expect(send(1)).rejects.toThrow('takes InvokeEndpointAsync only');
});
