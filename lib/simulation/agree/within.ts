/** A recorded and a rehearsed value of the same time. */
export type ValuePair = readonly [recorded: number, rehearsed: number];

/** Share of pairs whose values are at most `tolerance` apart, in percent; null without a pair. */
export function withinPercent(pairs: readonly ValuePair[], tolerance: number): number | null {
  if (pairs.length === 0) return null;
  const within = pairs.filter(([recorded, rehearsed]) => Math.abs(recorded - rehearsed) <= tolerance + 1e-9);
  return (100 * within.length) / pairs.length;
}
