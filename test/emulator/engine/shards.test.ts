import {
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListShardsCommand,
  UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis';
import { createOpenShards } from '../../../lambda/clients/open-shards';
import { STREAM_HANDLER } from './support/handlers';
import { eventually, LocalAws } from './support/local-aws';

const READS_STREAMS = { Effect: 'Allow', Action: 'kinesis:Get*', Resource: '*' };

describe('shards of the local engine', () => {
  let aws: LocalAws;
  beforeAll(async () => {
    aws = await LocalAws.start();
  });
  afterAll(() => aws?.stop());

  const summary = async (StreamName: string) =>
    (await aws.kinesis.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary!;
  const update = async (StreamName: string, TargetShardCount: number) => {
    await eventually(
      () => summary(StreamName),
      ({ StreamStatus }) => StreamStatus === 'ACTIVE',
    );
    return aws.kinesis.send(
      new UpdateShardCountCommand({ StreamName, TargetShardCount, ScalingType: 'UNIFORM_SCALING' }),
    );
  };

  test('are split and merged while records arrive: a consumer gets each of them once, those of a key in order', async () => {
    const arn = await aws.createStream('resharded', 2);
    await aws.createFunction('resharded-consumer', STREAM_HANDLER, [READS_STREAMS]);
    await aws.mapStream(arn, 'resharded-consumer', {
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    let sent = 0;
    const putSome = async (): Promise<void> => {
      const records = Array.from({ length: 60 }, () => ({ key: `user-${sent % 11}`, data: String(sent++) }));
      await aws.put('resharded', records);
    };
    await putSome();
    for (const count of [4, 5, 3, 2, 1, 2]) {
      await update('resharded', count);
      await putSome();
      expect((await summary('resharded')).OpenShardCount).toBe(count);
    }
    await eventually(
      () => aws.engine.streamBacklog(),
      ({ resharded }) => resharded!.queued === 0 && resharded!.consumed === sent,
    );
    const got = aws.observed('resharded-consumer').flatMap(({ records, succeeded }) => records.slice(0, succeeded));
    expect(got.map(({ data }) => Number(data)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: sent }, (_, index) => index),
    );
    for (let user = 0; user < 11; user++) {
      const numbers = got.filter(({ key }) => key === `user-${user}`).map(({ data }) => Number(data));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
  });

  test('that are closed end their readers and name their children, and open ones cover all keys', async () => {
    const arn = await aws.createStream('closed', 1);
    await aws.put('closed', [{ key: 'a', data: 'before' }]);
    await update('closed', 2);
    const { Shards } = await aws.kinesis.send(new ListShardsCommand({ StreamName: 'closed' }));
    expect(Shards!.map(({ ParentShardId }) => ParentShardId)).toEqual([
      undefined,
      'shardId-000000000000',
      'shardId-000000000000',
    ]);
    expect(Shards![0]!.SequenceNumberRange!.EndingSequenceNumber).toBeDefined();
    const half = 2n ** 127n;
    expect(Shards!.slice(1).map(({ HashKeyRange }) => HashKeyRange)).toEqual([
      { StartingHashKey: '0', EndingHashKey: String(half - 1n) },
      { StartingHashKey: String(half), EndingHashKey: String(2n ** 128n - 1n) },
    ]);
    expect(await createOpenShards(aws.kinesis as never).list(arn)).toEqual([
      'shardId-000000000001',
      'shardId-000000000002',
    ]);
    const { ShardIterator } = await aws.kinesis.send(
      new GetShardIteratorCommand({
        StreamName: 'closed',
        ShardId: 'shardId-000000000000',
        ShardIteratorType: 'TRIM_HORIZON',
      }),
    );
    const page = await aws.kinesis.send(new GetRecordsCommand({ ShardIterator }));
    expect(page.Records!.map(({ Data }) => Buffer.from(Data!).toString())).toEqual(['before']);
    expect(page.NextShardIterator).toBeUndefined();
    expect(page.ChildShards!.map(({ ShardId }) => ShardId)).toEqual(['shardId-000000000001', 'shardId-000000000002']);
  });

  test('are not updated beyond double, below half, while they are updated, or more than ten times in 24 hours', async () => {
    await aws.createStream('limited', 2);
    await expect(update('limited', 5)).rejects.toThrow(/above double/);
    await update('limited', 4);
    expect((await summary('limited')).StreamStatus).toBe('UPDATING');
    const whileUpdating = new UpdateShardCountCommand({
      StreamName: 'limited',
      TargetShardCount: 5,
      ScalingType: 'UNIFORM_SCALING',
    });
    await expect(aws.kinesis.send(whileUpdating)).rejects.toThrow(/UPDATING/);
    await expect(update('limited', 1)).rejects.toThrow(/below half/);
    for (const count of [2, 4, 2, 4, 2, 4, 2, 4, 2]) await update('limited', count);
    await expect(update('limited', 4)).rejects.toThrow(/10 times in 24 hours/);
  });
});
