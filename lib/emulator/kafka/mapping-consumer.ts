import type { RunClock } from '../clock';
import { committedOffsets } from './group-offsets';
import type { Consumer, EachBatchPayload, Kafka, Producer } from './kafka-client';
import type { KafkaMapping } from './kafka-mapping';
import { topicPartition, type PartitionRecord } from './kafka-records';
import type { LambdaForKafka } from './lambda-for-kafka';
import { PartitionLane } from './partition-lane';

/** Real milliseconds after which partitions that were added are known. */
const METADATA_MS = 2_000;
const FETCH_WAIT_MS = 50;
const SESSION_MS = 10_000;
const MAX_PARTITION_BYTES = 10 * 1024 * 1024;

export interface MappingConsumerOptions {
  readonly mapping: KafkaMapping;
  /** Address of the broker, for the events of an MSK cluster. */
  readonly brokerAddress: string;
  /** Returns clients of the cluster with the credentials of the mapping. */
  readonly connect: (retries: number) => Promise<Kafka>;
  readonly lambda: LambdaForKafka;
  readonly clock: RunClock;
  /** Called with the number of records that are at the destination for failures. */
  readonly onFailures: (records: number) => void;
  /** Called when the consumer has left its group for good, as for credentials that are no longer right. */
  readonly onEnd: () => void;
  readonly log: (message: string) => void;
}

/** Consumer group of a mapping, with a lane for each partition that it is assigned. */
export class MappingConsumer {
  private readonly lanes = new Map<string, PartitionLane>();
  private consumer: Consumer | undefined;
  private producer: Producer | undefined;
  private stopped = false;

  public constructor(private readonly options: MappingConsumerOptions) {}

  /** Joins the consumer group and begins to deliver. */
  public async start(): Promise<void> {
    const { mapping, connect, log, onEnd } = this.options;
    const kafka = await connect(30);
    await this.placeGroup();
    const consumer = kafka.consumer({
      groupId: mapping.consumerGroupId,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: SESSION_MS / 5,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      maxBytesPerPartition: MAX_PARTITION_BYTES,
      metadataMaxAge: METADATA_MS,
      retry: {
        ...{ retries: 30, initialRetryTime: 100, maxRetryTime: 1000 },
        // A client keeps the credentials that it was made with: a new one reads the secret again.
        restartOnFailure: async () => !this.stopped && mapping.credentials === undefined,
      },
    });
    this.consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.assign(payload.memberAssignment));
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (this.stopped) return;
      log(`consumer group ${mapping.consumerGroupId}: ${error.message}; it is joined again`);
      if (!restart) onEnd();
    });
    await consumer.connect();
    await consumer.subscribe({
      topics: [...mapping.topics],
      fromBeginning: mapping.startingPosition === 'TRIM_HORIZON',
    });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: (payload) => this.take(payload),
    });
  }

  /** Leaves the group; invocations in flight end first, and their records stay uncommitted. */
  public async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all([...this.lanes.values()].map((lane) => lane.stop()));
    await this.consumer?.disconnect().catch(() => undefined);
    await this.producer?.disconnect().catch(() => undefined);
  }

  /** Gives a group that has no offsets those of AT_TIMESTAMP. */
  private async placeGroup(): Promise<void> {
    const { mapping, connect } = this.options;
    const { startingPosition, startingTimestamp, topics, consumerGroupId: groupId } = mapping;
    if (startingPosition !== 'AT_TIMESTAMP' || startingTimestamp === undefined) return;
    const admin = (await connect(5)).admin();
    try {
      for (const topic of topics) {
        const committed = await committedOffsets(admin, groupId, topic);
        if ([...committed.values()].some((offset) => offset >= 0)) continue;
        const partitions = await admin.fetchTopicOffsetsByTimestamp(topic, startingTimestamp * 1000);
        await admin.setOffsets({ groupId, topic, partitions });
      }
    } finally {
      await admin.disconnect();
    }
  }

  /** Ends the lanes of partitions that another consumer has now. */
  private assign(assignment: { readonly [topic: string]: readonly number[] }): void {
    const own = new Set(
      Object.entries(assignment).flatMap(([topic, partitions]) => partitions.map((one) => topicPartition(topic, one))),
    );
    for (const [name, lane] of this.lanes) {
      if (own.has(name)) continue;
      this.lanes.delete(name);
      void lane.stop();
    }
  }

  private async take({ batch, resolveOffset, isStale, isRunning }: EachBatchPayload): Promise<void> {
    if (this.stopped || isStale() || !isRunning()) return;
    const records = batch.messages.map(({ offset, key, value, timestamp, headers }): PartitionRecord => ({
      offset: Number(offset),
      key,
      value,
      timestamp: Number(timestamp),
      headers: headers ?? {},
    }));
    this.laneOf(batch.topic, batch.partition).take(records);
    resolveOffset(batch.lastOffset());
  }

  private laneOf(topic: string, partition: number): PartitionLane {
    const name = topicPartition(topic, partition);
    const known = this.lanes.get(name);
    if (known !== undefined) return known;
    const place = [{ topic, partitions: [partition] }];
    const lane = new PartitionLane({
      ...this.options,
      topic,
      partition,
      commit: (offset) => this.consumer!.commitOffsets([{ topic, partition, offset: String(offset) }]),
      produceFailure: (target, key, value) => this.produce(target, key, value),
      onRoom: (hasRoom) => (hasRoom ? this.consumer!.resume(place) : this.consumer!.pause(place)),
    });
    this.lanes.set(name, lane);
    return lane;
  }

  private async produce(topic: string, key: Buffer | null, value: string): Promise<void> {
    if (this.producer === undefined) {
      const producer = (await this.options.connect(5)).producer();
      await producer.connect();
      this.producer = producer;
    }
    const timestamp = String(Math.floor(this.options.clock.now() * 1000));
    await this.producer.send({ topic, messages: [{ key, value, timestamp }] });
  }
}
