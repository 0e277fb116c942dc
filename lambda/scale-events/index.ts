import { METRIC_NAMESPACE, parseWatchedFleets, SCALE_EVENTS_ENVIRONMENT as names } from '../../lib/scaling/contract';
import { sageMakerFleetStates } from '../clients/fleet-state';
import { cloudWatchMetrics } from '../clients/metrics';
import { dynamoScaleEventStore } from '../clients/scale-event-store';
import { applicationAutoScalingActivities } from '../clients/scaling-activities';
import { systemClock } from '../support/clock';
import { requiredEnv, requiredNumberEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  fleets: parseWatchedFleets(requiredEnv(names.fleets)),
  retentionDays: requiredNumberEnv(names.retentionDays),
  activities: applicationAutoScalingActivities(),
  states: sageMakerFleetStates(),
  store: dynamoScaleEventStore(requiredEnv(names.tableName)),
  metrics: cloudWatchMetrics(METRIC_NAMESPACE),
  clock: systemClock,
  logger,
});
