import { KinesisClient, ListShardsCommand, type Shard } from '@aws-sdk/client-kinesis';
import { mockClient } from 'aws-sdk-client-mock';
import { createOpenShards, partitionsOf } from '../../../lambda/clients/open-shards';

const ARN = 'arn:aws:kinesis:us-east-1:123456789012:stream/requests';
const kinesis = mockClient(KinesisClient);
beforeEach(() => kinesis.reset());

const shard = (ShardId: string, EndingSequenceNumber?: string) =>
  ({ ShardId, SequenceNumberRange: { StartingSequenceNumber: '0', EndingSequenceNumber } }) as Shard;

test('the open shards of a stream are those of all pages without an end, sorted', async () => {
  kinesis
    .on(ListShardsCommand)
    .resolvesOnce({ Shards: [shard('c'), shard('closed', '9')], NextToken: 'more' })
    .resolvesOnce({ Shards: [shard('a'), { ShardId: 'b' } as Shard] });
  expect(await createOpenShards(new KinesisClient({ region: 'us-east-1' })).list(ARN)).toEqual(['a', 'b', 'c']);
  // Kinesis refuses a token together with a stream.
  expect(kinesis.commandCalls(ListShardsCommand).map(({ args }) => args[0].input)).toEqual([
    { StreamARN: ARN, ShardFilter: { Type: 'AT_LATEST' } },
    { StreamARN: ARN, NextToken: 'more' },
  ]);
});

test('a stream may have no open shard', async () => {
  kinesis.on(ListShardsCommand).resolves({});
  expect(await createOpenShards(new KinesisClient({ region: 'us-east-1' })).list(ARN)).toEqual([]);
});

test('the partitions of a topic are as many as it has, with the names that results have', async () => {
  expect(await partitionsOf('requests', 3).list('arn')).toEqual(['requests-0', 'requests-1', 'requests-2']);
  expect(await partitionsOf('requests', 0).list('arn')).toEqual([]);
});
