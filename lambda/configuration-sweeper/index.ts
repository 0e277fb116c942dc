import { parseSweeperConfiguration, SWEEPER_ENVIRONMENT } from '../../lib/inference/contract';
import { createHostingConfigurations } from '../clients/hosting-configurations';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  configuration: parseSweeperConfiguration(requiredEnv(SWEEPER_ENVIRONMENT.configuration)),
  hosting: createHostingConfigurations(),
  clock: systemClock,
  logger,
});
