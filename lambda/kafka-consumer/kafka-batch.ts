import { isUtf8 } from 'node:buffer';
import { type KafkaEventRecord, kafkaPosition, parseKafkaEvent } from '../../lib/ingestion/contract';
import { type Batch, identify, type RecordFields, type StreamRecord } from '../stream-consumer/batch';

/** Parses an event of Lambda's Kafka event source: a batch for each partition that has records in it. */
export function parseKafkaBatches(event: unknown, consumerGroupId: string, fields: RecordFields): readonly Batch[] {
  return Object.entries(parseKafkaEvent(event).records)
    .filter(([, records]) => records.length > 0)
    .map(([shardId, records]) => ({
      streamName: consumerGroupId,
      shardId,
      records: records.map((record) => recordOf(record, shardId, fields)),
    }));
}

/** Identity of a record: topic, partition and offset, also when it is redriven. */
function recordOf(record: KafkaEventRecord, shardId: string, fields: RecordFields): StreamRecord {
  const { offset, timestamp, key, value } = record;
  const payload = Buffer.from(value ?? '', 'base64');
  const partitionKey = key === undefined || key === null ? undefined : textOf(Buffer.from(key, 'base64'));
  return {
    sequenceNumber: String(offset),
    position: kafkaPosition(record),
    partitionKey: partitionKey ?? '',
    payload,
    arrivedAt: timestamp / 1000,
    ...identify({ partitionKey, payload }, `${shardId}:${offset}`, fields),
    ...(value === undefined || value === null ? { defect: 'the record has no value (a tombstone)' } : {}),
    kafkaRecord: record,
  };
}

/** Returns the text of a key; its bytes in base64 where they are no text. */
function textOf(key: Buffer): string {
  return isUtf8(key) ? key.toString('utf8') : key.toString('base64');
}
