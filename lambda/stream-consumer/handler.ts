import type { Context, KinesisStreamBatchResponse, KinesisStreamEvent } from 'aws-lambda';
import type { ShardReader } from '../clients/shard-reader';
import { parseBatch } from './batch';
import { type ConsumerDependencies, createConsumer } from './consumer';

export interface StreamConsumerDependencies extends ConsumerDependencies {
  /** Reader of the shards; undefined where several invocations of one shard run at once, so that none may read ahead. */
  readonly reader?: ShardReader;
}

type StreamConsumer = (
  event: KinesisStreamEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<KinesisStreamBatchResponse>;

/**
 * Handles an event of the Kinesis event source mapping: the batch of one shard. While responses are awaited the records behind the batch are read
 * and sent too, so that the shard waits for none of them; Lambda delivers these later, and they are found written.
 */
export function createHandler(dependencies: StreamConsumerDependencies): StreamConsumer {
  const { recordFields, reader } = dependencies;
  const consumer = createConsumer(dependencies);
  return async (event, context) => {
    const batch = parseBatch(event, recordFields);
    if (batch === undefined) return { batchItemFailures: [] };
    const { streamArn, shardId, records } = batch;
    const cursorOf = reader && (() => reader.after(streamArn, shardId, records.at(-1)!.sequenceNumber));
    const [pending] = await consumer.process([batch], context, cursorOf);
    return { batchItemFailures: pending === undefined ? [] : [{ itemIdentifier: pending.sequenceNumber }] };
  };
}
