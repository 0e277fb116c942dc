import {
  formatShardChanges,
  MISSING_SHARDS_METRIC,
  OPEN_SHARDS_METRIC,
  parseShardChanges,
  SHARD_CHANGES_LEFT_METRIC,
  type ShardChanges,
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
import { shardNotices } from '../../lib/ingestion/decide/shard-notices';
import type { Metrics } from '../clients/metrics';
import type { Notifier } from '../clients/notifier';
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
  /** Topic of the operator; undefined without one. */
  readonly notifier: Notifier | undefined;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Looks at the writes of the stream and changes the number of its shards where the decision says so.
 *
 * A change is noted before it is made: a run that ends between the two makes the count of the ten in 24 hours too high by one, never too low.
 * A refused change is removed from the notes. The target is absolute: a run that is repeated asks for the same.
 *
 * The operator gets a notice of each change, and when something begins or ceases to hold the shards back. A notice is noted before it is sent, and removed after:
 * a run that ends between the two makes the next one send it again.
 */
export function createHandler(deps: ShardScalerDependencies): () => Promise<ShardDecision> {
  const { streamName, plan, shards, store, metrics, notifier, clock, logger } = deps;
  const key = shardChangesObjectKey(streamName);
  const write = (notes: ShardChanges): Promise<void> =>
    withDeadline(LOOK_DEADLINE_SECONDS, 'writing the changes', (signal) =>
      store.put(key, formatShardChanges(notes), 'application/json', signal),
    );

  /** Sends the notices that wait; what cannot be sent waits for the next run. */
  async function send(notes: ShardChanges): Promise<void> {
    if (notifier === undefined || notes.notices.length === 0) return;
    try {
      await withDeadline(NOTICE_DEADLINE_SECONDS, 'the notices', async (signal) => {
        for (const notice of notes.notices) await notifier.notify(notice);
        await store.put(key, formatShardChanges({ ...notes, notices: [] }), 'application/json', signal);
      });
    } catch (error) {
      logger.error('cannot send the notices', { notices: notes.notices, error });
    }
  }

  return async () => {
    const now = clock.now();
    const [state, minutes, before] = await Promise.all([
      withDeadline(LOOK_DEADLINE_SECONDS, 'the stream', (signal) => shards.state(signal)),
      withDeadline(LOOK_DEADLINE_SECONDS, 'the writes of the stream', (signal) =>
        shards.writes(now - shardWindowSeconds(plan), now, signal),
      ),
      withDeadline(LOOK_DEADLINE_SECONDS, 'the changes of the stream', async (signal) => {
        // S3 tells an object that is not there yet from a denied one by its list.
        const text = (await store.keysAfter(key, '', signal)).length === 0 ? undefined : await store.get(key, signal);
        if (text === undefined) return NO_NOTES;
        const notes = parseShardChanges(text);
        return { ...notes, changes: recentChanges(notes.changes, now) };
      }),
    ]);
    const { openShards } = state;
    const { changes } = before;
    const decision = decideShardCount(plan, { now, ...state, minutes, changes });
    const { target } = decision;
    let made = changes;
    let missing = decision.missing;
    let refused: string | undefined;
    if (target !== openShards) {
      made = [...changes, now];
      await write({ ...before, changes: made });
      const outcome = await withDeadline(LOOK_DEADLINE_SECONDS, 'changing the shards', (signal) =>
        shards.update(target, signal),
      );
      if (outcome.kind === 'refused') {
        logger.error('Kinesis refuses to change the shards', { openShards, target, error: outcome.error });
        made = changes;
        missing = Math.max(missing, target - openShards);
        refused = outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
      }
    }
    const changesLeft = Math.max(0, MAX_CHANGES_PER_DAY - made.length);
    const notes = notesAfter({ ...before, changes: made }, { ...state, decision, refused, changesLeft });
    const isWritten =
      refused === undefined && notes.isHeldBack === before.isHeldBack && notes.notices === before.notices;
    if (!isWritten) await write(notes);
    logger.info('shards', { openShards, changesIn24Hours: made.length, ...decision });
    const values = {
      [OPEN_SHARDS_METRIC]: openShards,
      [MISSING_SHARDS_METRIC]: missing,
      [SHARD_CHANGES_LEFT_METRIC]: changesLeft,
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
    await send(notes);
    return decision;
  };

  /** Adds the notices of a look to the notes; without a topic there are none. */
  function notesAfter(
    notes: ShardChanges,
    look: Omit<Parameters<typeof shardNotices>[0], 'streamName' | 'wasHeldBack'>,
  ): ShardChanges {
    if (notifier === undefined) return notes;
    const { isHeldBack, notices } = shardNotices({ ...look, streamName, wasHeldBack: notes.isHeldBack });
    return notices.length === 0
      ? { ...notes, isHeldBack }
      : { ...notes, isHeldBack, notices: [...notes.notices, ...notices].slice(-MAX_WAITING_NOTICES) };
  }
}

const NO_NOTES: ShardChanges = { changes: [], isHeldBack: false, notices: [] };

/** Time for the notices of a run, seconds: with it a run takes less than the minute after which the next one begins. */
const NOTICE_DEADLINE_SECONDS = 5;

/** Notices that wait while the topic takes none, at most. */
const MAX_WAITING_NOTICES = 20;
