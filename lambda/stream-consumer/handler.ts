import { setMaxListeners } from 'node:events';
import type { Context, KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import {
  formatDeadLetter,
  formatMeasurementLine,
  measurementObjectKey,
  type RequestMeasurement,
  type RecordResult,
} from '../../lib/ingestion/contract';
import { decideCheckpoint, type RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import type { EndpointRuntime } from '../clients/endpoint-runtime';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import { answeredLine, measurementOf, rejectedLine, type AnsweredLine, type TimedAnswer } from './answers';
import { type Batch, parseBatch, type RecordFields } from './batch';
import { EndpointEvidence } from './endpoint-evidence';
import { EndpointInvoker } from './endpoint-invoker';
import { inKeyOrder } from './in-key-order';
import { inBoundedParallel } from './bounded-parallel';
import { OutcomeLog, type WrittenOutcomes } from './outcome-log';
import { SeenRecords } from './seen-records';

export interface StreamConsumerDependencies {
  readonly endpoint: EndpointRuntime;
  readonly results: ObjectStore;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Maximum number of keys in flight. */
  readonly concurrency: number;
  /** Maximum number of failures of one record, while others are answered, before the record becomes a dead letter. */
  readonly maxModelFailures: number;
  /** Sources of the id and the order key of records. */
  readonly recordFields: RecordFields;
  /** Maximum size of a payload, bytes. */
  readonly maxRecordBytes: number;
  /** Publishes counts of a batch; a failure does not affect the records. */
  readonly publish: (streamName: string, counts: BatchCounts, signal: AbortSignal) => Promise<void>;
}

/** Counts of one batch for the metrics of the stream. */
export interface BatchCounts {
  readonly deadLetters: number;
  /** 1 if the endpoint was invoked and answered nothing, 0 otherwise. */
  readonly unanswered: 0 | 1;
}

type StreamConsumer = (
  event: KinesisStreamEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<KinesisStreamBatchResponse>;

/** Maximum part of the invocation's time that is reserved for writing results. */
const MAX_RESERVE_MS = 5_000;

/** Time that is kept for the end of the invocation, and minimum time for the writes. */
const END_MS = 500;

type Outcome = RecordOutcome<TimedAnswer> | undefined;

/**
 * Invokes the endpoint for every record of a batch and writes the outcomes: parse, look what is written, invoke, decide, write.
 *
 * Records of one key are sent strictly one after the other. A record that fails while others are answered becomes a dead letter with its
 * payload. Every record gets one line in one result object, which is written before the batch is reported; dead letters and measurements
 * follow from these lines. When a record stays pending, the lines before it are written and it is reported as the first failure, from which
 * Lambda delivers again: at least once. A repeated delivery finds the lines of an earlier one, and completes what follows from them.
 */
export function createHandler(dependencies: StreamConsumerDependencies): StreamConsumer {
  const { clock, logger, results, recordFields } = dependencies;
  const seen = new SeenRecords();
  const evidence = new EndpointEvidence(results, clock);
  const log = new OutcomeLog(results);

  async function invoke(batch: Batch, written: WrittenOutcomes, remainingMs: () => number): Promise<Outcome[]> {
    const outcomes: Outcome[] = batch.records.map(() => undefined);
    const timeIsUp = new AbortController();
    // Each record in flight waits on the signal, once in its request or once in its pause: Node.js warns from the eleventh on.
    setMaxListeners(0, timeIsUp.signal);
    const finished = new AbortController();
    const { shardId, streamName } = batch;
    const invoker = new EndpointInvoker({
      ...dependencies,
      evidence,
      streamName,
      shardId,
      remainingMs,
      signal: timeIsUp.signal,
    });
    let firstPending = Infinity;
    const timer = dependencies.sleep(remainingMs(), finished.signal).then(() => timeIsUp.abort());
    try {
      await inKeyOrder(
        batch.records,
        { keyOf: (record) => record.key, limit: dependencies.concurrency },
        async (record, index) => {
          const known = seen.get(shardId, record.position);
          let outcome: Outcome;
          if (written.lines.has(record.position)) outcome = { kind: 'written' };
          else if (known !== undefined) outcome = { kind: 'succeeded', answer: known };
          else {
            outcome = await invoker
              .invoke(record, () => index < firstPending)
              .catch((error: unknown) => {
                // The error concerns every record: the ones in flight stop retrying.
                firstPending = -1;
                throw error;
              });
          }
          outcomes[index] = outcome;
          if (outcome.kind === 'succeeded') seen.add(shardId, record.position, outcome.answer);
          if (outcome.kind === 'pending') firstPending = Math.min(firstPending, index);
          return outcome.kind !== 'pending';
        },
      );
    } catch (error) {
      // No record causes this error: the outcomes so far are written; without any, the invocation fails.
      logger.error('cannot invoke the endpoint', { error });
      if (decideCheckpoint(outcomes) === 0) throw error;
    } finally {
      finished.abort();
      await timer;
    }
    return outcomes;
  }

  /** Writes the outcomes before the checkpoint; returns the number of dead letters. */
  async function write(batch: Batch, outcomes: readonly Outcome[], checkpoint: number, signal: AbortSignal) {
    setMaxListeners(0, signal);
    const answered: AnsweredLine[] = [];
    const lines: RecordResult[] = [];
    outcomes.slice(0, checkpoint).forEach((outcome, index) => {
      const record = batch.records[index]!;
      if (outcome?.kind === 'rejected') {
        lines.push(rejectedLine(batch, record, { error: outcome.error, status: outcome.status, at: clock.now() }));
      } else if (outcome?.kind === 'succeeded') {
        const entry = answeredLine(batch, record, outcome.answer);
        answered.push(entry);
        lines.push(entry.line);
      }
    });
    if (lines.length === 0) return 0;
    const objects = answered.flatMap(({ object }) => object ?? []);
    await inBoundedParallel(objects, ({ key, body, contentType }) => results.put(key, body, contentType, signal));
    const inForce = await log.write(batch, lines, signal);
    const isOwn = inForce.lines === lines;
    await complete(
      batch,
      { ...inForce, measurements: isOwn ? answered.map(({ measurement }) => measurement) : undefined },
      signal,
    );
    return inForce.lines.filter(({ deadLetter }) => deadLetter !== null).length;
  }

  /** Writes what follows from the lines of a result object: measurements, and the dead letters of this batch. */
  async function complete(
    batch: Batch,
    given: {
      readonly key: string;
      readonly lines: readonly RecordResult[];
      readonly measurements?: readonly (RequestMeasurement | undefined)[];
    },
    signal: AbortSignal,
  ): Promise<void> {
    const records = new Map(batch.records.map((record) => [record.position, record]));
    const letters = inBoundedParallel(given.lines, async ({ position, deadLetter, error, answeredAt }) => {
      const record = records.get(position);
      if (deadLetter === null || error === null || record === undefined) return;
      const letter = {
        sequenceNumber: record.sequenceNumber,
        partitionKey: record.partitionKey,
        payloadBase64: record.payload.toString('base64'),
        error,
        at: answeredAt,
      };
      await results.put(deadLetter, formatDeadLetter(letter), 'application/json', signal);
      logger.warn('dead letter written', { key: deadLetter, error });
    });
    const measurements = given.measurements ?? given.lines.map((line) => measurementOf(line));
    const known = measurements.filter((measurement) => measurement !== undefined);
    const body = `${known.map(formatMeasurementLine).join('\n')}\n`;
    await Promise.all([
      letters,
      known.length > 0 && results.put(measurementObjectKey(given.key), body, 'application/x-ndjson', signal),
    ]);
  }

  /** Publishes the counts and stores the control request; a failure or a silence does not affect the records. */
  async function publish({ streamName }: Batch, counts: BatchCounts, leftMs: number): Promise<void> {
    const seconds = Math.min(LOOK_DEADLINE_SECONDS, leftMs / 1000);
    const attempt = (subject: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
      withDeadline(seconds, subject, work).catch((error: unknown) => logger.warn(`cannot write ${subject}`, { error }));
    await Promise.all([
      counts.deadLetters + counts.unanswered > 0 &&
        attempt('the counts', (signal) => dependencies.publish(streamName, counts, signal)),
      attempt('the control request', (signal) => evidence.storeControlRequest(streamName, signal)),
    ]);
  }

  return async (event, context) => {
    const batch = parseBatch(event, recordFields);
    if (batch === undefined) return { batchItemFailures: [] };
    const allMs = context.getRemainingTimeInMillis();
    const reserveMs = Math.min(MAX_RESERVE_MS, allMs / 3);
    const leftMs = (): number => Math.max(END_MS, context.getRemainingTimeInMillis() - END_MS);

    const lookSeconds = Math.min(LOOK_DEADLINE_SECONDS, allMs / 3000);
    const written = await withDeadline(lookSeconds, 'reading the results', async (signal) => {
      const found = await log.find(batch, signal);
      for (const [key, lines] of found.objects) await complete(batch, { key, lines }, signal);
      return found;
    });
    const outcomes = await invoke(batch, written, () => context.getRemainingTimeInMillis() - reserveMs);
    const checkpoint = decideCheckpoint(outcomes);
    const deadLetters = await withDeadline(leftMs() / 1000, 'writing the results', (signal) =>
      write(batch, outcomes, checkpoint, signal),
    );
    const succeeded = outcomes.filter((outcome) => outcome?.kind === 'succeeded').length;
    const pending = batch.records[checkpoint];
    const outcome = outcomes[checkpoint];
    const unanswered = pending !== undefined && succeeded === 0 ? 1 : 0;
    await publish(batch, { deadLetters, unanswered }, leftMs());

    for (const { position } of batch.records.slice(0, checkpoint)) seen.delete(batch.shardId, position);
    logger.info('batch', {
      shardId: batch.shardId,
      records: batch.records.length,
      succeeded,
      deadLetters,
      ...(pending === undefined
        ? {}
        : {
            retryFrom: pending.sequenceNumber,
            reason: outcome?.kind === 'pending' ? outcome.error : 'an earlier record is pending',
          }),
    });
    return { batchItemFailures: pending === undefined ? [] : [{ itemIdentifier: pending.sequenceNumber }] };
  };
}
