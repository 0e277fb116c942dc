import type { EpochSeconds } from '../../lib/core/time';
import type { KafkaEventRecord } from '../../lib/ingestion/contract';
import type { ObjectStore } from '../clients/object-store';
import type { PutOutcome } from '../clients/request-stream';
import type { Batch } from '../stream-consumer/batch';

/** Record that is put again, as it was set aside. */
export interface SetAsideRecord {
  readonly shardId: string;
  readonly position: string;
  readonly partitionKey: string;
  readonly payload: Buffer;
  /** Record of a Kafka topic as Lambda delivered it. */
  readonly kafkaRecord?: KafkaEventRecord;
}

/** Object of a failed batch: its records by shard or partition, and the time of its failure. */
export interface FailedRecords {
  readonly failedAt: EpochSeconds;
  readonly batches: readonly Batch[];
}

/** Reason for which a record cannot be put at all. */
export interface Unfit {
  readonly reason: 'too-large' | 'unreadable';
  readonly detail: string;
}

/** Record that arrived in the stream or topic, with the names that redrives gave it. */
export interface Arrived {
  readonly names: readonly string[];
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** Source of set-aside records, and stream or topic into which they go again. */
export interface RedriveTarget {
  /** Name of the stream, or the consumer group of a topic: the results have it in their keys. */
  readonly streamName: string;
  /** Place of the failed batches. @default - the bucket of the results */
  readonly failures?: Pick<ObjectStore, 'get' | 'keysAfter'>;
  /** Destination of failed batches that does not have their records. @default - the redrive reads them */
  readonly failuresWithoutRecords?: string;
  /** Returns shards or partitions that may have failed batches, beside those that name a folder. */
  shards(): Promise<readonly string[]>;
  /** True for a folder of failed batches that is a shard or partition of this source. */
  isShard(folder: string): boolean;
  /** Prefix of the failed batches of a shard within the folder of an event source mapping, and the test of a key below it. */
  failedBatches(
    folder: string,
    shardId: string,
  ): { readonly prefix: string; readonly mayHold: (key: string) => boolean };
  /**
   * Reads the object of a failed batch.
   *
   * @returns undefined for a batch of another source, or without payload
   * @throws InputError that names what is wrong with it
   */
  parse(text: string): FailedRecords | undefined;
  /** Lane of a record: those of one lane are put one after the other. */
  laneOf(record: SetAsideRecord): string;
  /** Returns why a record with its name cannot be put; undefined where it can. */
  unfit(record: SetAsideRecord, name: string): Unfit | undefined;
  /**
   * Puts one record, in a single attempt.
   *
   * @param name text that names the record in the stream
   * @param after sequence number of the earlier record of the lane that this one follows
   * @throws the error of a refusal that concerns every record; the stream does not have this one
   */
  put(record: SetAsideRecord, name: string, after: string | undefined): Promise<PutOutcome>;
  /** Returns what arrived between two times in the shards or partitions to which records go. */
  arrivals(records: readonly SetAsideRecord[], from: EpochSeconds, to: EpochSeconds): AsyncIterable<Arrived>;
}
