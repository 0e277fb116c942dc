import { RESULT_SINK_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createObjectStore } from '../clients/object-store';
import { createResultTarget } from '../clients/result-target';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

export const handler = createHandler({
  results: createObjectStore(requiredEnv(names.resultsBucketName)),
  target: createResultTarget(requiredEnv(names.targetArn)),
  sleep: systemSleep,
  random: Math.random,
  logger,
});
