import { createHash } from 'node:crypto';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  type KinesisClientConfig,
  ListShardsCommand,
  PutRecordCommand,
  type ListShardsCommandOutput,
  type Shard,
} from '@aws-sdk/client-kinesis';
import type { EpochSeconds } from '../../lib/core/time';
import type { Sleep } from '../support/sleep';
import { systemSleep } from '../support/sleep';
import { awsClient } from './aws-client';

/** Outcome of a put. */
export type PutOutcome =
  | { readonly kind: 'stored'; readonly shardId: string; readonly sequenceNumber: string }
  /** The stream has no room now; it does not have the record. */
  | { readonly kind: 'throttled' }
  /** The stream takes no record of this size; it does not have the record. */
  | { readonly kind: 'too-large'; readonly detail: string }
  /** No answer, or a failure of the service: the stream may have the record. */
  | { readonly kind: 'unknown'; readonly error: unknown };

/** Stream of requests, for those that put records and look what it has. */
export interface RequestStream {
  /**
   * Puts one record, in a single attempt.
   *
   * @param after sequence number of the earlier record of the key that this one follows
   * @throws the error of a refusal that concerns every record; the stream does not have this one
   */
  put(
    record: { readonly partitionKey: string; readonly data: Uint8Array; readonly after?: string },
    signal?: AbortSignal,
  ): Promise<PutOutcome>;
  /** Returns the records of some partition keys' shards that arrived between two times. */
  arrivals(
    partitionKeys: readonly string[],
    from: EpochSeconds,
    to: EpochSeconds,
    signal?: AbortSignal,
  ): AsyncIterable<{ readonly shardId: string; readonly sequenceNumber: string; readonly data: Uint8Array }>;
}

const THROTTLED = ['ProvisionedThroughputExceededException', 'ThrottlingException', 'KMSThrottlingException'];

/** Pause between two reads of a shard, which takes five a second (https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html). */
const READ_PAUSE_MS = 250;

/** {@link RequestStream} in Kinesis. */
export function createRequestStream(
  streamName: string,
  {
    sleep = systemSleep,
    limits = {},
    configuration = {},
  }: {
    readonly sleep?: Sleep;
    /** Limits of calls, other than the number of attempts. */
    readonly limits?: { readonly requestTimeoutMs?: number };
    readonly configuration?: KinesisClientConfig;
  } = {},
): RequestStream {
  // An attempt without an answer must not be repeated: the stream may have the record.
  const once = awsClient(KinesisClient, { ...limits, maxAttempts: 1 }, configuration);
  const reader = awsClient(KinesisClient, limits, configuration);

  async function shardsOf(keys: readonly string[], signal?: AbortSignal): Promise<Shard[]> {
    const hashes = keys.map((key) => BigInt(`0x${createHash('md5').update(key).digest('hex')}`));
    const shards: Shard[] = [];
    for (let NextToken: string | undefined, isFirst = true; isFirst || NextToken !== undefined; isFirst = false) {
      // A token stands for the stream.
      const page: ListShardsCommandOutput = await reader.send(
        new ListShardsCommand(NextToken === undefined ? { StreamName: streamName } : { NextToken }),
        { abortSignal: signal },
      );
      NextToken = page.NextToken;
      for (const shard of page.Shards ?? []) {
        const [first, last] = [shard.HashKeyRange!.StartingHashKey!, shard.HashKeyRange!.EndingHashKey!].map(BigInt);
        if (hashes.some((hash) => first! <= hash && hash <= last!)) shards.push(shard);
      }
    }
    return shards;
  }

  return {
    async put({ partitionKey, data, after }, signal) {
      const command = new PutRecordCommand({
        StreamName: streamName,
        PartitionKey: partitionKey,
        Data: data,
        ...(after !== undefined && { SequenceNumberForOrdering: after }),
      });
      try {
        const { ShardId, SequenceNumber } = await once.send(command, { abortSignal: signal });
        return { kind: 'stored', shardId: ShardId!, sequenceNumber: SequenceNumber! };
      } catch (error) {
        const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
        if (THROTTLED.includes(name ?? '')) return { kind: 'throttled' };
        const status = $metadata?.httpStatusCode ?? 500;
        if (status >= 400 && status < 500) throw error;
        return { kind: 'unknown', error };
      }
    },
    async *arrivals(keys, from, to, signal) {
      for (const { ShardId } of await shardsOf(keys, signal)) {
        const { ShardIterator } = await reader.send(
          new GetShardIteratorCommand({
            StreamName: streamName,
            ShardId,
            ShardIteratorType: 'AT_TIMESTAMP',
            Timestamp: new Date(from * 1000),
          }),
          { abortSignal: signal },
        );
        for (let iterator = ShardIterator; iterator !== undefined;) {
          const page = await reader.send(new GetRecordsCommand({ ShardIterator: iterator }), { abortSignal: signal });
          const records = page.Records ?? [];
          for (const { SequenceNumber, Data } of records)
            yield { shardId: ShardId!, sequenceNumber: SequenceNumber!, data: Data! };
          const last = records.at(-1)?.ApproximateArrivalTimestamp;
          const isBeyond = last !== undefined && last.getTime() / 1000 > to;
          if (isBeyond || (records.length === 0 && (page.MillisBehindLatest ?? 0) === 0)) break;
          iterator = page.NextShardIterator;
          await sleep(READ_PAUSE_MS, signal);
        }
      }
    },
  };
}
