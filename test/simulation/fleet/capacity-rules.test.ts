import * as fc from 'fast-check';
import { drainSeconds } from '../../../lib/simulation/fleet/drain';
import { startCapacity } from '../../../lib/simulation/fleet/start-capacity';

describe('the start capacity', () => {
  const limits = { minCapacity: 2, maxCapacity: 6 };
  test.each([
    // 22.4 concurrent requests at 5.6 an instance.
    ['holds the load at the target', 22.4, 5.6, 4],
    ['is rounded up', 22.5, 5.6, 5],
    ['is not below the minimum', 0, 5.6, 2],
    ['is not above the maximum', 1000, 5.6, 6],
  ])('%s', (_name, load, target, capacity) => {
    expect(startCapacity(load, target, limits)).toBe(capacity);
  });
});

describe('draining', () => {
  test('of one request takes its mean residual time, of more the mean of the longest', () => {
    // Residual times of 1 or 2 s, each with probability 1/2: mean 1.5 s; the longer of two 1.75 s.
    const halfByHalf = [0, 0.5, 1];
    expect(drainSeconds(halfByHalf, 1)).toBeCloseTo(1.5, 12);
    expect(drainSeconds(halfByHalf, 2)).toBeCloseTo(1.75, 12);
  });

  test('never takes less with more requests, nor longer than the longest residual time', () => {
    const residual = fc
      .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 })
      .map((shares) => [...shares].sort((a, b) => a - b));
    fc.assert(
      fc.property(residual, fc.integer({ min: 1, max: 30 }), (ended, requests) => {
        expect(drainSeconds(ended, requests + 1)).toBeGreaterThanOrEqual(drainSeconds(ended, requests));
        expect(drainSeconds(ended, requests)).toBeLessThanOrEqual(ended.length);
      }),
    );
  });
});
