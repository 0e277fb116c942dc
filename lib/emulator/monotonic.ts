/**
 * Milliseconds of the clock of this machine that never goes back and never jumps, whatever is done to its date: for durations and deadlines.
 * Every process of the machine reads the same ones, those in Python too (`CLOCK_MONOTONIC`).
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
