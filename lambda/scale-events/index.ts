import { METRIC_NAMESPACE } from '../../lib/core/metric-namespace';
import { parseWatchedFleets, SCALE_EVENTS_ENVIRONMENT as names } from '../../lib/scaling/contract';
import { createEndpointStates } from '../clients/endpoint-state';
import { createMetrics } from '../clients/metrics';
import { createScaleEventStore } from '../clients/scale-event-store';
import { createScalingActivities } from '../clients/scaling-activities';
import { systemClock } from '../support/clock';
import { requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  fleets: parseWatchedFleets(requiredEnv(names.fleets)),
  retentionDays: requiredNumberEnv(names.retentionDays),
  activities: createScalingActivities(),
  endpoints: createEndpointStates(),
  store: createScaleEventStore(requiredEnv(names.tableName)),
  metrics: createMetrics(METRIC_NAMESPACE),
  clock: systemClock,
  logger,
});
