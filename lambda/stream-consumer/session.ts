import { setMaxListeners } from 'node:events';
import type { EpochSeconds } from '../../lib/core/time';
import type { RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import { decideSession, type SessionStep } from '../../lib/ingestion/decide/session';
import type { ShardCursor } from '../clients/shard-reader';
import type { TimedAnswer } from './answers';
import { BacklogMeter, type BacklogOfPeriod } from './backlog-meter';
import { type Batch, type RecordFields, recordsOf, type StreamRecord } from './batch';
import type { DoneRecords } from './done-records';
import { EndpointInvoker, type EndpointInvokerOptions } from './endpoint-invoker';
import type { CapacityFollower } from './capacity-follower';
import { KeyLanes, type RequestSlots } from './key-lanes';
import type { OutcomeWriter } from './outcome-writer';
import type { SeenRecords } from './seen-records';

/** Record of an invocation and what has become of it. */
interface Entry {
  readonly record: StreamRecord;
  outcome?: RecordOutcome<TimedAnswer>;
}

export interface SessionOptions extends Omit<
  EndpointInvokerOptions,
  'streamName' | 'shardId' | 'signal' | 'pauseSignal' | 'onBusy'
> {
  readonly batch: Batch;
  /** Place in the shard behind the batch; undefined where another invocation may read the shard. */
  readonly cursor: ShardCursor | undefined;
  readonly recordFields: RecordFields;
  /** Places for requests, which the batches of an invocation share. */
  readonly slots: RequestSlots;
  /** Capacity of the endpoint that `slots` follow; undefined where they follow none. */
  readonly capacity: CapacityFollower | undefined;
  /** Publishes the backlog of a period; a failure does not affect the records. */
  readonly publishBacklog: (streamName: string, backlog: BacklogOfPeriod) => Promise<void>;
  /** Positions of records that have a line. */
  readonly written: ReadonlySet<string>;
  readonly seen: SeenRecords;
  /**
   * Requests in flight by the place of their record. Those of an earlier invocation go on in the same execution environment, which Lambda
   * resumes; in another one they are sent again.
   * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
   */
  readonly requests: Map<string, Promise<RecordOutcome<TimedAnswer>>>;
  readonly done: DoneRecords;
  readonly writer: OutcomeWriter;
}

export interface SessionResult {
  /** Outcome of each record of the batch; undefined for one that was not started. */
  readonly outcomes: readonly (RecordOutcome<TimedAnswer> | undefined)[];
  /** Number of records that were answered, those behind the batch included. */
  readonly succeeded: number;
  /** Number of records behind the batch that were sent. */
  readonly ahead: number;
  /** Error that no record causes; undefined without one. */
  readonly error: { readonly error: unknown } | undefined;
}

/** Time between two reads of a shard at its end: Lambda too reads each shard once a second. */
const READ_EVERY_MS = 1_000;
/** Time between two reads of a shard with more records: Kinesis allows five reads a second (service quotas). */
const READ_ON_MS = 250;
const RECORDS_OF_A_READ = 1_000;
/** Time between two result objects. */
const WRITE_EVERY_MS = 5_000;
/** Maximum time for one of them and all that follows from it, seconds. */
const MAX_WRITE_SECONDS = 30;

/**
 * Sends the records of one invocation: those of the batch and, while their responses take time, those that follow in the shard, so that no
 * record waits for another one of another key. What is answered is written every few seconds.
 */
export class Session {
  private readonly entries: readonly Entry[];
  private readonly lanes: KeyLanes<Entry>;
  private readonly invoker: EndpointInvoker;
  private readonly startedAt: EpochSeconds;
  private readonly totalSeconds: number;
  private readonly timeIsUp = new AbortController();
  private readonly noRetries = new AbortController();
  private readonly ended = new AbortController();
  private finishingSince: EpochSeconds | undefined;
  private lastAnsweredAt: EpochSeconds;
  private succeeded = 0;
  private ahead = 0;
  private wake: () => void = () => undefined;
  private readonly meter = new BacklogMeter();
  private publication: Promise<void> = Promise.resolve();

  public constructor(private readonly options: SessionOptions) {
    const { batch, clock, remainingMs } = options;
    // Each record in flight waits on a signal, once in its request or once in its pause: Node.js warns from the eleventh on.
    for (const { signal } of [this.timeIsUp, this.noRetries, this.ended]) setMaxListeners(0, signal);
    this.startedAt = clock.now();
    this.lastAnsweredAt = this.startedAt;
    this.totalSeconds = remainingMs() / 1000;
    this.invoker = new EndpointInvoker({
      ...options,
      streamName: batch.streamName,
      shardId: batch.shardId,
      signal: this.timeIsUp.signal,
      pauseSignal: this.noRetries.signal,
      onBusy: () => options.capacity?.refused(),
    });
    this.entries = batch.records.map((record) => ({ record }));
    this.lanes = new KeyLanes<Entry>(
      {
        slots: options.slots,
        keyOf: ({ record }) => record.key,
        sizeOf: ({ record }) => record.payload.length,
        onEnd: () => this.wake(),
      },
      (entry) => this.process(entry),
    );
  }

  /** Resolves at the end of the invocation; what is answered by then may not be written yet, and what is in flight goes on. */
  public async run(): Promise<SessionResult> {
    const { sleep, remainingMs } = this.options;
    const timer = sleep(remainingMs(), this.ended.signal).then(() => {
      if (this.ended.signal.aborted) return;
      this.noRetries.abort();
      this.timeIsUp.abort();
    });
    this.lanes.add(this.entries);
    const reading = this.readAhead();
    const writing = this.writeEvery();
    const observing = this.followCapacity();
    for (let step = this.step(); step !== 'end'; step = this.step()) {
      if (step === 'finish') {
        this.finishingSince ??= this.options.clock.now();
        this.finish();
      }
      await this.change();
    }
    this.ended.abort();
    this.lanes.close();
    await Promise.all([timer, reading, writing, observing]);
    return {
      outcomes: this.entries.map(({ outcome }) => outcome),
      succeeded: this.succeeded,
      ahead: this.ahead,
      error: this.lanes.error,
    };
  }

  private step(): SessionStep {
    const { clock, cursor, evidence } = this.options;
    const now = clock.now();
    return decideSession({
      elapsedSeconds: now - this.startedAt,
      totalSeconds: this.totalSeconds,
      readsAhead: cursor !== undefined,
      inFlight: this.lanes.inFlight,
      waiting: this.lanes.waiting,
      waitingBytes: this.lanes.waitingBytes,
      silentSeconds: evidence.isFailing ? now - this.lastAnsweredAt : 0,
      finishingSeconds: this.finishingSince === undefined ? undefined : now - this.finishingSince,
    });
  }

  /** Waits until a record has ended, or a second. */
  private async change(): Promise<void> {
    const over = new AbortController();
    await Promise.race([
      new Promise<void>((resolve) => (this.wake = resolve)),
      this.options.sleep(READ_EVERY_MS, over.signal),
    ]);
    over.abort('changed');
  }

  private finish(): void {
    this.lanes.stop();
    this.noRetries.abort();
  }

  private async process(entry: Entry): Promise<boolean> {
    const { batch, seen, writer, clock } = this.options;
    const { record } = entry;
    const outcome = await this.outcomeOf(record);
    if (this.ended.signal.aborted) {
      // The invocation is over, and the response is for the next one.
      if (outcome.kind === 'succeeded') seen.add(batch.shardId, record.position, outcome.answer);
      return false;
    }
    entry.outcome = outcome;
    if (outcome.kind === 'pending') return false;
    if (outcome.kind === 'succeeded') {
      this.succeeded += 1;
      this.lastAnsweredAt = clock.now();
      this.options.capacity?.answered(outcome.answer);
      seen.add(batch.shardId, record.position, outcome.answer);
    }
    if (outcome.kind !== 'written') writer.add(record, outcome);
    return true;
  }

  private async outcomeOf(record: StreamRecord): Promise<RecordOutcome<TimedAnswer>> {
    const { batch, written, seen } = this.options;
    if (written.has(record.position)) return { kind: 'written' };
    const known = seen.get(batch.shardId, record.position);
    if (known !== undefined) return { kind: 'succeeded', answer: known };
    try {
      return await this.invoke(record);
    } catch (error) {
      // The error concerns every record: the ones in flight stop retrying.
      this.finish();
      throw error;
    }
  }

  /** Invokes the endpoint for a record, or awaits the request of an earlier invocation. */
  private async invoke(record: StreamRecord): Promise<RecordOutcome<TimedAnswer>> {
    const { batch, requests } = this.options;
    const place = `${batch.shardId}:${record.position}`;
    const earlier = await requests.get(place);
    if (earlier !== undefined && earlier.kind !== 'pending') return earlier;
    const request = this.invoker.invoke(record, () => !this.noRetries.signal.aborted);
    requests.set(place, request);
    try {
      return await request;
    } finally {
      requests.delete(place);
    }
  }

  private async readAhead(): Promise<void> {
    const { cursor, batch, recordFields, written, done, sleep, logger } = this.options;
    if (cursor === undefined) return;
    const { signal } = this.ended;
    await sleep(READ_ON_MS, signal);
    while (!signal.aborted) {
      let pauseMs = READ_EVERY_MS;
      if (this.step() === 'read') {
        try {
          const page = await cursor.next(RECORDS_OF_A_READ, signal);
          if (signal.aborted || this.noRetries.signal.aborted) return;
          const records = page.records.flatMap((record) => recordsOf(record, batch.shardId, recordFields));
          const fresh = records.filter(({ position }) => !written.has(position) && !done.has(batch.shardId, position));
          this.ahead += fresh.length;
          this.lanes.add(fresh.map((record) => ({ record })));
          if (page.isLast) return;
          if (page.isBehind) pauseMs = READ_ON_MS;
        } catch (error) {
          // The records are not lost: Lambda delivers them later.
          if (!signal.aborted) logger.warn('cannot read the shard ahead', { shardId: batch.shardId, error });
        }
      }
      await sleep(pauseMs, signal);
    }
  }

  /** Follows the capacity of the endpoint and measures what waits for it. */
  private async followCapacity(): Promise<void> {
    const { capacity, batch, slots, sleep, clock } = this.options;
    if (capacity === undefined) return;
    const place = { streamArn: batch.streamArn ?? batch.streamName, shardId: batch.shardId };
    const { signal } = this.ended;
    while (!signal.aborted) {
      await capacity.observe(place, signal);
      slots.wake();
      const now = clock.now();
      this.publish(
        this.meter.sample(now, {
          inFlight: this.lanes.inFlight,
          waiting: this.lanes.startable,
          ageSeconds: Math.max(0, now - (this.lanes.earliest?.record.arrivedAt ?? now)),
          replicas: capacity.awaitedReplicas,
        }),
      );
      await sleep(READ_EVERY_MS, signal);
    }
    this.publish(this.meter.finish(clock.now()));
    await this.publication;
  }

  private publish(backlog: BacklogOfPeriod | undefined): void {
    if (backlog === undefined) return;
    const { publishBacklog, batch, logger } = this.options;
    const published = publishBacklog(batch.streamName, backlog).catch((error: unknown) =>
      logger.warn('cannot publish the backlog', { error }),
    );
    this.publication = Promise.all([this.publication, published]).then(() => undefined);
  }

  private async writeEvery(): Promise<void> {
    const { sleep, writer, logger, remainingMs } = this.options;
    const { signal } = this.ended;
    for (;;) {
      await sleep(WRITE_EVERY_MS, signal);
      if (signal.aborted) return;
      const seconds = Math.min(MAX_WRITE_SECONDS, Math.max(1, remainingMs() / 1000));
      await writer.flush(seconds).catch((error: unknown) => logger.warn('results are written again', { error }));
    }
  }
}
