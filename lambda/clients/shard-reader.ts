import { GetRecordsCommand, GetShardIteratorCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { awsClient } from './aws-client';

/** Record of a shard as it was put. */
export interface ShardRecord {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly payload: Uint8Array;
  /** Time at which the stream received the record, seconds since the epoch. */
  readonly arrivedAt: number;
}

/** Records of one call. */
export interface ShardPage {
  readonly records: readonly ShardRecord[];
  /** True if the shard has more records already. */
  readonly isBehind: boolean;
  /** True for the last records of a shard that was split or merged. */
  readonly isLast: boolean;
}

/** Place in a shard from which it is read. */
export interface ShardCursor {
  /** Returns the next records, at most `limit`; after an error the next call continues at the same place. */
  next(limit: number, signal?: AbortSignal): Promise<ShardPage>;
}

/** Reader of the shards of a stream. */
export interface ShardReader {
  /** Returns the place behind a record of the stream with this ARN. */
  after(streamArn: string, shardId: string, sequenceNumber: string): ShardCursor;
}

/** Maximum number of records of one call: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html */
const MAX_RECORDS = 10_000;

/** {@link ShardReader} of Kinesis. */
export function createShardReader(kinesis = awsClient(KinesisClient)): ShardReader {
  return {
    after(streamArn, shardId, first) {
      let sequenceNumber = first;
      let iterator: string | undefined;
      return {
        async next(limit, signal) {
          iterator ??= (
            await kinesis.send(
              new GetShardIteratorCommand({
                StreamARN: streamArn,
                ShardId: shardId,
                ShardIteratorType: 'AFTER_SEQUENCE_NUMBER',
                StartingSequenceNumber: sequenceNumber,
              }),
              { abortSignal: signal },
            )
          ).ShardIterator;
          // An iterator expires after five minutes, and one whose response was lost may not be used again.
          const current = iterator;
          iterator = undefined;
          const {
            Records = [],
            NextShardIterator,
            MillisBehindLatest = 0,
          } = await kinesis.send(
            new GetRecordsCommand({
              StreamARN: streamArn,
              ShardIterator: current,
              Limit: Math.min(limit, MAX_RECORDS),
            }),
            { abortSignal: signal },
          );
          iterator = NextShardIterator;
          sequenceNumber = Records.at(-1)?.SequenceNumber ?? sequenceNumber;
          return {
            records: Records.map((record) => ({
              sequenceNumber: record.SequenceNumber!,
              partitionKey: record.PartitionKey!,
              payload: record.Data!,
              arrivedAt: record.ApproximateArrivalTimestamp!.getTime() / 1000,
            })),
            isBehind: MillisBehindLatest > 0,
            isLast: NextShardIterator === undefined,
          };
        },
      };
    },
  };
}
