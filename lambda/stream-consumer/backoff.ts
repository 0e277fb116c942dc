const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 20_000;

/**
 * Returns the delay before a retry, the first of which is attempt 1: exponential with full jitter, so that many waiting callers spread
 * out. `random` lies in [0, 1).
 */
export function backoffMilliseconds(attempt: number, random: number): number {
  const maximum = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return maximum * (0.1 + 0.9 * random);
}
