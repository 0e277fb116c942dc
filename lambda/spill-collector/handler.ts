import type { Context } from 'aws-lambda';
import { RetryableError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import {
  DEAD_LETTERS_METRIC,
  OPEN_SPILLED_RECORDS_METRIC,
  SPILL_DELAY_METRIC,
  STREAM_NAME_DIMENSION,
} from '../../lib/ingestion/contract';
import { decideSpillOutcome } from '../../lib/ingestion/decide/spill';
import { parseSpilledObjectKey, parseSpilledRecord, spilledOfStream } from '../../lib/ingestion/decide/spilled-record';
import type { AsyncObject, AsyncObjects } from '../clients/async-endpoint';
import type { Metrics } from '../clients/metrics';
import type { DeletingStore } from '../clients/object-store';
import type { TimedAnswer } from '../stream-consumer/answers';
import type { StreamRecord } from '../stream-consumer/batch';
import { inBoundedParallel } from '../stream-consumer/bounded-parallel';
import { DoneRecords } from '../stream-consumer/done-records';
import { OutcomeLog } from '../stream-consumer/outcome-log';
import { OutcomeWriter } from '../stream-consumer/outcome-writer';
import { SeenRecords } from '../stream-consumer/seen-records';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';

export interface SpillCollectorDependencies {
  readonly streamName: string;
  readonly results: DeletingStore;
  readonly objects: AsyncObjects;
  /** Adds to an answer what the response mapping makes of it. */
  readonly map: (answer: TimedAnswer['answer']) => Promise<TimedAnswer['answer']>;
  readonly metrics: Metrics;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Counts of one run. */
export interface SpillCollection {
  answered: number;
  deadLetters: number;
  /** Records whose response is awaited, as far as they were looked at. */
  open: number;
  /** Records that could not be settled; the next run tries again. */
  failed: number;
}

/** Number of open records in a row after which a run leaves a shard: the endpoint's queue is first in, first out. */
export const OPEN_IN_A_ROW = 500;
/** Number of records that are looked at together. */
const CHUNK = 64;
/** Time that is kept for the end of a run, milliseconds. */
const END_MS = 15_000;

/**
 * Collects the responses to spilled records: for each object below `spilled/` whose response, failure or deadline is there, the result line is
 * written, only if the record has none; then what follows from it; and last the object is deleted. A run that dies at any point, or meets
 * another one, is completed by the next.
 */
export function createHandler(deps: SpillCollectorDependencies) {
  const { streamName, results, objects, metrics, clock, logger } = deps;
  const log = new OutcomeLog(results);
  const prefix = spilledOfStream(streamName);

  async function settle(key: string, shardId: string, delays: number[]): Promise<keyof SpillCollection> {
    return withDeadline(LOOK_DEADLINE_SECONDS, 'a spilled record', async (signal) => {
      const text = await results.get(key, signal);
      // Another run has settled it.
      if (text === undefined) return 'answered';
      const { responseUri, failureUri, deadlineAt, payloadBase64, ...rest } = parseSpilledRecord(text);
      const record: StreamRecord = { ...rest, payload: Buffer.from(payloadBase64, 'base64') };
      const now = clock.now();
      const response = await objects.read(responseUri, signal);
      const failure =
        response === undefined && failureUri !== null ? await objects.read(failureUri, signal) : undefined;
      const outcome = decideSpillOutcome({
        now,
        deadlineAt,
        response,
        failure: failure && Buffer.from(failure.body).toString('utf8'),
      });
      if (outcome.kind === 'open') return 'open';
      const [seen, done] = [new SeenRecords(), new DoneRecords()];
      const batch = { streamName, shardId };
      const writer = new OutcomeWriter({ batch, log, results, seen, done, clock, logger });
      if (outcome.kind === 'rejected') writer.add(record, outcome);
      else {
        const answer = await timedAnswer(outcome.answer, rest.spilledAt, now);
        writer.add(record, { kind: 'succeeded', answer });
        delays.push(Math.max(0, answer.answeredAt - rest.arrivedAt));
      }
      await writer.flush(LOOK_DEADLINE_SECONDS);
      await results.delete(key, signal);
      return outcome.kind === 'rejected' ? 'deadLetters' : 'answered';
    });
  }

  async function timedAnswer(
    { body, contentType, writtenAt }: AsyncObject,
    spilledAt: EpochSeconds,
    now: EpochSeconds,
  ): Promise<TimedAnswer> {
    const answeredAt = Math.min(now, writtenAt ?? now);
    const answer = await deps.map({ status: 200, body, ...(contentType === undefined ? {} : { contentType }) });
    return { answer, answeredAt, requestSeconds: Math.max(0, answeredAt - spilledAt) };
  }

  return async (
    _event: unknown,
    context: Pick<Context, 'getRemainingTimeInMillis'>,
  ): Promise<Readonly<SpillCollection>> => {
    const counts: SpillCollection = { answered: 0, deadLetters: 0, open: 0, failed: 0 };
    const delays: number[] = [];
    const openInARow = new Map<string, number>();
    for (let after = prefix; context.getRemainingTimeInMillis() > END_MS;) {
      const page = await withDeadline(LOOK_DEADLINE_SECONDS, 'the spilled records', (signal) =>
        results.keysAfter(prefix, after, signal),
      );
      if (page.length === 0) break;
      after = page.at(-1)!;
      for (let from = 0; from < page.length && context.getRemainingTimeInMillis() > END_MS; from += CHUNK) {
        await inBoundedParallel(page.slice(from, from + CHUNK), async (key) => {
          const place = parseSpilledObjectKey(streamName, key);
          if (place === undefined) return;
          const { shardId } = place;
          const before = openInARow.get(shardId) ?? 0;
          if (before >= OPEN_IN_A_ROW) {
            counts.open += 1;
            return;
          }
          try {
            const end = await settle(key, shardId, delays);
            counts[end] += 1;
            openInARow.set(shardId, end === 'open' ? (openInARow.get(shardId) ?? 0) + 1 : 0);
          } catch (error) {
            counts.failed += 1;
            logger.error('a spilled record is looked at again', { key, error });
          }
        });
      }
    }
    await publish(counts, delays);
    logger.info('spilled records', { ...counts });
    if (counts.failed > 0 && counts.answered + counts.deadLetters + counts.open === 0)
      throw new RetryableError(`none of ${counts.failed} spilled records could be settled`);
    return counts;
  };

  async function publish(counts: SpillCollection, delays: readonly number[]): Promise<void> {
    const atSeconds = clock.now();
    const dimensions = { [STREAM_NAME_DIMENSION]: streamName };
    const values = [
      { metricName: OPEN_SPILLED_RECORDS_METRIC, value: counts.open, unit: 'Count' as const },
      ...(counts.deadLetters > 0
        ? [{ metricName: DEAD_LETTERS_METRIC, value: counts.deadLetters, unit: 'Count' as const }]
        : []),
      ...(delays.length > 0
        ? [{ metricName: SPILL_DELAY_METRIC, value: delays.reduce((a, b) => Math.max(a, b)), unit: 'Seconds' as const }]
        : []),
    ];
    await withDeadline(LOOK_DEADLINE_SECONDS, 'the metrics', (signal) =>
      metrics.put(
        values.map((one) => ({ ...one, atSeconds, dimensions })),
        signal,
      ),
    ).catch((error: unknown) => logger.warn('cannot publish the counts', { error }));
  }
}
