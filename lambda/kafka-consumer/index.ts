import { INGESTION_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { partitionsOf } from '../clients/open-shards';
import { consumerDependencies } from '../stream-consumer/environment';
import { requiredEnv, requiredNumberEnv } from '../support/env';
import { createHandler } from './handler';

const partitions = partitionsOf(requiredEnv(names.topicName), requiredNumberEnv(names.topicPartitions));

export const handler = createHandler({
  ...consumerDependencies(partitions),
  // Of a topic only the delivered batches are known here; Lambda publishes the rest as OffsetLag.
  publishBacklog: undefined,
  consumerGroupId: requiredEnv(names.consumerGroupId),
});
