import { randomUUID } from 'node:crypto';
import {
  afterDelivery,
  beginAt,
  type DeliveryAnswer,
  giveUpBefore,
  kafkaAnswers,
  type MappingDelivery,
  type MappingStep,
  nextDelivery,
} from '../../ingestion/decide/event-source-mapping';
import type { RunClock } from '../clock';
import { pause } from '../repeat';
import type { KafkaMapping } from './kafka-mapping';
import {
  batchLength,
  type DiscardedRecords,
  failureMessage,
  failureRecord,
  kafkaEvent,
  topicPartition,
  type PartitionRecord,
} from './kafka-records';
import type { LambdaForKafka } from './lambda-for-kafka';

/** Beginning of a destination that is a topic of the cluster. */
const KAFKA_DESTINATION = 'kafka://';
const POLL_MS = 20;
const DENIED_PAUSE_MS = 500;
/** Pause after an invocation that Lambda throttled. */
const THROTTLED_PAUSE_SECONDS = 1;
/** Records that a lane holds before its partition is read no further, or three batches. */
const MIN_HELD = 2_000;
const MAX_HELD_BYTES = 32 * 1024 * 1024;

export interface PartitionLaneOptions {
  readonly mapping: KafkaMapping;
  readonly topic: string;
  readonly partition: number;
  readonly brokerAddress: string;
  readonly lambda: LambdaForKafka;
  readonly clock: RunClock;
  /** Stores the offset of the next record of the partition in the consumer group. */
  readonly commit: (offset: number) => Promise<void>;
  /** Sends failed records to a topic of the cluster. */
  readonly produceFailure: (topic: string, key: Buffer | null, value: string) => Promise<void>;
  /** Called with the number of records that are at the destination. */
  readonly onFailures: (records: number) => void;
  /** Called when the partition should be read no further, and when it may be again. */
  readonly onRoom: (hasRoom: boolean) => void;
  readonly log: (message: string) => void;
}

/**
 * Delivers the records of one partition to the function: one batch at a time, in order, and the next one only after this one is processed or at the
 * destination for failures.
 */
export class PartitionLane {
  /** Records that are neither done nor at the destination; the first one has the number of the place. */
  private held: PartitionRecord[] = [];
  private heldBytes = 0;
  private place = beginAt(0);
  /** Offset after the last record that was taken. */
  private takenTo = -1;
  private committedTo = -1;
  private invocations = 0;
  private hasRoom = true;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  public constructor(private readonly options: PartitionLaneOptions) {
    this.running = this.run();
  }

  /** Takes records as the broker gives them; those that were taken before, as after a rebalance, are left out. */
  public take(records: readonly PartitionRecord[]): void {
    const fresh = records.filter(({ offset }) => offset >= this.takenTo);
    if (fresh.length === 0) return;
    this.takenTo = fresh.at(-1)!.offset + 1;
    this.held.push(...fresh);
    this.heldBytes += fresh.reduce((sum, record) => sum + bytesOf(record), 0);
    this.tellRoom();
  }

  /** Ends after the invocation in flight, whose records stay uncommitted. */
  public async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        const delivery = await this.nextDelivery();
        if (delivery === undefined) await pause(POLL_MS, this.stopping.signal);
        else await this.deliver(delivery);
      } catch (error) {
        const { topic, partition, log } = this.options;
        if (!this.isStopping)
          log(`delivery from ${topicPartition(topic, partition)} failed and is retried: ${text(error)}`);
        await pause(DENIED_PAUSE_MS, this.stopping.signal);
      }
    }
  }

  /** Returns what comes again, or a new batch once it is full or its window ends. */
  private async nextDelivery(): Promise<MappingDelivery | undefined> {
    const { clock, mapping } = this.options;
    if (this.place.parts.length > 0) return this.place.parts[0];
    if (this.held.length === 0) return undefined;
    const closesAt = clock.now() + mapping.batchingWindowSeconds;
    let length = batchLength(this.held, mapping.batchSize);
    while (length === this.held.length && length < mapping.batchSize && clock.now() < closesAt && !this.isStopping) {
      await pause(Math.min(POLL_MS, ((closesAt - clock.now()) / clock.speed) * 1000), this.stopping.signal);
      length = batchLength(this.held, mapping.batchSize);
    }
    return nextDelivery(this.place, this.place.next + this.held.length, length);
  }

  private async deliver(delivery: MappingDelivery): Promise<void> {
    const { mapping, lambda, topic, partition } = this.options;
    const records = this.recordsOf(delivery);
    const aged = this.agedRecords(records);
    if (aged > 0) {
      await this.settle(giveUpBefore(this.place, delivery.first + aged), 'RecordAgeExceeded');
      return;
    }
    if (!(await lambda.mayUse(mapping))) {
      await pause(DENIED_PAUSE_MS, this.stopping.signal);
      return;
    }
    const result = await lambda.invoke(mapping, this.eventOf(records));
    // Another consumer has the partition now: the records stay uncommitted and come again.
    if (this.isStopping) return;
    if (result === undefined || result.kind === 'throttled') {
      await this.wait(THROTTLED_PAUSE_SECONDS);
      return;
    }
    this.invocations += 1;
    const name = topicPartition(topic, partition);
    const delivered = { [name]: { ...delivery, offsets: records.map(({ offset }) => offset) } };
    const answer: DeliveryAnswer =
      result.kind === 'failed'
        ? { kind: 'failed' }
        : mapping.reportsFailures
          ? kafkaAnswers(delivered, result.response)[name]!
          : { kind: 'done' };
    await this.settle(afterDelivery(this.place, delivery, answer, mapping), 'RetryAttemptsExhausted');
  }

  /** Takes a step: what is given up goes to the destination, and the offset of the group passes what is done. */
  private async settle(
    { place, givenUp, pauseSeconds }: MappingStep,
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded',
  ): Promise<void> {
    if (givenUp !== undefined) {
      await this.commitBefore(givenUp.first);
      await this.discard(this.recordsOf(givenUp), condition);
      if (this.isStopping) return;
    }
    await this.commitBefore(place.next);
    const passed = this.held.splice(0, place.next - this.place.next);
    this.heldBytes -= passed.reduce((sum, record) => sum + bytesOf(record), 0);
    this.place = place;
    this.tellRoom();
    if (pauseSeconds > 0) await this.wait(pauseSeconds);
  }

  private recordsOf({ first, end }: Pick<MappingDelivery, 'first' | 'end'>): readonly PartitionRecord[] {
    return this.held.slice(first - this.place.next, end - this.place.next);
  }

  /** Commits the offset behind the records before one; the offset of a group never goes back. */
  private async commitBefore(record: number): Promise<void> {
    const last = this.held[record - this.place.next - 1];
    if (last === undefined || last.offset < this.committedTo) return;
    const offset = last.offset + 1;
    this.committedTo = offset;
    await this.options.commit(offset).catch((error: unknown) => {
      // The next commit includes this one; without one the records come again.
      if (!this.isStopping) this.options.log(`offset ${offset} was not committed: ${text(error)}`);
    });
  }

  private agedRecords(records: readonly PartitionRecord[]): number {
    const { maximumRecordAgeSeconds } = this.options.mapping;
    if (maximumRecordAgeSeconds === undefined) return 0;
    const oldest = (this.options.clock.now() - maximumRecordAgeSeconds) * 1000;
    const kept = records.findIndex(({ timestamp }) => timestamp >= oldest);
    return kept === -1 ? records.length : kept;
  }

  private async discard(
    records: readonly PartitionRecord[],
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded',
  ): Promise<void> {
    const { mapping, topic, partition, log } = this.options;
    if (mapping.destination === undefined)
      log(`${records.length} records of ${topicPartition(topic, partition)} discarded: ${condition}`);
    else await this.sendFailures(mapping.destination, records, condition);
  }

  /** Sends records to the destination; until that succeeds the partition waits, as it does for the function. */
  private async sendFailures(
    destination: string,
    records: readonly PartitionRecord[],
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded',
  ): Promise<void> {
    const { lambda, mapping, topic, partition, clock } = this.options;
    const described = await lambda.describe(mapping);
    const discarded = (some: readonly PartitionRecord[]): DiscardedRecords => ({
      requestId: randomUUID(),
      ...described,
      condition,
      invocations: this.invocations,
      at: clock.now(),
      event: this.eventOf(some),
      records: some,
    });
    const send = async (): Promise<boolean> => {
      if (!(await lambda.mayFail(mapping))) return false;
      if (!destination.startsWith(KAFKA_DESTINATION))
        return lambda.deliver(
          mapping,
          destination,
          topicPartition(topic, partition),
          failureRecord(discarded(records)),
        );
      const target = destination.slice(KAFKA_DESTINATION.length);
      for (const record of records)
        await this.options.produceFailure(target, record.key, JSON.stringify(failureMessage(discarded([record]))));
      return true;
    };
    while (!this.isStopping) {
      if (await send()) {
        this.options.onFailures(records.length);
        return;
      }
      await pause(DENIED_PAUSE_MS, this.stopping.signal);
    }
  }

  private eventOf(records: readonly PartitionRecord[]) {
    const { mapping, brokerAddress, topic, partition } = this.options;
    return kafkaEvent(mapping, brokerAddress, topic, partition, records);
  }

  private async wait(seconds: number): Promise<void> {
    await pause(Math.max(POLL_MS, (seconds / this.options.clock.speed) * 1000), this.stopping.signal);
  }

  private tellRoom(): void {
    const { mapping, onRoom } = this.options;
    const hasRoom = this.held.length < Math.max(MIN_HELD, 3 * mapping.batchSize) && this.heldBytes < MAX_HELD_BYTES;
    if (hasRoom !== this.hasRoom) onRoom(hasRoom);
    this.hasRoom = hasRoom;
  }
}

const bytesOf = ({ key, value }: PartitionRecord): number => (key?.length ?? 0) + (value?.length ?? 0);
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
