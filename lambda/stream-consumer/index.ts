import { ingestionEnvironment as names } from '../../lib/ingestion/contract';
import { sageMakerEndpointRuntime } from '../clients/endpoint-runtime';
import { s3ObjectStore } from '../clients/object-store';
import { systemClock } from '../support/clock';
import { requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

const concurrency = requiredNumberEnv(names.concurrency);

export const handler = createHandler({
  endpoint: sageMakerEndpointRuntime(requiredEnv(names.endpointName), { maxConnections: concurrency }),
  results: s3ObjectStore(requiredEnv(names.resultsBucketName)),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  concurrency,
  maxModelFailures: requiredNumberEnv(names.maxModelFailures),
});
