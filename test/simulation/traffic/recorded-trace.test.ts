import { MISSING_TRACES, testWith } from '../../support/needs';
import { expectRecorded, readRecorded } from './recorded-trace';

const whenTraces = testWith(MISSING_TRACES);

describe('public traces', () => {
  // Counts and sums were taken from the files with another program.
  whenTraces.each([
    ['azure-llm-2023-conv.csv', 19_366, 3501.722],
    ['mooncake-conversation.jsonl.gz', 12_031, 3536.999],
    ['cloudwatch-elb-request-count.csv', 249_327, 4040 * 300],
    ['tweets-AAPL.csv', 1_360_453, 15_902 * 300],
    ['tweets-GOOG.csv', 328_506, 15_842 * 300],
    ['tweets-UPS.csv', 86_570, 15_866 * 300],
  ])('%s has %d requests in %d s, in order', expectRecorded);

  whenTraces('keep the token counts of the hour of conversations', async () => {
    let context = 0;
    let generated = 0;
    for (const request of (await readRecorded('azure-llm-2023-conv.csv')).requests()) {
      context += request.contextTokens;
      generated += request.generatedTokens;
    }
    expect(context / 19_366).toBeCloseTo(1154.6974, 3);
    expect(generated / 19_366).toBeCloseTo(211.1259, 3);
  });
});
