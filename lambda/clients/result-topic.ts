import type { Kafka, Producer } from 'kafkajs';
import { PermanentError } from '../../lib/core/errors';
import { resultReference, type ResultMessage } from '../../lib/ingestion/decide/result-messages';
import type { WallClock } from '../support/clock';
import { kafkaErrorKind } from './kafka-errors';
import type { ResultTarget } from './result-target';

/** Time without a request after which connections are made anew: an execution environment may have been paused meanwhile. */
const MAX_IDLE_SECONDS = 60;

type Sent = Awaited<ReturnType<ResultTarget['send']>>;

/**
 * {@link ResultTarget} on a Kafka topic, with the record's key as key, so that results of a key are in one partition, the one that clients in Java choose. All
 * replicas in sync acknowledge a message.
 *
 * The messages of a request that go into one partition are one batch, for which brokers have a limit of 1,048,588 bytes by default. What a topic
 * with a lower one refuses is sent in halves, and a single message as a reference to its line.
 * https://kafka.apache.org/documentation/#brokerconfigs_message.max.bytes
 */
export function createTopicTarget({
  topicName,
  connect,
  clock,
}: {
  readonly topicName: string;
  readonly connect: () => Promise<Kafka>;
  readonly clock: WallClock;
}): ResultTarget {
  let producing: Promise<Producer> | undefined;
  let usedAt = 0;

  async function close(): Promise<void> {
    const open = producing;
    producing = undefined;
    // A failure to disconnect leaves nothing to send.
    await open?.then((producer) => producer.disconnect()).catch(() => undefined);
  }

  async function connected(): Promise<Producer> {
    if (clock.now() - usedAt > MAX_IDLE_SECONDS) await close();
    usedAt = clock.now();
    producing ??= connect().then(async (client) => {
      const producer = client.producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
      await producer.connect();
      return producer;
    });
    return producing;
  }

  async function send(messages: readonly ResultMessage[]): Promise<Sent> {
    const timestamp = String(Math.floor(clock.now() * 1000));
    try {
      const producer = await connected();
      await producer.send({
        topic: topicName,
        acks: -1,
        messages: messages.map(({ key, body }) => ({ key, value: body, timestamp })),
      });
      return { failed: [], reason: undefined };
    } catch (error) {
      const kind = kafkaErrorKind(error);
      if (kind === 'too-large') return sendSmaller(messages);
      // The next attempt learns the leaders of the partitions anew.
      await close();
      if (kind === 'refused') throw error;
      return { failed: messages, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Sends messages in halves, one after the other, and a single one as a reference. */
  async function sendSmaller(messages: readonly ResultMessage[]): Promise<Sent> {
    if (messages.length > 1) {
      const middle = Math.ceil(messages.length / 2);
      const first = await send(messages.slice(0, middle));
      const second = await send(messages.slice(middle));
      return { failed: [...first.failed, ...second.failed], reason: first.reason ?? second.reason };
    }
    const [message] = messages;
    const reference = resultReference(message!);
    if (reference === undefined)
      throw new PermanentError(
        `the topic ${topicName} refuses a message of ${Buffer.byteLength(message!.body)} bytes, the smallest of its result; raise its max.message.bytes`,
      );
    const { failed, reason } = await send([reference]);
    return { failed: failed.length === 0 ? [] : messages, reason };
  }

  return {
    limits: { maxMessages: 500, maxBytes: 900 * 1024 },
    maxMessageBytes: 1000 * 1024 - 1024,
    maxKeyLength: 4096,
    send,
  };
}
