import type { Kafka, Producer } from 'kafkajs';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { WallClock } from '../support/clock';
import { kafkaErrorKind } from './kafka-errors';
import type { PutOutcome } from './request-stream';
import { readTopic, withAdmin } from './topic-reader';

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

  return {
    topicName: topic,
    partitions: async () =>
      withAdmin(await kafka(), async (admin) => {
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
      const client = await kafka();
      const [starts, ends] = await withAdmin(client, (admin) =>
        Promise.all([
          admin.fetchTopicOffsetsByTimestamp(topic, Math.floor(from * 1000)),
          admin.fetchTopicOffsets(topic),
        ]),
      );
      const found: TopicArrival[] = [];
      await readTopic(client, {
        topic,
        groupPrefix,
        partitions: ends.map(({ partition }) => partition),
        spans: starts
          .filter(({ partition, offset }) => wanted.has(partition) && BigInt(offset) >= 0n)
          .map(({ partition, offset }) => ({
            partition,
            start: BigInt(offset),
            end: BigInt(ends.find((one) => one.partition === partition)?.high ?? '0'),
          })),
        onMessages: (partition, messages) => {
          const inTime = messages.filter(({ timestamp }) => Number(timestamp) / 1000 <= to);
          found.push(...inTime.map(({ offset, headers = {} }) => ({ partition, offset, headers })));
          return inTime.length === messages.length;
        },
      });
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
