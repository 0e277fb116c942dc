import { RESULT_SINK_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createObjectStore } from '../clients/object-store';
import { createBusTarget, createStreamTarget } from '../clients/result-target';
import { optionalEnv, requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

const streamArn = optionalEnv(names.streamArn);

export const handler = createHandler({
  results: createObjectStore(requiredEnv(names.resultsBucketName)),
  target: streamArn === undefined ? createBusTarget(requiredEnv(names.eventBusArn)) : createStreamTarget(streamArn),
  sleep: systemSleep,
  random: Math.random,
  logger,
});
