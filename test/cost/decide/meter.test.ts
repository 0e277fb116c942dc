import * as fc from 'fast-check';
import {
  fleetRate,
  forecastUsd,
  openJobUsd,
  remainingJobUsd,
  settledJobUsd,
  smoothedRate,
  type OpenJob,
  type TrainingJobSeen,
} from '../../../lib/cost/decide';
import { job } from './fixtures';

const prices = { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 };

describe('fleetRate', () => {
  test.each([
    // 2 x 1.5 + 1 x 1
    ['prices every pool', { 'ml.g5.xlarge': 2, 'ml.g6.xlarge': 1 }, 3, 3, 4],
    // 2 x 1.5, and the third, requested one at the highest price
    ['charges requested instances at the highest price', { 'ml.g5.xlarge': 2 }, 2, 3, 4.5],
    // 3 x 1.5 although only one is still wanted
    ['charges what is still there on the way down', { 'ml.g5.xlarge': 3 }, 3, 1, 4.5],
    // no pools told: 2 x 1.5
    ['charges unknown types at the highest price', {}, 2, 2, 3],
  ])('%s', (_, currentByType, currentCapacity, desiredCapacity, rate) => {
    expect(fleetRate({ currentByType, currentCapacity, desiredCapacity }, prices)).toEqual({
      rateUsdPerHour: rate,
      problems: [],
    });
  });

  test('adds what a shadow costs, whose instances are billed beside those of the fleet', () => {
    const fleet = { currentByType: { 'ml.g5.xlarge': 2 }, currentCapacity: 2, desiredCapacity: 5 };
    const shadow = { currentByType: { 'ml.g6.xlarge': 1 }, currentCapacity: 1, desiredCapacity: 2 };
    // 5 x 1.5, and 1 x 1 with a requested one at the highest price
    expect(fleetRate({ ...fleet, shadow }, prices).rateUsdPerHour).toBe(7.5 + 2.5);
    const unpriced = { ...shadow, currentByType: { 'ml.p5.48xlarge': 1 } };
    expect(fleetRate({ ...fleet, shadow: unpriced }, prices).problems).toHaveLength(1);
  });

  test('names a type without a price and counts it at the highest known one', () => {
    const capacity = { currentByType: { 'ml.p5.48xlarge': 1 }, currentCapacity: 1, desiredCapacity: 1 };
    const { rateUsdPerHour, problems } = fleetRate(capacity, prices);
    expect(rateUsdPerHour).toBe(1.5);
    expect(problems).toEqual([expect.stringMatching(/no price for ml\.p5\.48xlarge .* add ml\.p5\.48xlarge/)]);
  });

  test('never charges less than the existing or requested instances at the lowest price', () => {
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

describe('the cost of a training job', () => {
  const open: OpenJob = { rateUsdPerHour: 4, startedAt: 1000, maxRuntimeSeconds: 3600, stopReason: null };
  const ended: TrainingJobSeen = { ...job, instanceCount: 2, startedAt: 1000, endedAt: 2800 };

  test.each([
    // 4 USD/h x 1800 s
    ['is what has passed since it started', open, 0, 2],
    ['is nothing while it waits for instances', { ...open, startedAt: null }, 0, 0],
    // 4 USD/h x 900 s
    ['counts from the start of the period', open, 1900, 1],
  ])('%s', (_, one, since, expected) => {
    expect(openJobUsd(one, since, 2800)).toBeCloseTo(expected, 10);
  });

  test.each([
    // 2 x 2 USD/h x 900 s = 1 USD although it ran for 1800 s
    ['is what is billed once it has ended', { ...ended, billableSeconds: 900 }, 1],
    // 2 x 2 USD/h x 1800 s
    ['is all of its time where the bill is not told', ended, 2],
    ['is nothing where it never started', { ...ended, startedAt: null }, 0],
  ])('%s', (_, one, expected) => {
    expect(settledJobUsd(one, 4)).toBeCloseTo(expected, 10);
  });

  test.each([
    // 4 USD/h x (1000 + 3600 + 120 - 2800 = 1920 s)
    ['until its maximum runtime and the time to stop', open, 1e6, (4 * 1920) / 3600],
    ['until the period ends', open, 3700, 1],
    // 3600 + 120 s from now
    ['in full while it waits for instances', { ...open, startedAt: null }, 1e6, (4 * 3720) / 3600],
    ['as nothing when it should have ended', { ...open, startedAt: -9000 }, 1e6, 0],
  ])('remains %s', (_, one, until, expected) => {
    expect(remainingJobUsd(one, 2800, until)).toBeCloseTo(expected, 10);
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
