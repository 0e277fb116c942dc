import { randomUUID } from 'node:crypto';
import type { RunClock } from '../clock';
import { pause } from '../repeat';
import { decideNextDelivery, succeededRecords, type Delivery } from './delivery';
import type { KafkaMapping } from './kafka-mapping';
import { batchLength, failureRecord, kafkaEvent, topicPartition, type PartitionRecord } from './kafka-records';
import type { LambdaForKafka } from './lambda-for-kafka';

const POLL_MS = 20;
const DENIED_PAUSE_MS = 500;
const MAX_BACK_OFF_SECONDS = 60;
/** Records that wait in a lane before its partition is read no further, beyond two batches. */
const MIN_WAITING = 2_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

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
  /** Called when the partition should be read no further, and when it may be again. */
  readonly onRoom: (hasRoom: boolean) => void;
  readonly log: (message: string) => void;
}

/**
 * Delivers the records of one partition to the function: one batch at a time, in order, and the next one only after this one is processed or at the
 * destination for failures.
 */
export class PartitionLane {
  private waiting: PartitionRecord[] = [];
  private waitingBytes = 0;
  private deliveries: Delivery<PartitionRecord>[] = [];
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
    this.waiting.push(...fresh);
    this.waitingBytes += fresh.reduce((sum, record) => sum + bytesOf(record), 0);
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
        const delivery = this.deliveries[0] ?? (await this.nextBatch());
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

  /** Waits until a batch is full, or its window ends. */
  private async nextBatch(): Promise<Delivery<PartitionRecord> | undefined> {
    const { clock, mapping } = this.options;
    if (this.waiting.length === 0) return undefined;
    const closesAt = clock.now() + mapping.batchingWindowSeconds;
    let length = batchLength(this.waiting, mapping.batchSize);
    while (length === this.waiting.length && length < mapping.batchSize && clock.now() < closesAt && !this.isStopping) {
      await pause(Math.min(POLL_MS, ((closesAt - clock.now()) / clock.speed) * 1000), this.stopping.signal);
      length = batchLength(this.waiting, mapping.batchSize);
    }
    const records = this.waiting.splice(0, length);
    this.waitingBytes -= records.reduce((sum, record) => sum + bytesOf(record), 0);
    const delivery = { records, failures: 0 };
    this.deliveries = [delivery];
    this.tellRoom();
    return delivery;
  }

  private async deliver(delivery: Delivery<PartitionRecord>): Promise<void> {
    const { mapping, lambda, topic, partition } = this.options;
    const aged = this.agedRecords(delivery.records);
    if (aged > 0) {
      await this.discard(delivery.records.slice(0, aged), 'RecordAgeExceeded');
      const rest = delivery.records.slice(aged);
      this.replace(rest.length === 0 ? [] : [{ ...delivery, records: rest }]);
      return;
    }
    if (!(await lambda.mayUse(mapping))) {
      await pause(DENIED_PAUSE_MS, this.stopping.signal);
      return;
    }
    const result = await lambda.invoke(mapping, this.eventOf(delivery.records));
    // Another consumer has the partition now: the records stay uncommitted and come again.
    if (this.isStopping) return;
    if (result === undefined || result.kind === 'throttled') {
      await this.backOff(0);
      return;
    }
    this.invocations += 1;
    const offsets = delivery.records.map(({ offset }) => offset);
    const succeeded =
      result.kind === 'failed'
        ? 0
        : mapping.reportsFailures
          ? succeededRecords(result.response, topicPartition(topic, partition), offsets)
          : offsets.length;
    const { done, discarded, next, backOff } = decideNextDelivery(mapping, delivery, succeeded);
    if (done.length > 0) await this.pass(done);
    if (discarded.length > 0) await this.discard(discarded, 'RetryAttemptsExhausted');
    this.replace(next);
    if (backOff !== undefined) await this.backOff(backOff);
  }

  private replace(next: readonly Delivery<PartitionRecord>[]): void {
    this.deliveries.splice(0, 1, ...next);
  }

  /** Commits the offset after records; the offset of a group never goes back. */
  private async pass(records: readonly PartitionRecord[]): Promise<void> {
    const offset = records.at(-1)!.offset + 1;
    if (offset <= this.committedTo) return;
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
    if (this.isStopping) return;
    await this.pass(records);
  }

  /** Sends records to the destination; until that succeeds the partition waits, as it does for the function. */
  private async sendFailures(
    destination: string,
    records: readonly PartitionRecord[],
    condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded',
  ): Promise<void> {
    const { lambda, mapping, topic, partition, clock, produceFailure } = this.options;
    const described = await lambda.describe(mapping);
    const recordOf = (some: readonly PartitionRecord[]) =>
      failureRecord({
        requestId: randomUUID(),
        ...described,
        condition,
        invocations: this.invocations,
        at: clock.now(),
        event: this.eventOf(some),
        records: some,
      });
    while (!this.isStopping) {
      if (destination.startsWith('kafka://')) {
        const target = destination.slice('kafka://'.length);
        if (await lambda.mayWrite(mapping, target)) {
          for (const record of records) {
            const { payload, ...content } = recordOf([record]);
            await produceFailure(
              target,
              record.key,
              JSON.stringify({ ...content, payload: JSON.parse(payload) as unknown }),
            );
          }
          return;
        }
      } else if (await lambda.deliver(mapping, destination, topicPartition(topic, partition), recordOf(records)))
        return;
      await pause(DENIED_PAUSE_MS, this.stopping.signal);
    }
  }

  private eventOf(records: readonly PartitionRecord[]) {
    const { mapping, brokerAddress, topic, partition } = this.options;
    return kafkaEvent(mapping, brokerAddress, topic, partition, records);
  }

  private async backOff(step: number): Promise<void> {
    const seconds = Math.min(MAX_BACK_OFF_SECONDS, 2 ** Math.min(step, 6));
    await pause(Math.max(POLL_MS, (seconds / this.options.clock.speed) * 1000), this.stopping.signal);
  }

  private tellRoom(): void {
    const { mapping, onRoom } = this.options;
    const hasRoom =
      this.waiting.length < Math.max(MIN_WAITING, 2 * mapping.batchSize) && this.waitingBytes < MAX_WAITING_BYTES;
    if (hasRoom !== this.hasRoom) onRoom(hasRoom);
    this.hasRoom = hasRoom;
  }
}

const bytesOf = ({ key, value }: PartitionRecord): number => (key?.length ?? 0) + (value?.length ?? 0);
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
