import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { parseTrace, splitLines, type Workload } from '../../../lib/simulation/workload';

const directory = process.env.TRACES_DIR ?? path.resolve(__dirname, '../../../../shared/traces');
/** Skipped, and counted so, where the traces are not there. */
const whenTraces = fs.existsSync(directory) ? test : test.skip;

function read(file: string): Promise<Workload> {
  const bytes = fs.createReadStream(path.join(directory, file));
  const text = file.endsWith('.gz') ? bytes.pipe(zlib.createGunzip()) : bytes;
  text.setEncoding('utf8');
  return parseTrace(splitLines(text as AsyncIterable<string>, { name: file }), { name: file });
}

describe('public traces', () => {
  // Counts and sums were taken from the files with another program.
  whenTraces.each([
    ['azure-llm-2023-conv.csv', 19_366, 3501.722],
    ['mooncake-conversation.jsonl.gz', 12_031, 3536.999],
    ['cloudwatch-elb-request-count.csv', 249_327, 4040 * 300],
    ['tweets-AAPL.csv', 1_360_453, 15_902 * 300],
    ['tweets-GOOG.csv', 328_506, 15_842 * 300],
    ['tweets-UPS.csv', 86_570, 15_866 * 300],
    ['servegen-m-large-d0-7.csv.gz', 147_632_669, 8 * 86_400],
    ['servegen-m-small-d0-2.csv.gz', 264_069_985, 3 * 86_400],
  ])('%s has %d requests in %d s, in order', async (file, requestCount, durationSeconds) => {
    const workload = await read(file);
    expect(workload.requestCount).toBe(requestCount);
    expect(workload.durationSeconds).toBeCloseTo(durationSeconds, 3);
    let seen = 0;
    let previous = 0;
    let disorder = 0;
    for (const { atSeconds } of workload.requests()) {
      if (atSeconds < previous) disorder++;
      previous = atSeconds;
      if (++seen === 200_000) break;
    }
    expect(disorder).toBe(0);
    expect(seen).toBe(Math.min(requestCount, 200_000));
  });

  whenTraces('keep the token counts of the hour of conversations', async () => {
    let context = 0;
    let generated = 0;
    for (const request of (await read('azure-llm-2023-conv.csv')).requests()) {
      context += request.contextTokens;
      generated += request.generatedTokens;
    }
    expect(context / 19_366).toBeCloseTo(1154.6974, 3);
    expect(generated / 19_366).toBeCloseTo(211.1259, 3);
  });
});
