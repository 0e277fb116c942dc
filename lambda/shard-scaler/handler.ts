import {
  formatShardChanges,
  MISSING_SHARDS_METRIC,
  OPEN_SHARDS_METRIC,
  parseShardChanges,
  SHARD_CHANGES_LEFT_METRIC,
  shardChangesObjectKey,
  STREAM_NAME_DIMENSION,
} from '../../lib/ingestion/contract';
import {
  decideShardCount,
  MAX_CHANGES_PER_DAY,
  recentChanges,
  shardWindowSeconds,
  type ShardDecision,
  type ShardPlan,
} from '../../lib/ingestion/decide/shard-count';
import type { Metrics } from '../clients/metrics';
import type { ObjectStore } from '../clients/object-store';
import type { StreamShards } from '../clients/stream-shards';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';

/** Everything outside the handler. */
export interface ShardScalerDependencies {
  readonly streamName: string;
  readonly plan: ShardPlan;
  readonly shards: StreamShards;
  readonly store: Pick<ObjectStore, 'get' | 'keysAfter' | 'put'>;
  readonly metrics: Metrics;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Looks at the writes of the stream and changes the number of its shards where the decision says so.
 *
 * A change is noted before it is made: a run that ends between the two makes the count of the ten in 24 hours too high by one, never too low.
 * A refused change is removed from the notes. The target is absolute: a run that is repeated asks for the same.
 */
export function createHandler(deps: ShardScalerDependencies): () => Promise<ShardDecision> {
  const { streamName, plan, shards, store, metrics, clock, logger } = deps;
  const key = shardChangesObjectKey(streamName);
  const write = (changes: readonly number[]): Promise<void> =>
    withDeadline(LOOK_DEADLINE_SECONDS, 'writing the changes', (signal) =>
      store.put(key, formatShardChanges(changes), 'application/json', signal),
    );
  return async () => {
    const now = clock.now();
    const [state, minutes, changes] = await Promise.all([
      withDeadline(LOOK_DEADLINE_SECONDS, 'the stream', (signal) => shards.state(signal)),
      withDeadline(LOOK_DEADLINE_SECONDS, 'the writes of the stream', (signal) =>
        shards.writes(now - shardWindowSeconds(plan), now, signal),
      ),
      withDeadline(LOOK_DEADLINE_SECONDS, 'the changes of the stream', async (signal) => {
        // S3 tells an object that is not there yet from a denied one by its list.
        if ((await store.keysAfter(key, '', signal)).length === 0) return [];
        return recentChanges(parseShardChanges((await store.get(key, signal)) ?? formatShardChanges([])), now);
      }),
    ]);
    const { openShards } = state;
    const decision = decideShardCount(plan, { now, ...state, minutes, changes });
    const { target } = decision;
    let made = changes;
    let missing = decision.missing;
    if (target !== openShards) {
      made = [...changes, now];
      await write(made);
      const outcome = await withDeadline(LOOK_DEADLINE_SECONDS, 'changing the shards', (signal) =>
        shards.update(target, signal),
      );
      if (outcome.kind === 'refused') {
        logger.error('Kinesis refuses to change the shards', { openShards, target, error: outcome.error });
        made = changes;
        missing = Math.max(missing, target - openShards);
        await write(made);
      }
    }
    logger.info('shards', { openShards, changesIn24Hours: made.length, ...decision });
    const values = {
      [OPEN_SHARDS_METRIC]: openShards,
      [MISSING_SHARDS_METRIC]: missing,
      [SHARD_CHANGES_LEFT_METRIC]: Math.max(0, MAX_CHANGES_PER_DAY - made.length),
    };
    await withDeadline(LOOK_DEADLINE_SECONDS, 'the metrics', (signal) =>
      metrics.put(
        Object.entries(values).map(([metricName, value]) => ({
          metricName,
          value,
          unit: 'Count',
          atSeconds: now,
          dimensions: { [STREAM_NAME_DIMENSION]: streamName },
        })),
        signal,
      ),
    );
    return decision;
  };
}
