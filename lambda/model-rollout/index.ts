import { parseRolloutConfiguration, ROLLOUT_ENVIRONMENT } from '../../lib/rollout/contract';
import { createEndpointDeployments } from '../clients/endpoint-deployments';
import { createModelVersions } from '../clients/model-registry';
import { createObjectStore } from '../clients/object-store';
import { createParameters } from '../clients/parameters';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

const configuration = parseRolloutConfiguration(requiredEnv(ROLLOUT_ENVIRONMENT.configuration));

export const handler = createHandler({
  configuration,
  versions: createModelVersions(),
  endpoints: createEndpointDeployments(),
  parameters: createParameters(),
  reports: createObjectStore(configuration.reports.bucket),
  clock: systemClock,
  logger,
});
