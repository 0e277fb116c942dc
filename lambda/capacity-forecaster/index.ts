import { FORECASTER_ENVIRONMENT, METRIC_NAMESPACE } from '../../lib/scaling/contract';
import { createForecastStore } from '../clients/forecast-store';
import { cloudWatchMetrics } from '../clients/metrics';
import { createRequestHistory } from '../clients/request-history';
import { createScalingTarget } from '../clients/scaling-target';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { parseForecasterConfiguration } from './configuration';
import { createHandler } from './handler';

const configuration = parseForecasterConfiguration(requiredEnv(FORECASTER_ENVIRONMENT.configuration));

export const handler = createHandler({
  configuration,
  history: createRequestHistory(configuration.demand),
  store: createForecastStore(requiredEnv(FORECASTER_ENVIRONMENT.tableName), configuration.resourceId),
  target: configuration.active ? createScalingTarget(configuration) : undefined,
  metrics: cloudWatchMetrics(METRIC_NAMESPACE),
  clock: systemClock,
  logger,
});
