import { MISSING_TRACES, testWith } from '../../support/needs';
import { expectRecorded } from './recorded-trace';

describe('public traces of hundreds of millions of requests', () => {
  // Counts were taken from the files with another program.
  testWith(MISSING_TRACES).each([
    ['servegen-m-large-d0-7.csv.gz', 147_632_669, 8 * 86_400],
    ['servegen-m-small-d0-2.csv.gz', 264_069_985, 3 * 86_400],
  ])('%s has %d requests in %d s, in order', expectRecorded, 300_000);
});
