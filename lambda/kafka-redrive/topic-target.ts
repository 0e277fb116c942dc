import type { KafkaEventRecord } from '../../lib/ingestion/contract';
import { parseFailedTopicBatch, REDRIVE_TAG } from '../../lib/ingestion/decide/redrive';
import type { RequestTopic, TopicArrival } from '../clients/request-topic';
import { parseKafkaBatches } from '../kafka-consumer/kafka-batch';
import type { RedriveTarget } from '../redrive/target';

/** Fields of records in a batch: their order is that of their keys. */
const RECORD_FIELDS = { id: { kind: 'sequence-number' }, key: { kind: 'partition-key' } } as const;

/**
 * {@link RedriveTarget} of a Kafka topic: a record goes into the partition that it came from, its key, value and headers byte for byte, with its
 * name in a header.
 */
export function topicTarget(options: {
  readonly topic: RequestTopic;
  readonly consumerGroupId: string;
  /** Name of the consumer function, which failed batches name. */
  readonly consumerName: string;
  /** Place of the failed batches. @default - the bucket of the results */
  readonly failures?: RedriveTarget['failures'];
  /** Destination of failed batches that does not have their records. @default - the redrive reads them */
  readonly failuresWithoutRecords?: string;
}): RedriveTarget {
  const { topic, consumerGroupId, consumerName, failures, failuresWithoutRecords } = options;
  const { topicName } = topic;
  const isPartition = (name: string): boolean =>
    name.startsWith(`${topicName}-`) && /^\d+$/.test(name.slice(topicName.length + 1));
  const partitionOf = (shardId: string): number => Number(shardId.slice(topicName.length + 1));
  return {
    streamName: consumerGroupId,
    ...(failures !== undefined && { failures }),
    ...(failuresWithoutRecords !== undefined && { failuresWithoutRecords }),
    async shards() {
      return Array.from({ length: await topic.partitions() }, (_, partition) => `${topicName}-${partition}`);
    },
    isShard: isPartition,
    failedBatches: (folder, shardId) => ({
      prefix: folder,
      // A batch may have the records of several partitions: only a folder that is another partition rules one out.
      mayHold: (key) => {
        const name = key.slice(folder.length).split('/')[0]!;
        return name === shardId || !isPartition(name);
      },
    }),
    parse(text) {
      const failed = parseFailedTopicBatch(text);
      // A batch without payload has no record to put again.
      if (failed?.functionName !== consumerName || failed.event === undefined) return undefined;
      return { failedAt: failed.failedAt, batches: parseKafkaBatches(failed.event, consumerGroupId, RECORD_FIELDS) };
    },
    laneOf: ({ kafkaRecord, partitionKey, shardId, position }) =>
      // Records without key have no order.
      hasKey(kafkaRecord) ? partitionKey : `${shardId}:${position}`,
    unfit: ({ kafkaRecord, shardId }) => {
      if (kafkaRecord === undefined)
        return { reason: 'unreadable', detail: 'it has no record of a topic (kafkaRecord)' };
      if (isPartition(shardId)) return undefined;
      return { reason: 'unreadable', detail: `${shardId} is no partition of the topic ${topicName}` };
    },
    put: ({ kafkaRecord, shardId }, name) =>
      topic.put({
        partition: partitionOf(shardId),
        key: bytesOf(kafkaRecord?.key),
        value: bytesOf(kafkaRecord?.value),
        headers: { ...headersOf(kafkaRecord), [REDRIVE_TAG]: [Buffer.from(name)] },
      }),
    async *arrivals(records, from, to) {
      const partitions = [...new Set(records.map(({ shardId }) => partitionOf(shardId)))];
      for (const { partition, offset, headers } of await topic.arrivals(partitions, from, to))
        yield { names: namesOf(headers), shardId: `${topicName}-${partition}`, sequenceNumber: offset };
    },
  };
}

const hasKey = (record: KafkaEventRecord | undefined): boolean => record?.key !== undefined && record.key !== null;

const bytesOf = (base64: string | null | undefined): Buffer | null =>
  base64 === undefined || base64 === null ? null : Buffer.from(base64, 'base64');

/** Headers by name; Lambda tells their bytes with signs. */
function headersOf(record: KafkaEventRecord | undefined): { readonly [name: string]: readonly Buffer[] } {
  const headers = new Map<string, Buffer[]>();
  for (const header of record?.headers ?? [])
    for (const [name, bytes] of Object.entries(header))
      headers.set(name, [...(headers.get(name) ?? []), Buffer.from(bytes.map((byte) => byte & 0xff))]);
  return Object.fromEntries(headers);
}

function namesOf({ [REDRIVE_TAG]: values }: TopicArrival['headers']): readonly string[] {
  return values === undefined ? [] : [values].flat().map((value) => value.toString());
}
