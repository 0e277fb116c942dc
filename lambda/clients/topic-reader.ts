import { randomUUID } from 'node:crypto';
import type { Kafka, KafkaMessage } from 'kafkajs';
import { RetryableError } from '../../lib/core/errors';

/** Time without a message after which a look at the topic counts as failed. */
const SILENCE_MS = 30_000;

/** Part of a partition: from an offset to the one behind its end. */
export interface PartitionSpan {
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** Does something with an administrator of the cluster, whose connection ends with it. */
export async function withAdmin<T>(kafka: Kafka, use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/**
 * Reads parts of the partitions of a topic, as a consumer group of its own that commits nothing.
 *
 * @param options.partitions all partitions of the topic
 * @param options.onMessages called with the messages of a partition in their order; false ends the partition
 * @throws RetryableError when nothing comes for half a minute
 */
export async function readTopic(
  kafka: Kafka,
  options: {
    readonly topic: string;
    /** Beginning of the name of the consumer group. */
    readonly groupPrefix: string;
    readonly partitions: readonly number[];
    readonly spans: readonly PartitionSpan[];
    readonly onMessages: (partition: number, messages: readonly KafkaMessage[]) => boolean;
  },
): Promise<void> {
  const { topic, groupPrefix, spans, partitions, onMessages } = options;
  const open = new Map(spans.filter(({ start, end }) => start < end).map((span) => [span.partition, span]));
  if (open.size === 0) return;
  const others = partitions.filter((partition) => !open.has(partition));
  const consumer = kafka.consumer({
    groupId: `${groupPrefix}${randomUUID()}`,
    allowAutoTopicCreation: false,
    maxBytesPerPartition: 10 * 1024 * 1024,
    retry: { retries: 5 },
  });
  let silence: NodeJS.Timeout | undefined;
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = (silence = setTimeout(
        () => reject(new RetryableError(`no record of ${topic} could be read`)),
        SILENCE_MS,
      ));
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer
        .run({
          autoCommit: false,
          eachBatch: ({ batch }) => {
            const span = open.get(batch.partition);
            if (span === undefined) return Promise.resolve();
            timer.refresh();
            const goesOn = onMessages(batch.partition, batch.messages);
            if (!goesOn || BigInt(batch.lastOffset()) + 1n >= span.end) {
              open.delete(batch.partition);
              consumer.pause([{ topic, partitions: [batch.partition] }]);
            }
            if (open.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
      if (others.length > 0) consumer.pause([{ topic, partitions: [...others] }]);
      for (const { partition, start } of open.values()) consumer.seek({ topic, partition, offset: String(start) });
    });
  } finally {
    clearTimeout(silence);
    await consumer.disconnect();
  }
}
