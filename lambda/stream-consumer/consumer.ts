import type { Context } from 'aws-lambda';
import { decideCheckpoint } from '../../lib/ingestion/decide/checkpoint';
import type { EndpointRuntime } from '../clients/endpoint-runtime';
import type { ObjectStore } from '../clients/object-store';
import type { ShardCursor } from '../clients/shard-reader';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import type { BacklogOfPeriod } from './backlog-meter';
import type { Batch, RecordFields, StreamRecord } from './batch';
import type { CapacityFollower } from './capacity-follower';
import { DoneRecords } from './done-records';
import { EndpointEvidence } from './endpoint-evidence';
import { RequestSlots } from './key-lanes';
import { OutcomeLog } from './outcome-log';
import { OutcomeWriter } from './outcome-writer';
import { SeenRecords } from './seen-records';
import { Session, type SessionOptions } from './session';
import { Spiller, SPILLS_AT_ONCE, type SpillerOptions } from './spiller';

export interface ConsumerDependencies {
  readonly endpoint: EndpointRuntime;
  readonly results: ObjectStore;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Maximum number of keys of an invocation in flight. */
  readonly concurrency: number;
  /** Capacity of the endpoint that the requests in flight follow, below `concurrency`; undefined where they follow none. */
  readonly capacity?: CapacityFollower;
  /** Maximum number of failures of one record, while others are answered, before the record becomes a dead letter. */
  readonly maxModelFailures: number;
  /** Sources of the id and the order key of records. */
  readonly recordFields: RecordFields;
  /** Maximum size of a payload, bytes. */
  readonly maxRecordBytes: number;
  /** Asynchronous endpoint that old records go to; undefined where all wait for the endpoint. */
  readonly spill?: SpillerOptions;
  /** Publishes counts of a batch; a failure does not affect the records. */
  readonly publish: (streamName: string, counts: BatchCounts, signal: AbortSignal) => Promise<void>;
  /** Publishes the records that wait for the capacity of the endpoint; a failure does not affect the records. */
  readonly publishBacklog?: (streamName: string, backlog: BacklogOfPeriod, signal: AbortSignal) => Promise<void>;
}

/** Counts of one batch for the metrics of the stream. */
export interface BatchCounts {
  readonly deadLetters: number;
  /** 1 if the endpoint was invoked and answered nothing, 0 otherwise. */
  readonly unanswered: 0 | 1;
  /** Records that were handed over to the asynchronous endpoint, where there are any. */
  readonly spilled?: number;
}

/** Consumer of the batches of one source, with what its execution environment knows. */
export interface Consumer {
  /**
   * Processes the batches of one invocation, of one shard or partition each, at the same time.
   *
   * @param cursorOf place in the shard behind a batch, where no other invocation reads the shard
   * @returns for each batch the first record that has no outcome, from which it has to be delivered again; undefined where all have one
   * @throws the error that no record causes, such as a denied permission, where no batch got further than its first record
   */
  process(
    batches: readonly Batch[],
    context: Pick<Context, 'getRemainingTimeInMillis'>,
    cursorOf?: (batch: Batch) => ShardCursor,
  ): Promise<readonly (StreamRecord | undefined)[]>;
}

/** Maximum part of the invocation's time that is reserved for writing results. */
const MAX_RESERVE_MS = 5_000;

/** Time that is kept for the end of the invocation, and minimum time for the writes. */
const END_MS = 500;

/**
 * Invokes the endpoint for every record of a batch and writes the outcomes: look what is written, invoke, decide, write.
 *
 * Records of one key are sent strictly one after the other. A record that fails while others are answered becomes a dead letter with its payload.
 * Every record gets one line in one result object, which is written before the batch is reported; dead letters and measurements follow from
 * these lines. The first record of the batch that stays pending is reported, from which it is delivered again: at least once. A repeated delivery
 * finds the lines of an earlier one, and completes what follows from them.
 */
export function createConsumer(dependencies: ConsumerDependencies): Consumer {
  const { clock, logger, results, capacity } = dependencies;
  const seen = new SeenRecords();
  const done = new DoneRecords();
  const requests: SessionOptions['requests'] = new Map();
  const evidence = new EndpointEvidence(results, clock);
  const log = new OutcomeLog(results, dependencies.spill !== undefined);
  const spiller = dependencies.spill && new Spiller({ ...dependencies, ...dependencies.spill });

  /** Publishes the counts and stores the control request; a failure or a silence does not affect the records. */
  async function publish({ streamName }: Batch, counts: BatchCounts, leftMs: number): Promise<void> {
    const seconds = Math.min(LOOK_DEADLINE_SECONDS, leftMs / 1000);
    const attempt = (subject: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
      withDeadline(seconds, subject, work).catch((error: unknown) => logger.warn(`cannot write ${subject}`, { error }));
    await Promise.all([
      counts.deadLetters + counts.unanswered + (counts.spilled ?? 0) > 0 &&
        attempt('the counts', (signal) => dependencies.publish(streamName, counts, signal)),
      attempt('the control request', (signal) => evidence.storeControlRequest(streamName, signal)),
    ]);
  }

  async function processBatch(
    batch: Batch,
    context: Pick<Context, 'getRemainingTimeInMillis'>,
    slots: RequestSlots,
    spillSlots: RequestSlots,
    cursor: ShardCursor | undefined,
  ): Promise<StreamRecord | undefined> {
    const { shardId } = batch;
    const isDone = batch.records.every(({ position }) => done.has(shardId, position));
    done.forgetBefore(shardId, batch.records[0]!.position);
    if (isDone) {
      logger.info('batch', { shardId, records: batch.records.length, succeeded: 0, deadLetters: 0 });
      return undefined;
    }
    const startedAt = clock.now();
    const allMs = context.getRemainingTimeInMillis();
    const reserveMs = Math.min(MAX_RESERVE_MS, allMs / 3);
    const leftMs = (): number => Math.max(END_MS, context.getRemainingTimeInMillis() - END_MS);
    // The clock of a local run is faster than the timers of its machine.
    const remainingMs = (): number =>
      Math.min(context.getRemainingTimeInMillis(), allMs - (clock.now() - startedAt) * 1000) - reserveMs;

    const writer = new OutcomeWriter({ ...dependencies, batch, log, seen, done });
    const lookSeconds = Math.min(LOOK_DEADLINE_SECONDS, allMs / 3000);
    const find = async (signal: AbortSignal) => {
      const found = await log.find(batch, cursor !== undefined, signal);
      const records = new Map(batch.records.map((record) => [record.position, record]));
      for (const [key, lines] of found.objects) {
        // This environment completed the objects that it wrote.
        if (lines.every(({ position }) => !records.has(position) || done.has(shardId, position))) continue;
        await writer.complete({ key, lines }, records, signal);
      }
      return found;
    };
    const place = { streamArn: batch.streamArn ?? batch.streamName, shardId };
    const [written] = await withDeadline(lookSeconds, 'reading the results', (signal) =>
      Promise.all([
        find(signal),
        // Later looks go on beside the requests.
        capacity?.isKnown === false && capacity.observe(place, signal),
      ]),
    );
    const session = new Session({
      ...dependencies,
      capacity,
      publishBacklog: (streamName, backlog) =>
        withDeadline(LOOK_DEADLINE_SECONDS, 'the backlog', async (signal) =>
          dependencies.publishBacklog?.(streamName, backlog, signal),
        ),
      evidence,
      batch,
      cursor,
      slots,
      written: written.positions,
      seen,
      requests,
      done,
      writer,
      spiller,
      spillSlots,
      remainingMs,
    });
    const { outcomes, succeeded, spilled, ahead, error } = await session.run();
    const checkpoint = decideCheckpoint(outcomes);
    if (error !== undefined) {
      // No record causes this error: the outcomes so far are written; without any, the invocation fails.
      logger.error('cannot invoke the endpoint', { error: error.error });
      if (checkpoint === 0) throw error.error;
    }
    await writer.flush(leftMs() / 1000);
    for (const { position } of batch.records) if (written.positions.has(position)) done.add(shardId, position);
    const { deadLetters } = writer;
    const pending = batch.records[checkpoint];
    const outcome = outcomes[checkpoint];
    const unanswered = pending !== undefined && succeeded === 0 ? 1 : 0;
    await publish(batch, { deadLetters, unanswered, ...(spilled > 0 && { spilled }) }, leftMs());
    logger.info('batch', {
      shardId,
      records: batch.records.length,
      succeeded,
      deadLetters,
      ...(spilled === 0 ? {} : { spilled }),
      ...(ahead === 0 ? {} : { ahead }),
      ...(pending === undefined
        ? {}
        : {
            retryFrom: pending.sequenceNumber,
            reason:
              outcome?.kind === 'pending' ? outcome.error : 'its response is awaited, or that of an earlier record',
          }),
    });
    return pending;
  }

  return {
    async process(batches, context, cursorOf) {
      const { concurrency } = dependencies;
      // The limit is the share of one shard or partition.
      const slots = new RequestSlots(() => Math.min(concurrency, (capacity?.limit ?? concurrency) * batches.length));
      const spillSlots = new RequestSlots(() => SPILLS_AT_ONCE);
      const ends = await Promise.allSettled(
        batches.map((batch) => processBatch(batch, context, slots, spillSlots, cursorOf?.(batch))),
      );
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined && ends.every((end) => end.status === 'rejected')) throw failed.reason;
      return ends.map((end, index) => {
        if (end.status === 'fulfilled') return end.value;
        logger.error('a batch failed as a whole', { shardId: batches[index]!.shardId, error: end.reason as unknown });
        return batches[index]!.records[0];
      });
    },
  };
}
