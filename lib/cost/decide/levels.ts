/**
 * Severity of the guard's limits.
 *
 * - `ok`: spend is within the budget; nothing is limited.
 * - `warn`: a notification is sent; nothing is limited.
 * - `freeze-growth`: fleets may shrink, but not grow above their capacity at the moment the level was entered; no training job may start.
 * - `shrink`: fleets are held at their protected floor.
 */
export type GuardLevel = 'ok' | 'warn' | 'freeze-growth' | 'shrink';

/** Levels in the order in which they are entered. */
export const GUARD_LEVELS: readonly GuardLevel[] = ['ok', 'warn', 'freeze-growth', 'shrink'];

/** Returns the rank of a level: 0 for `ok` to 3 for `shrink`. Also the value of the metric `GuardLevel`. */
export function levelRank(level: GuardLevel): number {
  return GUARD_LEVELS.indexOf(level);
}

/** Returns the levels entered on the way up, the target included; only the target on the way down. */
export function levelsEntered(from: GuardLevel, to: GuardLevel): readonly GuardLevel[] {
  const start = levelRank(from);
  const end = levelRank(to);
  if (start === end) return [];
  return end > start ? GUARD_LEVELS.slice(start + 1, end + 1) : [to];
}
