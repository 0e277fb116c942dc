import type { Context } from 'aws-lambda';
import type { KafkaBatchResponse } from '../../lib/ingestion/contract';
import { type ConsumerDependencies, createConsumer } from '../stream-consumer/consumer';
import { parseKafkaBatches } from './kafka-batch';

export interface KafkaConsumerDependencies extends ConsumerDependencies {
  /** Consumer group of the event source mapping: name of the results. */
  readonly consumerGroupId: string;
}

/**
 * Handles an event of the Kafka event source mapping: batches of one or more partitions, each waited for as a whole, because only a client of the
 * cluster could read on behind them. Reports for each partition the first offset without an outcome, from which Lambda delivers it again.
 */
export function createHandler(
  dependencies: KafkaConsumerDependencies,
): (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<KafkaBatchResponse> {
  const { consumerGroupId, recordFields } = dependencies;
  const consumer = createConsumer(dependencies);
  return async (event, context) => {
    const batches = parseKafkaBatches(event, consumerGroupId, recordFields);
    const pending = await consumer.process(batches, context);
    return {
      batchItemFailures: pending.flatMap((record, index) =>
        record === undefined
          ? []
          : [{ itemIdentifier: { partition: batches[index]!.shardId, offset: Number(record.sequenceNumber) } }],
      ),
    };
  };
}
