import * as fc from 'fast-check';
import { fleetRate, forecastUsd, smoothedRate, trainingJobUsd, type TrainingJobSeen } from '../../../lib/cost/decide';

const prices = { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 };
const period = { startSeconds: 0, endSeconds: 100_000 };

describe('fleetRate', () => {
  test.each([
    // 2 x 1.5 + 1 x 1
    ['prices every pool', { 'ml.g5.xlarge': 2, 'ml.g6.xlarge': 1 }, 3, 3, 4],
    // 2 x 1.5, and the third on order at the dearest price
    ['charges what is on order at the dearest price', { 'ml.g5.xlarge': 2 }, 2, 3, 4.5],
    // 3 x 1.5 although only one is still wanted
    ['charges what is still there on the way down', { 'ml.g5.xlarge': 3 }, 3, 1, 4.5],
    // no pools told: 2 x 1.5
    ['charges untold types at the dearest price', {}, 2, 2, 3],
  ])('%s', (_, currentByType, currentCapacity, desiredCapacity, rate) => {
    expect(fleetRate({ currentByType, currentCapacity, desiredCapacity }, prices)).toEqual({
      rateUsdPerHour: rate,
      problems: [],
    });
  });

  test('names a type without a price and counts it at the dearest known one', () => {
    const capacity = { currentByType: { 'ml.p5.48xlarge': 1 }, currentCapacity: 1, desiredCapacity: 1 };
    const { rateUsdPerHour, problems } = fleetRate(capacity, prices);
    expect(rateUsdPerHour).toBe(1.5);
    expect(problems).toEqual([expect.stringMatching(/no price for ml\.p5\.48xlarge .* add ml\.p5\.48xlarge/)]);
  });

  test('never charges less than what exists or what was asked for at the cheapest price', () => {
    const counts = fc.record({ 'ml.g5.xlarge': fc.nat(20), 'ml.g6.xlarge': fc.nat(20) });
    fc.assert(
      fc.property(counts, fc.nat(40), (currentByType, desiredCapacity) => {
        const currentCapacity = currentByType['ml.g5.xlarge'] + currentByType['ml.g6.xlarge'];
        const { rateUsdPerHour } = fleetRate({ currentByType, currentCapacity, desiredCapacity }, prices);
        const existing = 1.5 * currentByType['ml.g5.xlarge'] + currentByType['ml.g6.xlarge'];
        expect(rateUsdPerHour).toBeGreaterThanOrEqual(existing);
        expect(rateUsdPerHour).toBeGreaterThanOrEqual(desiredCapacity * 1);
      }),
    );
  });
});

describe('trainingJobUsd', () => {
  const running: TrainingJobSeen = {
    name: 'job',
    instanceType: 'ml.g5.xlarge',
    instanceCount: 2,
    startedAt: 1000,
    endedAt: null,
    billableSeconds: null,
  };

  test.each([
    // 2 instances x 2 USD/h x 1800 s = 2 USD
    ['charges a running job by the time since it started', running, 2800, 2],
    ['charges nothing while the job waits for instances', { ...running, startedAt: null }, 2800, 0],
    // 2 x 2 USD/h x 900 s = 1 USD although it ran for 1800 s
    ['charges a finished spot job what is billed', { ...running, endedAt: 2800, billableSeconds: 900 }, 5000, 1],
    // 2 x 2 USD/h x 1800 s
    ['charges a job whose bill is not told for all its time', { ...running, endedAt: 2800 }, 5000, 2],
  ])('%s', (_, job, at, expected) => {
    expect(trainingJobUsd(job, 2, at, period)).toBeCloseTo(expected, 10);
  });

  test('counts only the time inside the period', () => {
    // started at 1000, the period at 1900: 900 s x 4 USD/h = 1 USD
    expect(trainingJobUsd(running, 2, 2800, { startSeconds: 1900, endSeconds: 9000 })).toBeCloseTo(1, 10);
  });
});

describe('the forecast', () => {
  test('adds what the rate costs until the end of the period', () => {
    // 40 + 6 USD/h x 5 h
    expect(forecastUsd(40, 6, 18_000, { startSeconds: 0, endSeconds: 36_000 })).toBe(70);
  });

  test('is what is spent once the period is over', () => {
    expect(forecastUsd(40, 6, 50_000, { startSeconds: 0, endSeconds: 36_000 })).toBe(40);
  });

  test('takes over 63 % of a change within the time constant', () => {
    expect(smoothedRate(0, 10, 3600, 3600)).toBeCloseTo(10 * (1 - Math.exp(-1)), 10);
  });

  test('keeps the smoothed rate between the old and the new one', () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(rate, rate, fc.nat(100_000), (before, now, elapsed) => {
        const mean = smoothedRate(before, now, elapsed, 3600);
        expect(mean).toBeGreaterThanOrEqual(Math.min(before, now) - 1e-6);
        expect(mean).toBeLessThanOrEqual(Math.max(before, now) + 1e-6);
      }),
    );
  });
});
