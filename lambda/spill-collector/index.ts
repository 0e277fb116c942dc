import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import { SPILL_COLLECTOR_ENVIRONMENT as names } from '../../lib/ingestion/decide/spilled-record';
import { createAsyncObjects } from '../clients/async-endpoint';
import { createMetrics } from '../clients/metrics';
import { createObjectStore } from '../clients/object-store';
import { responseMapping } from '../stream-consumer/environment';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  streamName: requiredEnv(names.streamName),
  results: createObjectStore(requiredEnv(names.resultsBucketName)),
  objects: createAsyncObjects(),
  map: responseMapping(optionalEnv(names.responseMapping), requiredEnv(names.accept)),
  metrics: createMetrics(METRIC_NAMESPACE),
  clock: systemClock,
  logger,
});
