import {
  DEAD_LETTERS_METRIC,
  ingestionEnvironment as names,
  METRIC_NAMESPACE,
  STREAM_NAME_DIMENSION,
} from '../../lib/ingestion/contract';
import { sageMakerEndpointRuntime } from '../clients/endpoint-runtime';
import { cloudWatchMetrics } from '../clients/metrics';
import { s3ObjectStore } from '../clients/object-store';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

const metrics = cloudWatchMetrics(METRIC_NAMESPACE);
const concurrency = requiredNumberEnv(names.concurrency);

export const handler = createHandler({
  endpoint: sageMakerEndpointRuntime(requiredEnv(names.endpointName), {
    maxConnections: concurrency,
    componentName: optionalEnv(names.componentName),
  }),
  results: s3ObjectStore(requiredEnv(names.resultsBucketName)),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  concurrency,
  maxModelFailures: requiredNumberEnv(names.maxModelFailures),
  countDeadLetters: (streamName, value) =>
    metrics.put([
      {
        metricName: DEAD_LETTERS_METRIC,
        value,
        unit: 'Count',
        atSeconds: systemClock.now(),
        dimensions: { [STREAM_NAME_DIMENSION]: streamName },
      },
    ]),
});
