import { parseTrace, type Workload } from '../../../lib/simulation/traffic';

function read(text: string, seed = 1): Promise<Workload> {
  return parseTrace(text.split('\n'), { name: 'trace', seed });
}

function countsOf(workload: Workload): number[] {
  const counts = Array.from({ length: workload.durationSeconds }, () => 0);
  for (const { atSeconds } of workload.requests()) counts[Math.floor(atSeconds)]!++;
  return counts;
}

/** Variance over mean of the counts of 10 seconds: 1 for a Poisson process, the squared variation of the gaps for long stretches. */
function dispersion(counts: readonly number[]): number {
  const tens = Array.from({ length: Math.floor(counts.length / 10) }, (_, index) =>
    counts.slice(10 * index, 10 * index + 10).reduce((a, b) => a + b, 0),
  );
  const mean = tens.reduce((a, b) => a + b, 0) / tens.length;
  return tens.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (tens.length - 1) / mean;
}

const windows = (pattern: string, shape: number, rate = 20): string =>
  Array.from({ length: 30 }, (_, index) => `${600 * index},${rate},1,${pattern},${shape},0.05`).join('\n');

describe('client windows', () => {
  test.each([
    ['Gamma', 1, 1],
    ['Gamma', 0.25, 4],
    ['Gamma', 4, 0.25],
    ['Weibull', 1, 1],
    // (cv of a Weibull distribution of shape 0.5)² = Γ(5) ÷ Γ(3)² - 1 = 24 ÷ 4 - 1 = 5
    ['Weibull', 0.5, 5],
    ['Exponential', 1, 1],
  ])('arrive as a %s process of shape %d at their rate', async (pattern, shape, expected) => {
    const workload = await read(windows(pattern, shape));
    // 20 a second for 18,000 s; the variance of the number is 360,000 × cv², so 2 % are more than three deviations.
    expect(workload.durationSeconds).toBe(18_000);
    expect(Math.abs(workload.requestCount / 360_000 - 1)).toBeLessThan(0.02);
    const spread = dispersion(countsOf(workload));
    expect(spread).toBeGreaterThan(0.85 * expected);
    expect(spread).toBeLessThan(1.15 * expected);
  });

  test('of several clients add up, and a window without a pattern is silent', async () => {
    const workload = await read(
      '0,10,1,Gamma,1,0.1\n600,0,0,,0,0\n1200,10,1,Gamma,1,0.1\n0,5,1,Gamma,1,0.2\n600,5,1,Gamma,1,0.2',
    );
    const counts = countsOf(workload);
    const mean = (from: number, to: number): number => counts.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
    expect(workload.description).toContain('client windows of 2 clients');
    expect(workload.durationSeconds).toBe(1800);
    expect(mean(0, 600)).toBeGreaterThan(13);
    expect(mean(600, 1200)).toBeLessThan(6);
    expect(mean(1200, 1800)).toBeGreaterThan(8.5);
  });

  test('are the same for the same seed, and others for another', async () => {
    const text = windows('Gamma', 0.5);
    expect(countsOf(await read(text, 3))).toEqual(countsOf(await read(text, 3)));
    expect(countsOf(await read(text, 3))).not.toEqual(countsOf(await read(text, 4)));
  });

  test.each([
    ['a pattern nobody knows', '0,1,1,Gamma,1,1\n600,1,1,Normal,1,1', 'trace:2: pattern is "Normal"'],
    ['a negative rate', '0,1,1,Gamma,1,1\n600,-1,1,Gamma,1,1', 'trace:2: rate is "-1"'],
    ['a shape of nothing', '0,1,1,Gamma,0,1', 'trace:1: shape is "0"'],
    ['a missing column', '0,1,1,Gamma,1,1\n600,1,1,Gamma,1', 'trace:2: the row has 5 columns'],
    [
      'a window of a year',
      '0,2,1,Gamma,1,1\n60,2,1,Gamma,1,1\n31536060,2,1,Gamma,1,1',
      'trace:3: the window begins 31536000 s after the one before, which lasts until then; the maximum is 604800 s',
    ],
    ['a client before the first', '600,1,1,Gamma,1,1\n0,1,1,Gamma,1,1', 'trace:2: the window begins 600 s before'],
    ['countless requests', '0,1e9,1,Gamma,1,1\n600,1,1,Gamma,1,1', 'trace:1: the windows have more than'],
    ['windows a lifetime apart', '0,1,1,Gamma,1,1\n99999999999,1,1,Gamma,1,1', 'the maximum is 31622400 s'],
    ['silence alone', '0,0,0,,0,0', 'every count is 0'],
  ])('are refused with %s', async (_what, text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

test('a year without requests is said by a row without a pattern, and the window after it is no year', async () => {
  const workload = await read('0,2,1,Gamma,1,1\n60,0,1,,1,1\n30000000,2,1,Gamma,1,1');
  expect(workload.durationSeconds).toBe(30_000_000 + 604_800);
});
