import type { EpochSeconds } from '../../core/time';
import type { KafkaMapping } from './kafka-mapping';

/** Record of a partition, as a client reads it. */
export interface PartitionRecord {
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly headers: { readonly [name: string]: Buffer | string | readonly (Buffer | string)[] | undefined };
}

/** Payload that an event may have, with room for the rest of the invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const MAX_EVENT_BYTES = 5_500_000;
const RECORD_BYTES = 300;

/** Size of a record in an event, in bytes, roughly. */
function eventBytes({ key, value, headers }: PartitionRecord): number {
  const headerBytes = Object.entries(headers).reduce(
    (sum, [name, bytes]) => sum + name.length + 5 * (bytes?.length ?? 0),
    0,
  );
  return RECORD_BYTES + Math.ceil(((key?.length ?? 0) + (value?.length ?? 0)) * (4 / 3)) + headerBytes;
}

/** Number of records from the front that one invocation takes: at most `limit`, and at least one. */
export function batchLength(records: readonly PartitionRecord[], limit: number): number {
  let bytes = 0;
  let count = 0;
  for (const record of records) {
    bytes += eventBytes(record);
    if (count === limit || (count > 0 && bytes > MAX_EVENT_BYTES)) break;
    count += 1;
  }
  return count;
}

/** `topic-partition`, as events and reports name it. */
export const topicPartition = (topic: string, partition: number): string => `${topic}-${partition}`;

/**
 * Event of Lambda's Kafka event source.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
 */
export function kafkaEvent(
  { clusterArn, bootstrapServers }: Pick<KafkaMapping, 'clusterArn' | 'bootstrapServers'>,
  brokerAddress: string,
  topic: string,
  partition: number,
  records: readonly PartitionRecord[],
) {
  return {
    eventSource: clusterArn === undefined ? 'SelfManagedKafka' : 'aws:kafka',
    ...(clusterArn !== undefined && { eventSourceArn: clusterArn }),
    bootstrapServers: bootstrapServers ?? brokerAddress,
    records: {
      [topicPartition(topic, partition)]: records.map(({ offset, key, value, timestamp, headers }) => ({
        topic,
        partition,
        offset,
        timestamp,
        timestampType: 'CREATE_TIME',
        ...(key !== null && { key: key.toString('base64') }),
        ...(value !== null && { value: value.toString('base64') }),
        headers: Object.entries(headers).flatMap(([name, values]) =>
          // Bytes have signs there, as in Java.
          [values ?? []].flat().map((bytes) => ({ [name]: [...Int8Array.from(Buffer.from(bytes))] })),
        ),
      })),
    },
  };
}

export type KafkaEventContent = ReturnType<typeof kafkaEvent>;

/** Failure that Lambda tells a destination. */
export interface DiscardedRecords {
  readonly requestId: string;
  readonly functionArn: string;
  readonly version: string;
  readonly condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded';
  readonly invocations: number;
  readonly at: EpochSeconds;
  readonly event: KafkaEventContent;
  readonly records: readonly PartitionRecord[];
}

/**
 * Invocation record that Lambda sends to a bucket, a queue or an SNS topic for records that it discards; only a bucket gets the payload.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
 */
export function failureRecord(discarded: DiscardedRecords) {
  const { event, records } = discarded;
  const payload = JSON.stringify(event);
  const [first, last] = [records[0]!, records.at(-1)!];
  return {
    ...failureContext(discarded),
    KafkaBatchInfo: {
      ...batchInfo(discarded, payload),
      recordsInfo: {
        [Object.keys(event.records)[0]!]: {
          firstRecordOffset: String(first.offset),
          lastRecordOffset: String(last.offset),
          firstRecordTimestamp: iso(first.timestamp),
          lastRecordTimestamp: iso(last.timestamp),
        },
      },
    },
    payload,
  };
}

/**
 * Message that Lambda sends to a topic of the cluster for one record that it discards.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html
 */
export function failureMessage(discarded: DiscardedRecords) {
  const { event, records } = discarded;
  const { offset, timestamp } = records[0]!;
  return {
    ...failureContext(discarded),
    KafkaBatchInfo: {
      ...batchInfo(discarded, JSON.stringify(event)),
      recordInfo: { offset: String(offset), timestamp: iso(timestamp) },
    },
    payload: event,
  };
}

function failureContext({ requestId, functionArn, version, condition, invocations, at }: DiscardedRecords) {
  return {
    requestContext: { requestId, functionArn, condition, approximateInvokeCount: Math.max(1, invocations) },
    responseContext: { statusCode: 200, executedVersion: version, functionError: 'Unhandled' },
    version: '1.0',
    timestamp: iso(at * 1000),
  };
}

function batchInfo({ event, records }: DiscardedRecords, payload: string) {
  return {
    batchSize: records.length,
    eventSourceArn: event.eventSourceArn ?? '',
    bootstrapServers: event.bootstrapServers,
    payloadSize: Buffer.byteLength(payload),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
