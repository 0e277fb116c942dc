import { backoffMilliseconds } from '../../../lambda/stream-consumer/backoff';

describe('the wait before a retry', () => {
  test.each([
    // 200 ms x 2^attempt, at most 20 s; of that a tenth to all, by chance
    [1, 0, 40],
    [1, 0.5, 220],
    [2, 0.5, 440],
    [6, 0.5, 7_040],
    [7, 0.5, 11_000],
    [400, 0, 2_000],
  ])('is, for attempt %d and the random number %d, %d ms', (attempt, random, expected) => {
    expect(backoffMilliseconds(attempt, random)).toBeCloseTo(expected, 6);
  });

  test('is spread over nine tenths of its maximum, so that many callers do not come back together', () => {
    expect(backoffMilliseconds(3, 0.999) - backoffMilliseconds(3, 0)).toBeGreaterThan(0.89 * 1600);
  });
});
