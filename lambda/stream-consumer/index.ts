import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import {
  DEAD_LETTERS_METRIC,
  INGESTION_ENVIRONMENT as names,
  STREAM_NAME_DIMENSION,
} from '../../lib/ingestion/contract';
import { createEndpointRuntime } from '../clients/endpoint-runtime';
import { createMetrics } from '../clients/metrics';
import { createObjectStore } from '../clients/object-store';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

const metrics = createMetrics(METRIC_NAMESPACE);
const concurrency = requiredNumberEnv(names.concurrency);

export const handler = createHandler({
  endpoint: createEndpointRuntime(requiredEnv(names.endpointName), {
    maxConnections: concurrency,
    componentName: optionalEnv(names.componentName),
  }),
  results: createObjectStore(requiredEnv(names.resultsBucketName)),
  clock: systemClock,
  sleep: systemSleep,
  random: Math.random,
  logger,
  concurrency,
  maxModelFailures: requiredNumberEnv(names.maxModelFailures),
  countDeadLetters: (streamName, value, signal) =>
    metrics.put(
      [
        {
          metricName: DEAD_LETTERS_METRIC,
          value,
          unit: 'Count',
          atSeconds: systemClock.now(),
          dimensions: { [STREAM_NAME_DIMENSION]: streamName },
        },
      ],
      signal,
    ),
});
