import { createBucketContents } from '../clients/bucket-contents';
import { systemClock } from '../support/clock';
import { respond } from '../support/custom-resource';
import { logger } from '../support/logger';
import { systemSleep } from '../support/sleep';
import { createHandler } from './handler';

export const handler = createHandler({
  contentsOf: (bucketName) => createBucketContents(bucketName),
  respond,
  clock: systemClock,
  sleep: systemSleep,
  logger,
});
