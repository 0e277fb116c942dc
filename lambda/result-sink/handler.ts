import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { RetryableError } from '../../lib/core/errors';
import { parseJson } from '../../lib/core/parse';
import { sinkRequests, resultMessage, type ResultMessage } from '../../lib/ingestion/decide/result-messages';
import type { ObjectStore } from '../clients/object-store';
import type { ResultTarget } from '../clients/result-target';
import { backoffMilliseconds } from '../stream-consumer/backoff';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';

export interface ResultSinkDependencies {
  readonly results: Pick<ObjectStore, 'get'>;
  readonly target: ResultTarget;
  readonly sleep: Sleep;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Time that is kept for the end of the invocation. */
const END_MS = 2_000;

/**
 * Delivers result objects, one message a line: at least once. Lines that the target did not take are sent again, alone, while there is time; then
 * the queue delivers the event of their object again, and all its lines are sent once more. A message has the `id` of its record.
 */
export function createHandler({ results, target, sleep, random, logger }: ResultSinkDependencies) {
  async function messagesOf(key: string): Promise<readonly ResultMessage[]> {
    const text = await results.get(key);
    if (text === undefined) {
      // Somebody has deleted the object: there is nothing left to deliver.
      logger.warn('the result object is gone', { key });
      return [];
    }
    const lines = text.split('\n').filter((line) => line !== '');
    return lines.map((line) => resultMessage(line, key, target));
  }

  async function deliver(messages: readonly ResultMessage[], leftMs: () => number): Promise<void> {
    for (const request of sinkRequests(messages, target.limits)) {
      let open = request;
      for (let attempt = 1; ; attempt++) {
        const { failed, reason } = await target.send(open);
        if (failed.length === 0) break;
        open = failed;
        const pauseMs = backoffMilliseconds(attempt, random());
        if (leftMs() < pauseMs + END_MS)
          throw new RetryableError(`${failed.length} results were not taken (${reason ?? 'no reason'})`);
        await sleep(pauseMs);
      }
    }
  }

  return async (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>): Promise<SQSBatchResponse> => {
    const failed: string[] = [];
    for (const { messageId, body } of event.Records) {
      try {
        const key = parseJson('the event', body, 'an event of S3', (root) =>
          root.at('detail').at('object').at('key').text(),
        );
        const messages = await messagesOf(key);
        await deliver(messages, () => context.getRemainingTimeInMillis());
        logger.info('results delivered', { key, results: messages.length });
      } catch (error) {
        logger.error('results are delivered again', { messageId, error });
        failed.push(messageId);
      }
    }
    return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
