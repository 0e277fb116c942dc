import { Duration, Token } from 'aws-cdk-lib';
import { outside, outsideWhole } from './consumer-checks';
import { MAX_SHARDS, type ShardPlan } from './decide/shard-count';
import { checkWholeDurations, secondsOf } from '../runtime/whole-amounts';

/**
 * Scaling of the shards of a provisioned stream. UpdateShardCount allows ten changes in 24 hours, at most double and at least half of the shards at
 * once. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
 */
export interface ShardScalingProps {
  /**
   * Maximum number of shards, `shardCount` to 10,000. The quota of the account, for all its streams, is 1,000, 6,000 or 20,000 by region, unless it was raised.
   * https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
   */
  readonly maxShards: number;

  /**
   * Minimum number of shards, 1 to `shardCount`.
   *
   * @default - `shardCount`
   */
  readonly minShards?: number;

  /**
   * Percentage of what the shards accept that the busiest minute is to use, 10 to 90: seconds within the minute use more.
   *
   * @default 60
   */
  readonly targetUsePercent?: number;

  /**
   * Time for which three quarters of the shards have to be enough before there are fewer, 15 minutes to 24 hours.
   *
   * @default Duration.hours(1)
   */
  readonly scaleInAfter?: Duration;
}

/** Applies the defaults. */
export function shardPlanOf(scaling: ShardScalingProps, shardCount: number): ShardPlan {
  return {
    minShards: scaling.minShards ?? shardCount,
    maxShards: scaling.maxShards,
    targetUse: (scaling.targetUsePercent ?? 60) / 100,
    scaleInAfterSeconds: secondsOf(scaling.scaleInAfter ?? Duration.hours(1)),
  };
}

/** Returns the problems of the scaling of shards; none without one. */
export function checkShardScaling(scaling: ShardScalingProps | undefined, shardCount: number | undefined): string[] {
  if (scaling === undefined) return [];
  if (shardCount === undefined) {
    return [
      `shardScaling (maxShards: ${scaling.maxShards}) is for provisioned streams: Kinesis scales an on-demand stream itself and refuses ` +
        'UpdateShardCount; give shardCount, or omit shardScaling',
    ];
  }
  const { minShards, maxShards, targetUse, scaleInAfterSeconds } = shardPlanOf(scaling, shardCount);
  const problems = [
    ...checkWholeDurations('seconds', { 'shardScaling.scaleInAfter': scaling.scaleInAfter }),
    ...outsideWhole('shardScaling.minShards', minShards, 1, MAX_SHARDS),
    ...outsideWhole('shardScaling.maxShards', maxShards, 1, MAX_SHARDS),
    ...outside('shardScaling.targetUsePercent', Math.round(targetUse * 1000) / 10, 10, 90, ' %'),
    ...outside('shardScaling.scaleInAfter', scaleInAfterSeconds, 15 * 60, 24 * 3600, ' s'),
  ];
  if (problems.length > 0 || [minShards, maxShards, shardCount].some((value) => Token.isUnresolved(value)))
    return problems;
  if (shardCount < minShards || shardCount > maxShards) {
    problems.push(
      `shardCount (${shardCount}) is outside shardScaling (minShards ${minShards} to maxShards ${maxShards}); the stream begins with ` +
        'shardCount: give one between them',
    );
  }
  if (minShards > maxShards) {
    problems.push(
      `shardScaling.minShards (${minShards}) is above maxShards (${maxShards}); lower minShards or raise maxShards`,
    );
  }
  return problems;
}
