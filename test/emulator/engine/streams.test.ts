import { PutFunctionConcurrencyCommand } from '@aws-sdk/client-lambda';
import { GetObjectCommand, CreateBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { STREAM_HANDLER } from './support/handlers';
import { eventually, LocalAws } from './support/local-aws';

const READS_STREAMS = { Effect: 'Allow', Action: 'kinesis:Get*', Resource: '*' };

describe('streams of the local engine', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await LocalAws.start();
  });
  afterAll(() => aws?.stop());

  const drained = (stream: string): Promise<unknown> =>
    eventually(
      () => aws.engine.streamBacklog(),
      (streams) => streams[stream]!.queued === 0 && streams[stream]!.put > 0,
    );
  const delivered = (name: string): { key: string; data: string }[] =>
    aws.observed(name).flatMap(({ records, succeeded }) => records.slice(0, succeeded));

  it('delivers every record once it succeeds, in order within its key, from the lowest reported failure on', async () => {
    const arn = await aws.createStream('ordered', 2);
    await aws.createFunction('ordered-consumer', STREAM_HANDLER, [READS_STREAMS]);
    const records = Array.from({ length: 120 }, (_, i) => ({
      key: `user-${i % 7}`,
      data: `${i}${i % 25 === 3 ? ' flaky' : ''}`,
    }));
    await aws.put('ordered', records.slice(0, 60));
    await aws.mapStream(arn, 'ordered-consumer', { BatchSize: 20, FunctionResponseTypes: ['ReportBatchItemFailures'] });
    await aws.put('ordered', records.slice(60));
    await drained('ordered');

    const got = delivered('ordered-consumer');
    expect(got.map(({ data }) => data).sort()).toEqual(records.map(({ data }) => data).sort());
    for (let user = 0; user < 7; user++) {
      const numbers = got.filter(({ key }) => key === `user-${user}`).map(({ data }) => parseInt(data, 10));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    expect((await aws.engine.streamBacklog()).ordered).toMatchObject({
      put: 120,
      consumed: 120,
      discarded: 0,
      queued: 0,
    });
  });

  it('isolates a poison record with its payload and delivers its neighbours', async () => {
    const arn = await aws.createStream('poisoned', 1);
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'dead-letters' }));
    await aws.createFunction('poisoned-consumer', STREAM_HANDLER, [READS_STREAMS]);
    await aws.put(
      'poisoned',
      Array.from({ length: 20 }, (_, i) => ({ key: 'k', data: i === 7 ? 'poison' : String(i) })),
    );
    const mapping = await aws.mapStream(arn, 'poisoned-consumer', {
      BatchSize: 20,
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::dead-letters' } },
    });
    await drained('poisoned');

    const neighbours = Array.from({ length: 20 }, (_, i) => String(i)).filter((data) => data !== '7');
    expect(delivered('poisoned-consumer').map(({ data }) => data)).toEqual(neighbours);
    const alone = aws
      .observed('poisoned-consumer')
      .filter(({ records }) => records[0]!.data === 'poison' && records.length === 1);
    expect(alone).toHaveLength(2);
    expect((await aws.engine.streamBacklog()).poisoned).toMatchObject({
      put: 20,
      consumed: 19,
      discarded: 1,
      queued: 0,
    });

    const { Contents = [] } = await aws.s3.send(new ListObjectsV2Command({ Bucket: 'dead-letters' }));
    expect(Contents).toHaveLength(1);
    const key = Contents[0]!.Key!;
    expect(key).toMatch(new RegExp(`^aws/lambda/${mapping}/shardId-0{12}/\\d{4}/\\d\\d/\\d\\d/`));
    const object = await aws.s3.send(new GetObjectCommand({ Bucket: 'dead-letters', Key: key }));
    const notice = JSON.parse(await object.Body!.transformToString());
    expect(notice.requestContext.condition).toBe('RetryAttemptsExhausted');
    expect(notice.KinesisBatchInfo).toMatchObject({ batchSize: 1, streamArn: arn, shardId: 'shardId-000000000000' });
    const [record] = JSON.parse(notice.payload).Records;
    expect(Buffer.from(record.kinesis.data, 'base64').toString()).toBe('poison');
  });

  it('starts after the records already there with LATEST, and works the keys of a shard in parallel lanes', async () => {
    const arn = await aws.createStream('latest', 1);
    await aws.createFunction('latest-consumer', STREAM_HANDLER, [READS_STREAMS]);
    await aws.put('latest', [{ key: 'k', data: 'before' }]);
    await aws.mapStream(arn, 'latest-consumer', { StartingPosition: 'LATEST', ParallelizationFactor: 3, BatchSize: 5 });
    const records = Array.from({ length: 30 }, (_, i) => ({ key: `k${i % 5}`, data: String(i) }));
    await aws.put('latest', records);
    await drained('latest');

    const got = delivered('latest-consumer');
    expect(got.map(({ data }) => data).sort()).toEqual(records.map(({ data }) => data).sort());
    for (let k = 0; k < 5; k++) {
      const numbers = got.filter(({ key }) => key === `k${k}`).map(({ data }) => Number(data));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
  });

  it('waits for a throttled function without counting it as a retry', async () => {
    const arn = await aws.createStream('throttled', 4);
    await aws.createFunction(
      'throttled-consumer',
      STREAM_HANDLER.replace('await fetch', 'await new Promise((r) => setTimeout(r, 40)); await fetch'),
      [READS_STREAMS],
    );
    await aws.lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: 'throttled-consumer', ReservedConcurrentExecutions: 1 }),
    );
    const records = Array.from({ length: 40 }, (_, i) => ({ key: `k${i}`, data: String(i) }));
    await aws.put('throttled', records);
    await aws.mapStream(arn, 'throttled-consumer', { BatchSize: 4, MaximumRetryAttempts: 0 });
    await drained('throttled');
    expect((await aws.engine.streamBacklog()).throttled).toMatchObject({ put: 40, consumed: 40, discarded: 0 });
    expect(delivered('throttled-consumer')).toHaveLength(40);
  });

  it('gives up on records older than the allowed age', async () => {
    const arn = await aws.createStream('aged', 1);
    await aws.createFunction('aged-consumer', STREAM_HANDLER, [READS_STREAMS]);
    await aws.put('aged', [{ key: 'k', data: 'old' }]);
    await aws.clock.sleep(70);
    await aws.put('aged', [{ key: 'k', data: 'young' }]);
    await aws.s3.send(new CreateBucketCommand({ Bucket: 'too-old' }));
    await aws.mapStream(arn, 'aged-consumer', {
      MaximumRecordAgeInSeconds: 60,
      DestinationConfig: { OnFailure: { Destination: 'arn:aws:s3:::too-old' } },
    });
    await drained('aged');

    expect(delivered('aged-consumer').map(({ data }) => data)).toEqual(['young']);
    expect((await aws.engine.streamBacklog()).aged).toMatchObject({ put: 2, consumed: 1, discarded: 1 });
    const { Contents = [] } = await aws.s3.send(new ListObjectsV2Command({ Bucket: 'too-old' }));
    const object = await aws.s3.send(new GetObjectCommand({ Bucket: 'too-old', Key: Contents[0]!.Key! }));
    expect(await object.Body!.transformToString()).toContain('"condition": "RecordAgeExceeded"');
  });
});
