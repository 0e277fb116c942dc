import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { KinesisClient, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeEndpointCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointAsyncCommand,
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { mockClient } from 'aws-sdk-client-mock';
import { consumerDependencies, responseMapping } from '../../../lambda/stream-consumer/environment';
import { INGESTION_ENVIRONMENT as names } from '../../../lib/ingestion/contract';

const runtime = mockClient(SageMakerRuntimeClient);
const sagemaker = mockClient(SageMakerClient);
const s3 = mockClient(S3Client);
const cloudWatch = mockClient(CloudWatchClient);
const kinesis = mockClient(KinesisClient);
const lambda = mockClient(LambdaClient);

const before = { ...process.env };
const required = {
  [names.endpointName]: 'chat',
  [names.resultsBucketName]: 'results',
  [names.concurrency]: '8',
  [names.maxModelFailures]: '3',
  [names.maxRecordBytes]: '40',
};
const { signal } = new AbortController();
const text = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString();

beforeEach(() => {
  process.env = { ...before, AWS_REGION: 'us-east-1', ...required };
  for (const client of [runtime, sagemaker, s3, cloudWatch, kinesis, lambda]) client.reset();
  runtime.on(InvokeEndpointCommand).resolves({ Body: Buffer.from('{"text":"hi"}') as never });
});
afterAll(() => {
  process.env = before;
});

const invoked = () => runtime.commandCalls(InvokeEndpointCommand).at(-1)!.args[0].input;

describe('a consumer', () => {
  test.each(Object.keys(required))('says that %s is not set', (name) => {
    delete process.env[name];
    expect(() => consumerDependencies()).toThrow(`environment variable ${name} is not set`);
  });

  test('sends records as JSON, in the order of their partition keys, unless its environment says otherwise', async () => {
    const { endpoint, results, ...settings } = consumerDependencies();
    expect(settings).toMatchObject({
      concurrency: 8,
      maxModelFailures: 3,
      maxRecordBytes: 40,
      recordFields: { id: { kind: 'sequence-number' }, key: { kind: 'partition-key' } },
    });
    expect(settings.capacity).toBeUndefined();
    expect(await endpoint.invoke(Buffer.from('{}'))).not.toHaveProperty('mapped');
    const json = 'application/json';
    expect(invoked()).toMatchObject({ EndpointName: 'chat', ContentType: json, Accept: json });
    expect(invoked().InferenceComponentName).toBeUndefined();
    s3.on(PutObjectCommand).resolves({});
    await results.put('k', '', json);
    expect(s3.commandCalls(PutObjectCommand)[0]!.args[0].input.Bucket).toBe('results');
  });

  test('has the component, the media types and the fields of its environment', async () => {
    Object.assign(process.env, {
      [names.componentName]: 'small',
      [names.contentType]: 'text/csv',
      [names.accept]: 'text/plain',
      [names.recordId]: 'payload-hash',
      [names.orderKey]: '$.user',
    });
    const { endpoint, recordFields } = consumerDependencies();
    expect(recordFields).toEqual({ id: { kind: 'payload-hash' }, key: { kind: 'json', path: ['user'] } });
    await endpoint.invoke(Buffer.from('a,b'));
    const types = { ContentType: 'text/csv', Accept: 'text/plain' };
    expect(invoked()).toMatchObject({ InferenceComponentName: 'small', ...types });
  });
});

describe('the mappings of a consumer', () => {
  test('change a request by an expression, up to the size of a record', async () => {
    process.env[names.requestMapping] = 'jmespath:{inputs: prompt}';
    const { endpoint } = consumerDependencies();
    await endpoint.invoke(Buffer.from('{"prompt":"hi"}'));
    expect(text(invoked().Body)).toBe('{"inputs":"hi"}');
    const long = Buffer.from(JSON.stringify({ prompt: 'x'.repeat(40) }));
    await expect(endpoint.invoke(long)).rejects.toThrow(/requestMapping: .*larger than 40 bytes/);
  });

  test('change a request and a response by functions, which get the media types', async () => {
    process.env[names.requestMapping] = 'lambda:shape';
    process.env[names.responseMapping] = 'lambda:read';
    process.env[names.contentType] = 'text/csv';
    process.env[names.accept] = 'text/plain';
    lambda.on(InvokeCommand).resolves({ Payload: Buffer.from('{"body":"mapped"}') as never });
    expect(await consumerDependencies().endpoint.invoke(Buffer.from('a'))).toMatchObject({ mapped: 'mapped' });
    expect(text(invoked().Body)).toBe('mapped');
    const events = lambda
      .commandCalls(InvokeCommand)
      .map(({ args: [{ input }] }) => [
        input.FunctionName,
        (JSON.parse(text(input.Payload)) as { contentType: string }).contentType,
      ]);
    expect(events).toEqual([
      ['shape', 'text/csv'],
      ['read', 'text/plain'],
    ]);
  });

  test('change a response alone', async () => {
    process.env[names.responseMapping] = 'jmespath:text';
    expect(await consumerDependencies().endpoint.invoke(Buffer.from('as it is'))).toMatchObject({ mapped: '"hi"' });
    expect(text(invoked().Body)).toBe('as it is');
  });
});

describe('the asynchronous endpoint of a consumer', () => {
  test('is none unless its environment names one', () => {
    expect(consumerDependencies().spill).toBeUndefined();
  });

  test('has the place, the age and the times of its environment, and the request mapping', async () => {
    Object.assign(process.env, {
      [names.spillEndpointName]: 'later',
      [names.spillAfterSeconds]: '120',
      [names.spillBucketName]: 'films',
      [names.spillRequestPrefix]: 'asked/',
      [names.spillTtlSeconds]: '600',
      [names.spillTimeoutSeconds]: '30',
      [names.requestMapping]: 'jmespath:prompt',
    });
    const { requests, endpoint, requestMapping, ...settings } = consumerDependencies().spill!;
    expect(settings).toEqual({
      bucketName: 'films',
      requestPrefix: 'asked/',
      contentType: 'application/json',
      afterSeconds: 120,
      ttlSeconds: 600,
      timeoutSeconds: 30,
      maxRequestBytes: 40,
    });
    s3.on(PutObjectCommand).resolves({});
    await requests.put('asked/1', 'x', 'text/plain');
    expect(s3.commandCalls(PutObjectCommand)[0]!.args[0].input).toMatchObject({ Bucket: 'films', Key: 'asked/1' });
    expect(text(await requestMapping!(Buffer.from('{"prompt":"hi"}'), 40))).toBe('"hi"');
    runtime.on(InvokeEndpointAsyncCommand).resolves({ OutputLocation: 's3://films/answers/1' });
    await endpoint.invoke({ inputUri: 's3://films/asked/1', inferenceId: 'a' });
    expect(runtime.commandCalls(InvokeEndpointAsyncCommand)[0]!.args[0].input).toMatchObject({
      EndpointName: 'later',
      RequestTTLSeconds: 600,
      InvocationTimeoutSeconds: 30,
    });
  });

  test('has its responses mapped as those of the other one', async () => {
    const answer = { status: 200, body: Buffer.from('{"text":"hi"}') };
    expect(await responseMapping('jmespath:text', 'application/json')(answer)).toEqual({ ...answer, mapped: '"hi"' });
    expect(await responseMapping(undefined, 'application/json')(answer)).toEqual(answer);
  });

  test('is counted', async () => {
    cloudWatch.on(PutMetricDataCommand).resolves({});
    await consumerDependencies().publish('requests', { deadLetters: 0, unanswered: 0, spilled: 3 }, signal);
    const [call] = cloudWatch.commandCalls(PutMetricDataCommand);
    expect(call!.args[0].input.MetricData).toEqual([
      expect.objectContaining({ MetricName: 'SpilledRecords', Value: 3, Unit: 'Count' }),
    ]);
  });
});

describe('the metrics of a consumer', () => {
  beforeEach(() => cloudWatch.on(PutMetricDataCommand).resolves({}));
  const put = () => cloudWatch.commandCalls(PutMetricDataCommand).map(({ args: [{ input }] }) => input);
  const Dimensions = [{ Name: 'StreamName', Value: 'requests' }];

  test('count dead letters, and batches without an answer, where there are any', async () => {
    const { publish } = consumerDependencies();
    await publish('requests', { deadLetters: 2, unanswered: 0 }, signal);
    await publish('requests', { deadLetters: 0, unanswered: 1 }, signal);
    expect(put()).toEqual([
      {
        Namespace: 'Tidegate',
        MetricData: [
          { MetricName: 'DeadLetters', Value: 2, Unit: 'Count', Timestamp: expect.any(Date) as Date, Dimensions },
        ],
      },
      { Namespace: 'Tidegate', MetricData: [expect.objectContaining({ MetricName: 'UnansweredBatches', Value: 1 })] },
    ]);
    await publish('requests', { deadLetters: 0, unanswered: 0 }, signal);
    expect(put()).toHaveLength(2);
  });

  test('tell the backlog and its age in high resolution, at the beginning of their period', async () => {
    const atSeconds = Math.floor(Date.now() / 10_000) * 10;
    await consumerDependencies().publishBacklog!('requests', { atSeconds, perInstance: 2.5, ageSeconds: 7 }, signal);
    const common = { Timestamp: new Date(atSeconds * 1000), Dimensions, StorageResolution: 1 };
    expect(put()[0]!.MetricData).toEqual([
      { MetricName: 'BacklogPerInstance', Value: 2.5, Unit: 'Count', ...common },
      { MetricName: 'WaitingRecordAge', Value: 7, Unit: 'Seconds', ...common },
    ]);
  });
});

describe('the capacity that a consumer follows', () => {
  beforeEach(() => {
    process.env[names.fleets] = JSON.stringify([
      { resourceId: 'endpoint/chat/variant/main', fleetName: 'chat', maxConcurrencyPerReplica: 3 },
    ]);
    process.env[names.parallelizationFactor] = '1';
    const ProductionVariants = [{ VariantName: 'main', CurrentInstanceCount: 2 }];
    sagemaker.on(DescribeEndpointCommand, { EndpointName: 'chat' }).resolves({ ProductionVariants });
  });

  test('is that of the fleets in its environment, in equal parts for the shards of the stream', async () => {
    kinesis.on(ListShardsCommand).resolves({ Shards: [{ ShardId: 's-1' }, { ShardId: 's-2' }] as never });
    const { capacity } = consumerDependencies();
    expect([capacity!.isKnown, capacity!.limit]).toEqual([false, 8]);
    await capacity!.observe({ streamArn: 'arn', shardId: 's-1' }, signal);
    expect([capacity!.isKnown, capacity!.limit]).toEqual([true, 3]);
  });

  test('is shared by the partitions that are given', async () => {
    const { capacity } = consumerDependencies({ list: () => Promise.resolve(['p-0', 'p-1', 'p-2']) });
    await capacity!.observe({ streamArn: 'topic', shardId: 'p-1' }, signal);
    expect(capacity!.limit).toBe(2);
    expect(kinesis.calls()).toEqual([]);
  });
});
