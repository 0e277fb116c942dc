import { setMaxListeners } from 'node:events';
import type { Context, KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { deadLetterObjectKey, formatDeadLetter, formatResultLine, resultObjectKey } from '../../lib/ingestion/contract';
import { decideCheckpoint, type CheckpointDecision, type RecordOutcome } from '../../lib/ingestion/decide/checkpoint';
import type { EndpointRuntime } from '../clients/endpoint-runtime';
import type { ObjectStore } from '../clients/object-store';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import { type Batch, parseBatch } from './batch';
import { EndpointInvoker } from './endpoint-invoker';
import { inKeyOrder } from './in-key-order';
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
  /** Maximum number of failures of the model on one record, while others succeed, before the record becomes a dead letter. */
  readonly maxModelFailures: number;
  /** Publishes the number of dead letters; a failure does not affect the records. */
  readonly countDeadLetters: (streamName: string, count: number, signal: AbortSignal) => Promise<void>;
}

type StreamConsumer = (
  event: KinesisStreamEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<KinesisStreamBatchResponse>;

/** Maximum part of the invocation's time that is reserved for writing results. */
const MAX_RESERVE_MS = 5_000;
const MAX_PARALLEL_WRITES = 16;

/** Time that is kept for the end of the invocation, and minimum time for the writes. */
const END_MS = 500;

/**
 * Invokes the endpoint for every record of a batch and writes the results: parse, invoke, decide, act, record.
 *
 * Records of one key are sent strictly one after the other. A record that no retry can help becomes a dead letter with its payload.
 * Results and dead letters are written before the batch is reported, under keys that depend on the records alone. When a record stays
 * pending, the results before it are written and it is reported as the first failure, from which Lambda delivers again: at least once,
 * with writes that overwrite.
 */
export function createHandler(dependencies: StreamConsumerDependencies): StreamConsumer {
  const { clock, logger, results } = dependencies;
  const seen = new SeenRecords();

  async function invoke(batch: Batch, remainingMs: () => number): Promise<(RecordOutcome | undefined)[]> {
    const outcomes: (RecordOutcome | undefined)[] = batch.records.map(() => undefined);
    const timeIsUp = new AbortController();
    // Each record in flight waits on the signal, once in its request or once in its pause: Node.js warns from the eleventh on.
    setMaxListeners(0, timeIsUp.signal);
    const finished = new AbortController();
    const invoker = new EndpointInvoker({ ...dependencies, remainingMs, signal: timeIsUp.signal });
    let firstPending = Infinity;
    const timer = dependencies.sleep(remainingMs(), finished.signal).then(() => timeIsUp.abort());
    try {
      await inKeyOrder(
        batch.records,
        { keyOf: (record) => record.partitionKey, limit: dependencies.concurrency },
        async (record, index) => {
          const known = seen.get(batch.shardId, record.sequenceNumber);
          const outcome: RecordOutcome =
            known === undefined
              ? await invoker
                  .invoke(record, () => index < firstPending)
                  .catch((error: unknown) => {
                    // The error concerns every record: the ones in flight stop retrying.
                    firstPending = -1;
                    throw error;
                  })
              : { kind: 'succeeded', result: known };
          outcomes[index] = outcome;
          if (outcome.kind === 'succeeded') seen.add(batch.shardId, record.sequenceNumber, outcome.result);
          if (outcome.kind === 'pending') firstPending = Math.min(firstPending, index);
          return outcome.kind !== 'pending';
        },
      );
    } catch (error) {
      // No record causes this error: the results so far are written; without any, the invocation fails.
      logger.error('cannot invoke the endpoint', { error });
      if (decideCheckpoint(outcomes).checkpoint === 0) throw error;
    } finally {
      finished.abort();
      await timer;
    }
    return outcomes;
  }

  async function act(batch: Batch, decision: CheckpointDecision, signal: AbortSignal): Promise<void> {
    const { streamName, shardId, records } = batch;
    const waiting = [...decision.rejected];
    setMaxListeners(0, signal);
    const writeDeadLetters = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { sequenceNumber, partitionKey, payloadBase64 } = records[next.index]!;
        const letter = { sequenceNumber, partitionKey, payloadBase64, error: next.error, at: clock.now() };
        const key = deadLetterObjectKey(streamName, shardId, sequenceNumber);
        await results.put(key, formatDeadLetter(letter), 'application/json', signal);
        logger.warn('dead letter written', { key, error: next.error });
      }
    };
    await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_WRITES, waiting.length) }, writeDeadLetters));
    if (decision.results.length === 0) return;
    const last = records[decision.checkpoint - 1]!;
    const key = resultObjectKey(streamName, shardId, records[0]!.sequenceNumber, last.sequenceNumber);
    await results.put(key, `${decision.results.map(formatResultLine).join('\n')}\n`, 'application/x-ndjson', signal);
  }

  /** Publishes the number of dead letters; a failure or a silence does not affect the records. */
  async function count({ streamName }: Batch, { rejected }: CheckpointDecision, leftMs: number): Promise<void> {
    if (rejected.length === 0) return;
    const seconds = Math.min(LOOK_DEADLINE_SECONDS, leftMs / 1000);
    await withDeadline(seconds, 'the number of dead letters', (signal) =>
      dependencies.countDeadLetters(streamName, rejected.length, signal),
    ).catch((error: unknown) => logger.warn('cannot publish the number of dead letters', { error }));
  }

  return async (event, context) => {
    const batch = parseBatch(event);
    if (batch === undefined) return { batchItemFailures: [] };
    const reserveMs = Math.min(MAX_RESERVE_MS, context.getRemainingTimeInMillis() / 3);

    const outcomes = await invoke(batch, () => context.getRemainingTimeInMillis() - reserveMs);
    const decision = decideCheckpoint(outcomes);
    const leftMs = (): number => Math.max(END_MS, context.getRemainingTimeInMillis() - END_MS);
    await withDeadline(leftMs() / 1000, 'writing the results', (signal) => act(batch, decision, signal));
    await count(batch, decision, leftMs());

    const { checkpoint, results: succeeded, rejected } = decision;
    for (const { sequenceNumber } of batch.records.slice(0, checkpoint)) seen.delete(batch.shardId, sequenceNumber);
    const pending = batch.records[checkpoint];
    const outcome = outcomes[checkpoint];
    logger.info('batch', {
      shardId: batch.shardId,
      records: batch.records.length,
      succeeded: succeeded.length,
      deadLetters: rejected.length,
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
