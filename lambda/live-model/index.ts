import { createParameters } from '../clients/parameters';
import { respond } from '../support/custom-resource';
import { logger } from '../support/logger';
import { createHandler } from './handler';

export const handler = createHandler({ parameters: createParameters(), respond, logger });
