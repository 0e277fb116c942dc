import { WEBHOOK_ENVIRONMENT } from '../../lib/monitoring/contract';
import { createParameters } from '../clients/parameters';
import { createWebhook } from '../clients/webhook';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({
  urlParameter: requiredEnv(WEBHOOK_ENVIRONMENT.urlParameter),
  parameters: createParameters(),
  webhook: createWebhook(),
  logger,
});
