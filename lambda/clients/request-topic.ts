import { randomUUID } from 'node:crypto';
import type { Kafka, Producer } from 'kafkajs';
import { InputError, RetryableError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { WallClock } from '../support/clock';
import { kafkaErrorKind } from './kafka-errors';
import type { PutOutcome } from './request-stream';

/** Message for a topic. */
export interface KafkaMessage {
  /** @default - by the key, as clients in Java choose it */
  readonly partition?: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: { readonly [name: string]: readonly Buffer[] };
}

/** Message that arrived in a topic. */
export interface TopicArrival {
  readonly partition: number;
  readonly offset: string;
  readonly headers: { readonly [name: string]: Buffer | string | (Buffer | string)[] | undefined };
}

/** Topic of requests, for those that put records and look what it has. */
export interface RequestTopic {
  readonly topicName: string;
  /** Returns the number of partitions. */
  partitions(): Promise<number>;
  /**
   * Sends one message, in a single attempt.
   *
   * @throws the error of a refusal that concerns every record; the topic does not have this one
   */
  put(message: KafkaMessage): Promise<PutOutcome>;
  /** Returns what arrived in partitions between two times. */
  arrivals(partitions: readonly number[], from: EpochSeconds, to: EpochSeconds): Promise<readonly TopicArrival[]>;
  close(): Promise<void>;
}

/** Time without a message after which a look at the topic counts as failed. */
const SILENCE_MS = 30_000;

/** {@link RequestTopic} of a cluster. */
export function createRequestTopic(options: {
  readonly topicName: string;
  /** Beginning of the names of consumer groups that look at the topic. */
  readonly groupPrefix: string;
  readonly connect: () => Promise<Kafka>;
  readonly clock: WallClock;
}): RequestTopic {
  const { topicName: topic, groupPrefix, connect, clock } = options;
  let connected: Promise<Kafka> | undefined;
  let producing: Promise<Producer> | undefined;
  const kafka = (): Promise<Kafka> => (connected ??= connect());
  const producer = (): Promise<Producer> =>
    (producing ??= kafka().then(async (client) => {
      const made = client.producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
      await made.connect();
      return made;
    }));

  async function withAdmin<T>(use: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = (await kafka()).admin();
    await admin.connect();
    try {
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }

  return {
    topicName: topic,
    partitions: () =>
      withAdmin(async (admin) => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        const count = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
        if (count === 0) throw new InputError(`the cluster has no topic '${topic}'`);
        return count;
      }),
    async put({ partition, key, value, headers }) {
      let sender: Producer;
      try {
        sender = await producer();
      } catch (error) {
        // Nothing was sent; the next attempt connects anew.
        connected = producing = undefined;
        throw error;
      }
      const timestamp = String(Math.floor(clock.now() * 1000));
      const copies = Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
      try {
        const [stored] = await sender.send({
          topic,
          acks: -1,
          messages: [{ key, value, headers: copies, timestamp, ...(partition !== undefined && { partition }) }],
        });
        if (stored?.baseOffset === undefined) return { kind: 'unknown', error: new Error('the broker told no offset') };
        return { kind: 'stored', shardId: `${topic}-${stored.partition}`, sequenceNumber: stored.baseOffset };
      } catch (error) {
        return outcomeOf(error);
      }
    },
    async arrivals(partitions, from, to) {
      const wanted = new Set(partitions);
      const [starts, ends] = await withAdmin((admin) =>
        Promise.all([
          admin.fetchTopicOffsetsByTimestamp(topic, Math.floor(from * 1000)),
          admin.fetchTopicOffsets(topic),
        ]),
      );
      const open = new Map<number, { readonly start: string; readonly end: bigint }>();
      for (const { partition, offset } of starts) {
        const end = BigInt(ends.find((one) => one.partition === partition)?.high ?? '0');
        if (wanted.has(partition) && BigInt(offset) >= 0n && BigInt(offset) < end)
          open.set(partition, { start: offset, end });
      }
      if (open.size === 0) return [];
      const others = ends.map(({ partition }) => partition).filter((partition) => !open.has(partition));
      const found: TopicArrival[] = [];
      const consumer = (await kafka()).consumer({
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
                const { partition, messages } = batch;
                const place = open.get(partition);
                if (place === undefined) return Promise.resolve();
                timer.refresh();
                for (const { offset, headers = {}, timestamp } of messages)
                  if (Number(timestamp) / 1000 <= to) found.push({ partition, offset, headers });
                const isBeyond = messages.some(({ timestamp }) => Number(timestamp) / 1000 > to);
                if (isBeyond || BigInt(batch.lastOffset()) + 1n >= place.end) {
                  open.delete(partition);
                  consumer.pause([{ topic, partitions: [partition] }]);
                }
                if (open.size === 0) resolve();
                return Promise.resolve();
              },
            })
            .catch(reject);
          if (others.length > 0) consumer.pause([{ topic, partitions: others }]);
          for (const [partition, { start }] of open) consumer.seek({ topic, partition, offset: start });
        });
      } finally {
        clearTimeout(silence);
        await consumer.disconnect();
      }
      return found;
    },
    async close() {
      await (await producing?.catch(() => undefined))?.disconnect();
      connected = producing = undefined;
    },
  };
}

/** Returns what a failed attempt to send means; throws a refusal that concerns every record. */
function outcomeOf(error: unknown): PutOutcome {
  switch (kafkaErrorKind(error)) {
    case 'not-now':
      return { kind: 'throttled' };
    case 'too-large':
      return { kind: 'too-large', detail: (error as Error).message };
    case 'refused':
      throw error;
    case 'unknown':
      return { kind: 'unknown', error };
  }
}
