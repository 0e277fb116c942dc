import { GUARD_ENVIRONMENT, GUARD_METRICS, parseGuardConfiguration } from '../../lib/cost/contract';
import { createFleetClient } from '../clients/fleet';
import { createGuardStore } from '../clients/guard-store';
import { cloudWatchMetrics } from '../clients/metrics';
import { createNotifier } from '../clients/notifier';
import { createParameters } from '../clients/parameters';
import { createTrainingJobsClient } from '../clients/training-jobs';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  configuration: parseGuardConfiguration(requiredEnv(GUARD_ENVIRONMENT.configuration)),
  budgetParameter: requiredEnv(GUARD_ENVIRONMENT.budgetParameter),
  parameters: createParameters(),
  fleets: createFleetClient(),
  trainingJobs: createTrainingJobsClient(),
  store: createGuardStore(requiredEnv(GUARD_ENVIRONMENT.tableName)),
  metrics: cloudWatchMetrics(GUARD_METRICS.namespace),
  notifier: createNotifier(requiredEnv(GUARD_ENVIRONMENT.topicArn)),
  clock: systemClock,
  logger,
});
