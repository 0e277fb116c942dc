import type { Context, KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import { deadLetterObjectKey, formatDeadLetter, formatResultLine, resultObjectKey } from '../../lib/ingestion/contract';
import type { EndpointRuntime } from '../clients/endpoint-runtime';
import type { ObjectStore } from '../clients/object-store';
import type { Clock } from '../support/clock';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import { AnswerMemory } from './answer-memory';
import { Answering, type Outcome } from './answering';
import { type Batch, parseBatch } from './batch';
import { inKeyOrder } from './in-key-order';

export interface StreamConsumerDependencies {
  readonly endpoint: EndpointRuntime;
  readonly results: ObjectStore;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Keys in flight at once. */
  readonly concurrency: number;
  /** Failures of the model on one record, while it answers others, before the record is set aside. */
  readonly maxModelFailures: number;
  /** Counts records set aside; its failure changes nothing for the records. */
  readonly countDeadLetters: (streamName: string, count: number) => Promise<void>;
}

type StreamConsumer = (
  event: KinesisStreamEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<KinesisStreamBatchResponse>;

/** Kept back from the invocation's time to write what was answered. */
const LONGEST_RESERVE_MS = 5_000;
const WRITES_AT_ONCE = 16;

/** What became of a batch: every record before the checkpoint is done, and nothing from it on counts. */
interface Decision {
  /** Index of the first record that is not done; the number of records when all are. */
  readonly checkpoint: number;
  readonly resultLines: readonly string[];
  readonly refused: readonly { readonly index: number; readonly error: string }[];
}

function decide(outcomes: readonly (Outcome | undefined)[]): Decision {
  const open = outcomes.findIndex((outcome) => outcome === undefined || outcome.kind === 'open');
  const checkpoint = open === -1 ? outcomes.length : open;
  const done = outcomes.slice(0, checkpoint);
  return {
    checkpoint,
    resultLines: done.flatMap((outcome) => (outcome?.kind === 'answered' ? [formatResultLine(outcome.result)] : [])),
    refused: done.flatMap((outcome, index) => (outcome?.kind === 'refused' ? [{ index, error: outcome.error }] : [])),
  };
}

/**
 * Sends every record of a batch to the endpoint and lands the answers.
 *
 * Records of one key go strictly one after the other; a record that can never be answered is set aside with its payload. Results and
 * dead letters are written before the batch is reported done, under names that depend on the records alone. When a record stays
 * unanswered, everything before it is landed and Lambda is told to begin there again: at least once, with effects that overwrite.
 */
export function createHandler(dependencies: StreamConsumerDependencies): StreamConsumer {
  const { clock, logger, results } = dependencies;
  const memory = new AnswerMemory();

  async function observe(batch: Batch, remainingMs: () => number): Promise<(Outcome | undefined)[]> {
    const outcomes: (Outcome | undefined)[] = batch.records.map(() => undefined);
    const timeIsUp = new AbortController();
    const finished = new AbortController();
    const answering = new Answering({ ...dependencies, remainingMs, signal: timeIsUp.signal });
    let lowestOpen = Infinity;
    const alarm = dependencies.sleep(remainingMs(), finished.signal).then(() => timeIsUp.abort());
    try {
      await inKeyOrder(
        batch.records,
        { keyOf: (record) => record.partitionKey, limit: dependencies.concurrency },
        async (record, index) => {
          const known = memory.recall(batch.shardId, record.sequenceNumber);
          const outcome: Outcome =
            known === undefined
              ? await answering
                  .answer(record, () => index < lowestOpen)
                  .catch((error: unknown) => {
                    // The others in flight need not wait for better times.
                    lowestOpen = -1;
                    throw error;
                  })
              : { kind: 'answered', result: known };
          outcomes[index] = outcome;
          if (outcome.kind === 'answered') memory.keep(batch.shardId, record.sequenceNumber, outcome.result);
          if (outcome.kind === 'open') lowestOpen = Math.min(lowestOpen, index);
          return outcome.kind !== 'open';
        },
      );
    } catch (error) {
      // No record is to blame: land what is done, and fail aloud when nothing is.
      logger.error('the endpoint cannot be called', { error });
      if (decide(outcomes).checkpoint === 0) throw error;
    } finally {
      finished.abort();
      await alarm;
    }
    return outcomes;
  }

  async function act(batch: Batch, decision: Decision): Promise<void> {
    const { streamName, shardId, records } = batch;
    const waiting = [...decision.refused];
    const setAside = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { sequenceNumber, partitionKey, payloadBase64 } = records[next.index]!;
        const letter = { sequenceNumber, partitionKey, payloadBase64, error: next.error, at: clock.now() };
        const key = deadLetterObjectKey(streamName, shardId, sequenceNumber);
        await results.put(key, formatDeadLetter(letter), 'application/json');
        logger.warn('record set aside', { key, error: next.error });
      }
    };
    await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, waiting.length) }, setAside));
    if (decision.refused.length > 0) {
      await dependencies
        .countDeadLetters(streamName, decision.refused.length)
        .catch((error: unknown) => logger.warn('dead letters could not be counted', { error }));
    }
    if (decision.resultLines.length === 0) return;
    const last = records[decision.checkpoint - 1]!;
    const key = resultObjectKey(streamName, shardId, records[0]!.sequenceNumber, last.sequenceNumber);
    await results.put(key, `${decision.resultLines.join('\n')}\n`, 'application/x-ndjson');
  }

  return async (event, context) => {
    const batch = parseBatch(event);
    if (batch === undefined) return { batchItemFailures: [] };
    const reserveMs = Math.min(LONGEST_RESERVE_MS, context.getRemainingTimeInMillis() / 3);

    const outcomes = await observe(batch, () => context.getRemainingTimeInMillis() - reserveMs);
    const decision = decide(outcomes);
    await act(batch, decision);

    const { checkpoint, resultLines, refused } = decision;
    for (const { sequenceNumber } of batch.records.slice(0, checkpoint)) memory.forget(batch.shardId, sequenceNumber);
    const open = batch.records[checkpoint];
    const openOutcome = outcomes[checkpoint];
    logger.info('batch', {
      shardId: batch.shardId,
      records: batch.records.length,
      answered: resultLines.length,
      deadLettered: refused.length,
      ...(open === undefined
        ? {}
        : {
            repeatFrom: open.sequenceNumber,
            reason: openOutcome?.kind === 'open' ? openOutcome.error : 'a record before it was not answered',
          }),
    });
    return { batchItemFailures: open === undefined ? [] : [{ itemIdentifier: open.sequenceNumber }] };
  };
}
