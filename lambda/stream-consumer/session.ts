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
import type { Spiller, SpillEnd } from './spiller';

/** Record of an invocation and what has become of it. */
interface Entry {
  readonly record: StreamRecord;
  outcome?: RecordOutcome<TimedAnswer>;
}

export interface SessionOptions extends Omit<
  EndpointInvokerOptions,
  'streamName' | 'shardId' | 'signal' | 'pauseSignal' | 'outOfPlace' | 'onBusy'
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
  /** Asynchronous endpoint that old records go to; undefined where all wait. */
  readonly spiller: Spiller | undefined;
  /** Places for records that are handed over to it without a place for a request. */
  readonly spillSlots: RequestSlots;
}

export interface SessionResult {
  /** Outcome of each record of the batch; undefined for one that was not started. */
  readonly outcomes: readonly (RecordOutcome<TimedAnswer> | undefined)[];
  /** Number of records that were answered, those behind the batch included. */
  readonly succeeded: number;
  /** Number of records that were handed over to the asynchronous endpoint, those behind the batch included. */
  readonly spilled: number;
  /** Number of records behind the batch that were sent. */
  readonly ahead: number;
  /** Error that no record causes; undefined without one. */
  readonly error: { readonly error: unknown } | undefined;
}

/** Time between two looks at what waits and at the capacity of the endpoint. */
const LOOK_EVERY_MS = 1_000;
/**
 * Time between two reads of a shard at its end: two of the five a second that Kinesis allows (service quotas); Lambda reads once a second, and the rest
 * is for other consumers.
 */
const READ_EVERY_MS = 500;
/** Time between two reads of a shard with more records: Kinesis allows five reads a second (service quotas). */
const READ_ON_MS = 250;
const RECORDS_OF_A_READ = 1_000;
/** Maximum number of records that pause without a place for a request. */
const MAX_PAUSING = 1_000;
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
  private spilled = 0;
  private readonly spills = new Set<Promise<SpillEnd>>();
  private wake: () => void = () => undefined;
  private isSecondRunning = false;
  private pausing = 0;
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
      outOfPlace: (pause) => this.outOfPlace(pause),
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
      (entry, isInSlot) => this.process(entry, isInSlot),
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
    const spilling = this.spillWaiting();
    for (let step = this.step(); step !== 'end'; step = this.step()) {
      if (step === 'finish') {
        this.finishingSince ??= this.options.clock.now();
        this.finish();
      }
      await this.change();
    }
    this.ended.abort();
    this.lanes.close();
    // Hand-overs end before the next delivery looks for their objects.
    await Promise.all([timer, reading, writing, observing, spilling, ...this.spills]);
    return {
      outcomes: this.entries.map(({ outcome }) => outcome),
      succeeded: this.succeeded,
      spilled: this.spilled,
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

  /** Waits until a record has ended, or at most a second: the same second for all records that end within it. */
  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      if (this.isSecondRunning) return;
      this.isSecondRunning = true;
      void this.options.sleep(LOOK_EVERY_MS, this.ended.signal).then(() => {
        this.isSecondRunning = false;
        this.wake();
      });
    });
  }

  /** Runs the pause of a record, whose place others use while there are not too many such records. */
  private async outOfPlace(pause: () => Promise<void>): Promise<void> {
    if (this.pausing >= MAX_PAUSING) return pause();
    this.pausing += 1;
    try {
      await this.options.slots.leaveFor(pause, this.noRetries.signal);
    } finally {
      this.pausing -= 1;
    }
  }

  private finish(): void {
    this.lanes.stop();
    this.noRetries.abort();
  }

  private async process(entry: Entry, isInSlot: boolean): Promise<boolean | 'again'> {
    const { batch, seen, done, writer, clock } = this.options;
    const { record } = entry;
    const outcome = await this.outcomeOf(record, isInSlot);
    if (outcome === 'again') return outcome;
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
    if (outcome.kind === 'spilled') {
      this.spilled += 1;
      done.add(batch.shardId, record.position);
    } else if (outcome.kind !== 'written') writer.add(record, outcome);
    return true;
  }

  private async outcomeOf(record: StreamRecord, isInSlot: boolean): Promise<RecordOutcome<TimedAnswer> | 'again'> {
    const { batch, written, seen } = this.options;
    if (written.has(record.position)) return { kind: 'written' };
    const known = seen.get(batch.shardId, record.position);
    if (known !== undefined) return { kind: 'succeeded', answer: known };
    try {
      return await this.invoke(record, isInSlot);
    } catch (error) {
      // The error concerns every record: the ones in flight stop retrying.
      this.finish();
      throw error;
    }
  }

  /**
   * Invokes the endpoint for a record, or awaits the request of an earlier invocation. A record that is old goes to the asynchronous endpoint: before
   * its request, or between two of them.
   */
  private async invoke(record: StreamRecord, isInSlot: boolean): Promise<RecordOutcome<TimedAnswer> | 'again'> {
    const { batch, requests, spiller } = this.options;
    const place = `${batch.shardId}:${record.position}`;
    const earlier = await requests.get(place);
    if (earlier !== undefined && earlier.kind !== 'pending') return earlier;
    if (this.isDue(record)) {
      const end = await this.spill(record);
      if (end !== 'not taken') return spillOutcome(end);
    }
    // Without a place for a request the record waits for one.
    if (!isInSlot) return 'again';
    const leave = spiller && new AbortController();
    const over = spiller && new AbortController();
    void spiller?.untilDue(record, over!.signal).then(() => leave!.abort('old'));
    const isWanted = (): boolean => !this.noRetries.signal.aborted && !this.isDue(record);
    const request = this.invoker.invoke(record, isWanted, leave?.signal);
    requests.set(place, request);
    try {
      const outcome = await request;
      if (outcome.kind !== 'pending' || !this.isDue(record)) return outcome;
      const end = await this.spill(record);
      return end === 'not taken' ? 'again' : spillOutcome(end);
    } finally {
      over?.abort('ended');
      requests.delete(place);
    }
  }

  /** True if a record goes to the asynchronous endpoint now. */
  private isDue(record: StreamRecord): boolean {
    const { spiller, evidence, batch } = this.options;
    if (spiller === undefined || this.noRetries.signal.aborted || this.timeIsUp.signal.aborted) return false;
    return spiller.isDue(record, evidence.failuresOf(`${batch.shardId}:${record.position}`).count);
  }

  private async spill(record: StreamRecord): Promise<SpillEnd> {
    const { spiller, batch } = this.options;
    const end = spiller!.spill(batch, record, AbortSignal.any([this.timeIsUp.signal, this.ended.signal]));
    this.spills.add(end);
    return end.finally(() => this.spills.delete(end));
  }

  /** Hands over, every second and whenever one is done, the old records that wait for a place alone. */
  private async spillWaiting(): Promise<void> {
    const { spiller, spillSlots, sleep } = this.options;
    if (spiller === undefined) return;
    const { signal } = this.ended;
    const start = (): void => this.lanes.startElsewhere(spillSlots, ({ record }) => this.isDue(record));
    const unregister = spillSlots.onRelease(start);
    while (!signal.aborted) {
      start();
      await sleep(LOOK_EVERY_MS, signal);
    }
    unregister();
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
      await sleep(LOOK_EVERY_MS, signal);
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

/** Outcome of a record that was handed over, or may have been. */
function spillOutcome(end: Exclude<SpillEnd, 'not taken'>): RecordOutcome<TimedAnswer> {
  return end === 'spilled'
    ? { kind: 'spilled' }
    : { kind: 'pending', error: 'it is not known yet whether it was spilled' };
}
