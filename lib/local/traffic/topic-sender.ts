import { createHash } from 'node:crypto';
import type { LocalClock } from '../../emulator/clock';
import { connectKafka, listTopics, type Producer } from '../../emulator/kafka/kafka-client';
import { kafkaPlace } from './kafka-place';
import { lingerMs, type StreamItem } from './stream-sender';

export interface TopicSenderOptions {
  /** Address of the broker. */
  readonly broker: string;
  readonly topicName: string;
  readonly clock: LocalClock;
  /** Ends the attempts; records that are not stored stay pending. */
  readonly signal: AbortSignal;
  /** Receives the reason of a failed call; its records are retried. */
  readonly onError: (message: string) => void;
}

const MAX_RECORDS = 500;
const RETRY_MS = 500;

/**
 * Sends records to a Kafka topic in batches, one call at a time, as an idempotent producer: what is repeated is stored once, and the order of a key
 * stays.
 */
export class TopicSender {
  private waiting: StreamItem[] = [];
  private inCall = 0;
  private sending = false;
  private timer: NodeJS.Timeout | undefined;
  private retried = 0;
  private readonly connection: Promise<{ readonly producer: Producer; readonly partitions: number }>;

  public constructor(private readonly options: TopicSenderOptions) {
    this.connection = this.connect();
    // The error is that of the first call.
    this.connection.catch(() => undefined);
  }

  public send(item: StreamItem): void {
    this.waiting.push(item);
    if (this.waiting.length >= MAX_RECORDS) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), lingerMs(this.options.clock));
  }

  /** Number of records that the topic has not stored. */
  public pending(): number {
    return this.waiting.length + this.inCall;
  }

  public totals(): { readonly retries: number } {
    return { retries: this.retried };
  }

  public async close(): Promise<void> {
    clearTimeout(this.timer);
    await this.connection.then(({ producer }) => producer.disconnect()).catch(() => undefined);
  }

  private async connect() {
    const kafka = await connectKafka(this.options.broker, { retries: 10 });
    const partitions = (await listTopics(this.options.broker)).get(this.options.topicName);
    if (partitions === undefined) throw new Error(`the broker has no topic ${this.options.topicName}`);
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    return { producer, partitions };
  }

  private async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.sending) return;
    this.sending = true;
    try {
      while (this.waiting.length > 0 && !this.options.signal.aborted) {
        const batch = this.waiting.splice(0, MAX_RECORDS);
        this.inCall = batch.length;
        if (await this.put(batch)) continue;
        this.retried += batch.length;
        this.waiting = [...batch, ...this.waiting];
        this.inCall = 0;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    } finally {
      this.inCall = 0;
      this.sending = false;
    }
  }

  /** Sends a batch; false when it has to be sent again. */
  private async put(batch: readonly StreamItem[]): Promise<boolean> {
    const { topicName: topic, clock, onError } = this.options;
    try {
      const { producer, partitions } = await this.connection;
      const timestamp = String(Math.floor(clock.now() * 1000));
      const placed = batch.map((item) => ({ item, partition: partitionOf(item.key, partitions) }));
      const messages = placed.map(({ item: { key, payload: value }, partition }) => ({
        key,
        value,
        partition,
        timestamp,
      }));
      const stored = await producer.send({ topic, messages });
      const next = new Map(stored.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
      for (const { item, partition } of placed) {
        const offset = next.get(partition)!;
        next.set(partition, offset + 1);
        item.onStored(kafkaPlace(topic, partition, offset));
      }
      return true;
    } catch (error) {
      onError(`sending ${batch.length} records to topic ${topic} failed: ${(error as Error).message}`);
      return false;
    }
  }
}

/** Partition of a key: any function does that is the same for all records of a key. */
function partitionOf(key: string, partitions: number): number {
  return createHash('md5').update(key).digest().readUInt32BE() % partitions;
}
