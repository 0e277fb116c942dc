import { InputError } from '../../../lib/core/errors';
import { mean, quantile } from '../../../lib/core/statistics';
import { generateWorkload, workloadWindow, type GeneratorOptions } from '../../../lib/simulation/traffic';

function moments(options: GeneratorOptions): number[] {
  return [...generateWorkload(options).requests()].map((request) => request.atSeconds);
}

/** Requests per second between two moments. */
function rate(all: readonly number[], from: number, to: number): number {
  return all.filter((at) => at >= from && at < to).length / (to - from);
}

const FLAT = { lowRequestsPerSecond: 5, highRequestsPerSecond: 5, spike: { requestsPerSecond: 0 } };

describe('generateWorkload', () => {
  test('gives the same requests for the same seed, again and again, and others for another seed', () => {
    const workload = generateWorkload({ seed: 4, durationSeconds: 600 });
    const first = [...workload.requests()];
    expect([...workload.requests()]).toEqual(first);
    expect([...generateWorkload({ seed: 4, durationSeconds: 600 }).requests()]).toEqual(first);
    expect([...generateWorkload({ seed: 5, durationSeconds: 600 }).requests()]).not.toEqual(first);
  });

  test('shows low and high demand and a launch spike within its default hour', () => {
    const workload = generateWorkload();
    const all = [...workload.requests()].map((request) => request.atSeconds);
    expect(workload.durationSeconds).toBe(3600);
    // Low 1/s around 02:00 (second 3000); noon plus the spike of 4/s from second 900, at its height at second 960.
    expect(rate(all, 2850, 3150)).toBeLessThan(1.4);
    expect(rate(all, 960, 1080)).toBeGreaterThan(7.5);
    expect(rate(all, 780, 900)).toBeLessThan(6.5);
    expect(all.length / workload.requestCount).toBeCloseTo(1, 1);
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(all[0]).toBeGreaterThanOrEqual(0);
    expect(all[all.length - 1]).toBeLessThan(3600);
  });

  test('keeps the asked rate when the day is flat', () => {
    // 5/s for 20,000 s: 100,000 with a standard deviation of sqrt(100,000) = 316.
    expect(Math.abs(moments({ ...FLAT, durationSeconds: 20_000 }).length - 100_000)).toBeLessThan(1300);
  });

  test.each([0.5, 1, 2])('has gaps with a coefficient of variation of %p when asked', (burstiness) => {
    const all = moments({ ...FLAT, durationSeconds: 10_000, burstiness });
    const gaps = all.slice(1).map((at, index) => at - all[index]);
    const average = mean(gaps);
    const deviation = Math.sqrt(mean(gaps.map((gap) => (gap - average) ** 2)));
    expect(average).toBeCloseTo(0.2, 2);
    expect(deviation / average / burstiness).toBeGreaterThan(0.95);
    expect(deviation / average / burstiness).toBeLessThan(1.05);
  });

  test('draws token lengths with the medians and maxima asked for', () => {
    const tokens = {
      context: { median: 760, sigma: 0.985, maximum: 16_384 },
      generated: { median: 151, sigma: 0.86, maximum: 300 },
    };
    const requests = [...generateWorkload({ ...FLAT, tokens, durationSeconds: 4000 }).requests()];
    const context = requests.map((request) => request.contextTokens);
    const generated = requests.map((request) => request.generatedTokens);
    expect(Math.abs(quantile(context, 0.5) - 760)).toBeLessThan(30);
    expect(Math.abs(quantile(generated, 0.5) - 151)).toBeLessThan(6);
    expect(Math.max(...generated)).toBe(300);
    for (const value of [...context, ...generated]) expect(Number.isInteger(value) && value >= 1).toBe(true);
  });

  test('repeats the day when it is shorter than the window', () => {
    const all = moments({ durationSeconds: 7200, daySeconds: 3600, spike: { requestsPerSecond: 0 } });
    expect(rate(all, 1000, 1400) / rate(all, 4600, 5000)).toBeCloseTo(1, 0);
    expect(rate(all, 1000, 1400)).toBeGreaterThan(4);
    expect(rate(all, 2800, 3200)).toBeLessThan(1.5);
  });

  test('names every option that is out of range', () => {
    const options = { durationSeconds: NaN, highRequestsPerSecond: Infinity, startHour: 25, burstiness: 0 };
    expect(() => generateWorkload(options)).toThrow(InputError);
    expect(() => generateWorkload(options)).toThrow(/durationSeconds[^]*highRequests[^]*startHour[^]*burstiness/);
    expect(() => generateWorkload({ lowRequestsPerSecond: 3, highRequestsPerSecond: 2 })).toThrow(
      'lowRequestsPerSecond (3) is above highRequestsPerSecond (2); lower the first or raise the second',
    );
    const tokens = { context: { median: 0, sigma: 1, maximum: 10 }, generated: { median: 5, sigma: -1, maximum: NaN } };
    expect(() => generateWorkload({ tokens })).toThrow(/context.median[^]*generated.sigma[^]*generated.maximum/);
  });
});

describe('workloadWindow', () => {
  test('keeps the requests between two moments, its clock starting anew', () => {
    const whole = generateWorkload({ ...FLAT, durationSeconds: 1000 });
    const part = workloadWindow(whole, 200, 300);
    const expected = [...whole.requests()].filter(({ atSeconds }) => atSeconds >= 200 && atSeconds < 300);
    const found = [...part.requests()];
    expect(found).toEqual(expected.map((request) => ({ ...request, atSeconds: request.atSeconds - 200 })));
    expect(part.durationSeconds).toBe(100);
    expect(part.requestCount).toBe(500);
  });

  test('ends where the workload ends', () => {
    const part = workloadWindow(generateWorkload({ ...FLAT, durationSeconds: 1000 }), 900, Infinity);
    expect(part.durationSeconds).toBe(100);
  });
});
