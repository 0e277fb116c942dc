import { INGESTION_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createShardReader } from '../clients/shard-reader';
import { optionalEnv } from '../support/env';
import { consumerDependencies } from './environment';
import { createHandler } from './handler';

export const handler = createHandler({
  ...consumerDependencies(),
  reader: optionalEnv(names.readsAhead) === 'true' ? createShardReader() : undefined,
});
