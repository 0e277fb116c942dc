import { GUARD_ENVIRONMENT } from '../../lib/cost/contract';
import { createGuardStore } from '../clients/guard-store';
import { createScalableTargets } from '../clients/scalable-target';
import { respond } from '../support/custom-resource';
import { systemClock } from '../support/clock';
import { requiredEnv } from '../support/env';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

export const handler = createHandler({
  store: createGuardStore(requiredEnv(GUARD_ENVIRONMENT.tableName)),
  targets: createScalableTargets(),
  respond,
  clock: systemClock,
  sleep: systemSleep,
  logger,
});
