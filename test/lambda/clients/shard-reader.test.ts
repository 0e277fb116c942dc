import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { mockClient } from 'aws-sdk-client-mock';
import { createShardReader } from '../../../lambda/clients/shard-reader';

const kinesis = mockClient(KinesisClient);
const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/requests';
const SHARD = 'shardId-000000000000';

beforeEach(() => kinesis.reset());

const record = (SequenceNumber: string) => ({
  SequenceNumber,
  PartitionKey: 'user-1',
  Data: new Uint8Array([1, 2]),
  ApproximateArrivalTimestamp: new Date(1_700_000_000_500),
});

describe('the reader of a shard', () => {
  const cursor = () => createShardReader(new KinesisClient({ region: 'us-east-1' })).after(ARN, SHARD, '7');
  const iterators = () => kinesis.commandCalls(GetShardIteratorCommand).map(({ args }) => args[0].input);

  test('begins behind a record, and goes on from page to page', async () => {
    kinesis.on(GetShardIteratorCommand).resolves({ ShardIterator: 'first' });
    kinesis
      .on(GetRecordsCommand)
      .resolvesOnce({ Records: [record('8')], NextShardIterator: 'second', MillisBehindLatest: 3 })
      .resolvesOnce({ Records: [], MillisBehindLatest: 0 });
    const reading = cursor();
    expect(await reading.next(50)).toEqual({
      records: [
        { sequenceNumber: '8', partitionKey: 'user-1', payload: new Uint8Array([1, 2]), arrivedAt: 1_700_000_000.5 },
      ],
      isBehind: true,
      isLast: false,
    });
    expect(await reading.next(50_000)).toEqual({ records: [], isBehind: false, isLast: true });
    expect(iterators()).toEqual([
      { StreamARN: ARN, ShardId: SHARD, ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: '7' },
    ]);
    expect(kinesis.commandCalls(GetRecordsCommand).map(({ args }) => args[0].input)).toEqual([
      { StreamARN: ARN, ShardIterator: 'first', Limit: 50 },
      { StreamARN: ARN, ShardIterator: 'second', Limit: 10_000 },
    ]);
  });

  test('goes on behind its last record after an error', async () => {
    kinesis.on(GetShardIteratorCommand).resolves({ ShardIterator: 'any' });
    kinesis
      .on(GetRecordsCommand)
      .resolvesOnce({ Records: [record('8')], NextShardIterator: 'second' })
      .rejectsOnce(new Error('ExpiredIteratorException'))
      .resolvesOnce({ Records: [record('9')], NextShardIterator: 'third' });
    const reading = cursor();
    await reading.next(50);
    await expect(reading.next(50)).rejects.toThrow('Expired');
    expect((await reading.next(50)).records.map(({ sequenceNumber }) => sequenceNumber)).toEqual(['9']);
    expect(iterators().map(({ StartingSequenceNumber }) => StartingSequenceNumber)).toEqual(['7', '8']);
  });
});
