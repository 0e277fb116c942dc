import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import { FORECASTER_ENVIRONMENT, parseForecasterConfiguration } from '../../lib/scaling/contract';
import { createForecastStore } from '../clients/forecast-store';
import { createMetrics } from '../clients/metrics';
import { createRequestHistory } from '../clients/request-history';
import { createScalableTargets } from '../clients/scalable-target';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

const configuration = parseForecasterConfiguration(requiredEnv(FORECASTER_ENVIRONMENT.configuration));

export const handler = createHandler({
  configuration,
  history: createRequestHistory(configuration.demand),
  store: createForecastStore(requiredEnv(FORECASTER_ENVIRONMENT.tableName), configuration.resourceId),
  targets: configuration.active ? createScalableTargets() : undefined,
  metrics: createMetrics(METRIC_NAMESPACE),
  clock: systemClock,
  logger,
});
