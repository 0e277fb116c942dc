const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 20_000;

/**
 * How long to wait before attempt `attempt` (1 is the first repetition): exponential with full jitter, so that many waiting callers
 * spread out. `random` lies in [0, 1).
 */
export function backoffMilliseconds(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return ceiling * (0.1 + 0.9 * random);
}
