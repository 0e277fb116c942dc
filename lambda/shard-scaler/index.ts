import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import { parseShardPlan, SHARD_SCALING_ENVIRONMENT as names } from '../../lib/ingestion/contract';
import { createMetrics } from '../clients/metrics';
import { createNotifier } from '../clients/notifier';
import { createObjectStore } from '../clients/object-store';
import { createStreamShards } from '../clients/stream-shards';
import { systemClock } from '../support/clock';
import { optionalEnv, requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

const streamName = requiredEnv(names.streamName);
const topicArn = optionalEnv(names.notificationTopicArn);

export const handler = createHandler({
  streamName,
  plan: parseShardPlan(requiredEnv(names.plan)),
  shards: createStreamShards(streamName),
  store: createObjectStore(requiredEnv(names.resultsBucketName)),
  metrics: createMetrics(METRIC_NAMESPACE),
  notifier: topicArn === undefined ? undefined : createNotifier(topicArn),
  clock: systemClock,
  logger,
});
