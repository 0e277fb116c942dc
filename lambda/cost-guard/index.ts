import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import { GUARD_ENVIRONMENT, parseGuardConfiguration } from '../../lib/cost/contract';
import { createEndpointStates } from '../clients/endpoint-state';
import { createGuardStore } from '../clients/guard-store';
import { createMeteredExecutions } from '../clients/metered-executions';
import { createMetrics } from '../clients/metrics';
import { createNotifier } from '../clients/notifier';
import { createParameters } from '../clients/parameters';
import { createScalableTargets } from '../clients/scalable-target';
import { createTrainingJobsClient } from '../clients/training-jobs';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

const configuration = parseGuardConfiguration(requiredEnv(GUARD_ENVIRONMENT.configuration));

export const handler = createHandler({
  configuration,
  budgetParameter: requiredEnv(GUARD_ENVIRONMENT.budgetParameter),
  parameters: createParameters(),
  endpoints: createEndpointStates(),
  targets: createScalableTargets(),
  trainingJobs: createTrainingJobsClient(),
  executions: createMeteredExecutions(),
  store: createGuardStore(requiredEnv(GUARD_ENVIRONMENT.tableName), undefined, configuration.dryRun),
  metrics: createMetrics(METRIC_NAMESPACE),
  notifier: createNotifier(requiredEnv(GUARD_ENVIRONMENT.topicArn)),
  clock: systemClock,
  logger,
});
