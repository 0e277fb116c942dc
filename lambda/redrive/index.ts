import { REDRIVE_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createObjectStore } from '../clients/object-store';
import { createRequestStream } from '../clients/request-stream';
import { systemClock } from '../support/clock';
import { requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

const streamName = requiredEnv(names.streamName);

export const handler = createHandler({
  streamName,
  store: createObjectStore(requiredEnv(names.resultsBucketName)),
  stream: createRequestStream(streamName),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  maxRecordBytes: requiredNumberEnv(names.maxRecordBytes),
  retentionSeconds: requiredNumberEnv(names.retentionSeconds),
});
