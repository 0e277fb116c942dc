import { SECONDS_PER_DAY, SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';
import { RECORDS_PER_SECOND_PER_SHARD } from './drain-rate';

/**
 * Limits of UpdateShardCount: ten changes of a stream in 24 hours, at most double and at least half of its shards at once, and 10,000 shards.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
 */
export const MAX_CHANGES_PER_DAY = 10;
export const MAX_SHARDS = 10_000;

/** Maximum bytes per second that one shard accepts (Kinesis Data Streams quotas). */
export const BYTES_PER_SECOND_PER_SHARD = 1_000_000;

/** Limits and aims of the shards of a stream. */
export interface ShardPlan {
  readonly minShards: number;
  readonly maxShards: number;
  /** Part of what the shards accept that the busiest minute is to use, 0 to 1: seconds within it use more. */
  readonly targetUse: number;
  /** Time for which fewer shards have to be enough before there are fewer, seconds. */
  readonly scaleInAfterSeconds: number;
}

/** Writes of one minute. */
export interface StreamMinute {
  /** Its first second. */
  readonly atSeconds: EpochSeconds;
  readonly bytes: number;
  readonly records: number;
  /** Records that the stream refused because a shard was full. */
  readonly throttled: number;
}

/** Stream as it is seen. */
export interface StreamSeen {
  readonly now: EpochSeconds;
  /** Time at which the stream was created: there are no writes before it. */
  readonly createdAt: EpochSeconds;
  /** Number of shards that take records. */
  readonly openShards: number;
  /** True while shards are split or merged: Kinesis refuses another change. */
  readonly isUpdating: boolean;
  /** Minutes with writes, in order: those of {@link shardWindowSeconds} before `now`. */
  readonly minutes: readonly StreamMinute[];
  /** Times of the changes of the last 24 hours. */
  readonly changes: readonly EpochSeconds[];
}

/** Decision about the number of shards. */
export interface ShardDecision {
  /** Number of shards that the stream should have; that which it has where nothing is to change. */
  readonly target: number;
  /** Shards that the load needs beyond those that the stream may have now. */
  readonly missing: number;
  readonly reason: string;
}

/** Latest minutes that decide about more shards; the metrics of Kinesis come up to two minutes late. */
const SCALE_OUT_MINUTES = 3;
const LATE_SECONDS = 2 * SECONDS_PER_MINUTE;
/** Part of the shards that fewer shards may be at most: a smaller change is not worth one of the ten. */
const SCALE_IN_PART = 0.75;
/** Keeps a sum that is exact from being rounded up. */
const ROUNDING = 1e-9;
/** Use below which a shard that is full has a key that more shards do not spread. */
const HOT_KEY_USE = 0.25;

/** Time before now whose minutes a decision needs, seconds. */
export function shardWindowSeconds({ scaleInAfterSeconds }: Pick<ShardPlan, 'scaleInAfterSeconds'>): number {
  return scaleInAfterSeconds + LATE_SECONDS;
}

/** Changes of the last 24 hours, by the clock of now. */
export function recentChanges(changes: readonly EpochSeconds[], now: EpochSeconds): readonly EpochSeconds[] {
  return changes.filter((at) => at > now - SECONDS_PER_DAY);
}

/**
 * Decides about the number of shards.
 *
 * More shards come at once, by the busiest of the last three minutes: as many quarters more as it takes, at most double. The fewer of the ten changes
 * are left, the larger the steps. Fewer shards come when the busiest minute of `scaleInAfterSeconds` is served by three quarters of them, at most half
 * at once, and only while enough changes are left to double up to `maxShards` again. Without any data nothing changes.
 */
export function decideShardCount(plan: ShardPlan, seen: StreamSeen): ShardDecision {
  const { minShards, maxShards, scaleInAfterSeconds } = plan;
  const { now, openShards, isUpdating } = seen;
  const outFrom = now - SCALE_OUT_MINUTES * SECONDS_PER_MINUTE - LATE_SECONDS;
  const latest = neededShards(plan, seen, outFrom);
  const needed = Math.max(minShards, latest.shards);
  const missing = Math.max(0, needed - Math.min(maxShards, openShards));
  const keep = (reason: string): ShardDecision => ({ target: openShards, missing, reason });
  if (isUpdating) return keep(`the stream is being changed; ${latest.reason}`);
  const changes = recentChanges(seen.changes, now);
  const left = MAX_CHANGES_PER_DAY - changes.length;
  if (Math.min(needed, maxShards) > openShards) {
    if (left <= 0) {
      return keep(
        `${needed} shards are needed (${latest.reason}), and all ${MAX_CHANGES_PER_DAY} changes of 24 hours are used`,
      );
    }
    const target = scaleOutTarget(openShards, needed, maxShards, left);
    return {
      target,
      missing: Math.max(0, needed - target),
      reason: `${needed} shards are needed (${latest.reason})${target < needed ? `; ${target} are allowed at once` : ''}`,
    };
  }
  if (openShards > maxShards) {
    if (left <= 0) return keep(`${openShards} shards are above maxShards, and all changes of 24 hours are used`);
    return {
      target: Math.max(maxShards, Math.ceil(openShards / 2)),
      missing,
      reason: `maxShards is ${maxShards}`,
    };
  }
  if (missing > 0) return keep(`${needed} shards are needed (${latest.reason}), and maxShards is ${maxShards}`);
  if (seen.minutes.length === 0) return keep('the stream has no data of its writes');
  const longest = neededShards(plan, seen, now - shardWindowSeconds(plan));
  const target = Math.max(minShards, longest.shards, Math.ceil(openShards / 2));
  if (target > openShards * SCALE_IN_PART) return keep(latest.reason);
  if (longest.throttled > 0) return keep(longest.reason);
  const lastChange = Math.max(seen.createdAt, ...changes);
  if (lastChange > now - scaleInAfterSeconds)
    return keep(`the stream was created or changed ${Math.round(now - lastChange)} s ago`);
  if (left - 1 < doublings(target, maxShards)) {
    return keep(
      `${target} shards are enough, and the ${left} changes that are left of 24 hours are kept for more shards`,
    );
  }
  return { target, missing: 0, reason: `${longest.shards} shards are enough (${longest.reason})` };
}

/** Number of shards that the busiest minute since a time needs, at least 1. */
function neededShards(
  { targetUse }: ShardPlan,
  { minutes, openShards, changes }: StreamSeen,
  from: EpochSeconds,
): { readonly shards: number; readonly throttled: number; readonly reason: string } {
  let shards = 1;
  let reason = 'no writes';
  let use = 0;
  let throttled = 0;
  // Records that were refused before a change tell nothing about the shards since.
  const changed = Math.max(-Infinity, ...changes) + SECONDS_PER_MINUTE;
  for (const minute of minutes) {
    if (minute.atSeconds < from) continue;
    const bytes = minute.bytes / SECONDS_PER_MINUTE;
    const records = minute.records / SECONDS_PER_MINUTE;
    const full = Math.max(bytes / BYTES_PER_SECOND_PER_SHARD, records / RECORDS_PER_SECOND_PER_SHARD);
    if (minute.atSeconds >= changed) throttled += minute.throttled;
    use = Math.max(use, full / openShards);
    const needed = Math.max(1, Math.ceil(full / targetUse - ROUNDING));
    if (reason !== 'no writes' && needed <= shards) continue;
    shards = needed;
    reason = `${round(records)} records and ${round(bytes / 1000)} kB a second in the busiest minute`;
  }
  if (throttled === 0 || shards > openShards) return { shards, throttled, reason };
  if (use < HOT_KEY_USE)
    return {
      shards,
      throttled,
      reason: `${throttled} records were throttled at ${round(use * 100)} % use, by the load of single keys`,
    };
  return {
    shards: openShards + 1,
    throttled,
    reason: `${throttled} records were throttled at ${round(use * 100)} % use`,
  };
}

/** Number of shards after a scale-out: quarters of the present ones, which Kinesis changes fastest, at most double. */
function scaleOutTarget(openShards: number, needed: number, maxShards: number, left: number): number {
  const most = Math.min(maxShards, openShards * 2);
  for (let quarters = 5; quarters <= 8; quarters++) {
    const target = Math.min(most, Math.ceil((openShards * quarters) / 4));
    if (target >= needed && left - 1 >= doublings(target, maxShards)) return target;
  }
  return most;
}

/** Number of changes, each at most double, from a number of shards to another. */
function doublings(from: number, to: number): number {
  return Math.max(0, Math.ceil(Math.log2(to / from)));
}

const round = (value: number): number => Math.round(value * 10) / 10;
