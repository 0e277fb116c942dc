import { MISSING_TRACES, testWith } from '../../support/needs';
import { expectRecorded } from './recorded-trace';

describe('public traces of hundreds of millions of requests', () => {
  // Counts were taken from the files with another program.
  testWith(MISSING_TRACES).each([
    ['servegen-m-large-d0-7-steps.csv.gz', 149_450_489, 8 * 86_400],
    ['servegen-m-large-d0-7-linear.csv.gz', 149_395_712, 8 * 86_400],
    ['servegen-m-large-d0-7-offset.csv.gz', 149_511_872, 8 * 86_400],
    ['servegen-m-small-d0-2-steps.csv.gz', 266_061_654, 3 * 86_400],
    ['servegen-m-small-d0-2-linear.csv.gz', 265_985_303, 3 * 86_400],
    ['servegen-m-small-d0-2-offset.csv.gz', 266_149_522, 3 * 86_400],
  ])('%s has %d requests in %d s, in order', expectRecorded, 300_000);
});
