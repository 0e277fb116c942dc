import { createHash } from 'node:crypto';
import type { KinesisStreamEvent } from 'aws-lambda';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { KafkaEventRecord } from '../../lib/ingestion/contract';
import { readPath, type RecordFieldSource } from '../../lib/ingestion/decide/record-field';
import type { ShardRecord } from '../clients/shard-reader';
import { deaggregate } from './aggregated-record';

/** One record of a producer; an aggregated record of the stream is several of them. */
export interface StreamRecord {
  /** Sequence number of the record of the stream. */
  readonly sequenceNumber: string;
  /** Place within the shard: the sequence number, and the number of the part where the record is aggregated. Sorts as text. */
  readonly position: string;
  readonly partitionKey: string;
  readonly payload: Buffer;
  readonly arrivedAt: EpochSeconds;
  readonly id: string;
  /** Records of one order key are sent one after the other. */
  readonly key: string;
  /** Reason for which the record cannot be sent at all. */
  readonly defect?: string;
  /** Time at which the record went to the asynchronous endpoint; undefined for a record that did not. */
  readonly spilledAt?: EpochSeconds;
  /** Record of a Kafka topic as Lambda delivered it. */
  readonly kafkaRecord?: KafkaEventRecord;
}

/** Records of one invocation, of one shard or partition, in order. */
export interface Batch {
  /** Name of the stream, or the consumer group of a topic: the results have it in their keys. */
  readonly streamName: string;
  /** ARN of the stream; undefined for a topic. */
  readonly streamArn?: string;
  /** Shard, or topic and partition. */
  readonly shardId: string;
  readonly records: readonly StreamRecord[];
}

/** Sources of the id and the order key of records. */
export interface RecordFields {
  readonly id: RecordFieldSource;
  readonly key: RecordFieldSource;
}

/** Digits of a sequence number; a shorter one gets zeros in front. */
const SEQUENCE_DIGITS = 56;
const PART_DIGITS = 6;

/** Batch of a Kinesis stream. */
export interface KinesisBatch extends Batch {
  readonly streamArn: string;
}

/** Parses an event of the Kinesis event source mapping; `undefined` when it has no record. */
export function parseBatch(event: KinesisStreamEvent, fields: RecordFields): KinesisBatch | undefined {
  const first = event.Records[0];
  if (first === undefined) return undefined;
  // With enhanced fan-out it is the ARN of the consumer, which begins with that of its stream.
  const streamArn = first.eventSourceARN.split('/consumer/')[0]!;
  const streamName = streamArn.split(':stream/')[1];
  const shardId = first.eventID.split(':')[0];
  if (!streamName || !shardId) {
    throw new InputError(`the event names no stream or shard (ARN '${first.eventSourceARN}', id '${first.eventID}')`);
  }
  const records = event.Records.flatMap(({ kinesis }) => {
    const { sequenceNumber, partitionKey, approximateArrivalTimestamp: arrivedAt } = kinesis;
    const payload = Buffer.from(kinesis.data, 'base64');
    return recordsOf({ sequenceNumber, partitionKey, payload, arrivedAt }, shardId, fields);
  });
  return { streamArn, streamName, shardId, records };
}

/** Returns the records of producers in a record of the stream: one, or the parts of an aggregated record. */
export function recordsOf(record: ShardRecord, shardId: string, fields: RecordFields): readonly StreamRecord[] {
  const { sequenceNumber, partitionKey, arrivedAt } = record;
  const position = sequenceNumber.padStart(SEQUENCE_DIGITS, '0');
  const payload = Buffer.from(record.payload.buffer, record.payload.byteOffset, record.payload.byteLength);
  const read = (part: Pick<StreamRecord, 'position' | 'partitionKey' | 'payload'>): StreamRecord => ({
    sequenceNumber,
    arrivedAt,
    ...part,
    ...identify(part, `${shardId}:${part.position}`, fields),
  });
  const parts = deaggregate(payload);
  if (parts === undefined) return [read({ position, partitionKey, payload })];
  return parts.map((part, index) =>
    read({
      position: `${position}.${String(index).padStart(PART_DIGITS, '0')}`,
      partitionKey: part.partitionKey,
      payload: part.data,
    }),
  );
}

/**
 * Reads id and order key; a payload without the configured field has its place in the stream as id, the partition key as order key. Records
 * without partition key have no order.
 */
export function identify(
  { partitionKey, payload }: { readonly partitionKey: string | undefined; readonly payload: Buffer },
  place: string,
  fields: RecordFields,
): { id: string; key: string } {
  const needsJson = fields.id.kind === 'json' || fields.key.kind === 'json';
  const body = needsJson ? jsonOf(payload) : undefined;
  const read = (source: RecordFieldSource): string | undefined => {
    switch (source.kind) {
      case 'partition-key':
        return partitionKey;
      case 'sequence-number':
        return undefined;
      case 'payload-hash':
        return createHash('sha256').update(payload).digest('hex');
      case 'json':
        return readPath(body, source.path, () => payload.toString('utf8'));
    }
  };
  return {
    // A partition key may be empty, and an id may not.
    id: read(fields.id) || place,
    key: fields.key.kind === 'sequence-number' ? place : (read(fields.key) ?? partitionKey ?? place),
  };
}

/** Returns the value of JSON bytes; undefined for anything else. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}
