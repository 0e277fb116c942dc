/**
 * How strongly the guard holds the fleet back, from nothing to most.
 *
 * - `ok`: the budget is not in danger.
 * - `warn`: people are told; nothing is limited.
 * - `freeze-growth`: fleets may shrink, but not grow above what they were when the level was entered.
 * - `shrink`: fleets are held at their protected floor.
 */
export type GuardLevel = 'ok' | 'warn' | 'freeze-growth' | 'shrink';

/** The levels in the order in which they are entered. */
export const GUARD_LEVELS: readonly GuardLevel[] = ['ok', 'warn', 'freeze-growth', 'shrink'];

/** The place of a level in the order: 0 for `ok` to 3 for `shrink`. Also the value of the metric `GuardLevel`. */
export function levelRank(level: GuardLevel): number {
  return GUARD_LEVELS.indexOf(level);
}

/** Whether a text is the name of a level. */
export function isGuardLevel(value: unknown): value is GuardLevel {
  return typeof value === 'string' && (GUARD_LEVELS as readonly string[]).includes(value);
}

/** The levels passed on the way from one to a higher one, the higher one included; just the target on the way down. */
export function levelsEntered(from: GuardLevel, to: GuardLevel): readonly GuardLevel[] {
  const start = levelRank(from);
  const end = levelRank(to);
  if (start === end) return [];
  return end > start ? GUARD_LEVELS.slice(start + 1, end + 1) : [to];
}
