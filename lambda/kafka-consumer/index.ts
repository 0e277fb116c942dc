import { INGESTION_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { consumerDependencies } from '../stream-consumer/environment';
import { requiredEnv } from '../support/env';
import { createHandler } from './handler';

export const handler = createHandler({
  ...consumerDependencies(),
  consumerGroupId: requiredEnv(names.consumerGroupId),
});
