import { SECONDS_PER_MINUTE, type EpochSeconds } from '../../core/time';
import { RECORDS_PER_SECOND_PER_SHARD } from '../../ingestion/decide/drain-rate';
import {
  decideShardCount,
  recentChanges,
  shardWindowSeconds,
  type ShardPlan,
  type StreamMinute,
} from '../../ingestion/decide/shard-count';

/** Time from a change to its new shards, seconds: some minutes at most (API reference of UpdateShardCount). */
const UPDATE_SECONDS = 2 * SECONDS_PER_MINUTE;
/** Time from the end of a minute to its metrics, seconds. */
const METRIC_DELAY_SECONDS = SECONDS_PER_MINUTE;

/** Change of the number of shards. */
export interface ShardChange {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** Shards of the stream in front of a fleet, changed by the decision that the handler makes. Counts records, and not their bytes. */
export class RehearsedShards {
  /** Records above what the shards took in their minute; producers send them again. */
  public throttled = 0;
  private minutes: StreamMinute[] = [];
  private changes: readonly EpochSeconds[] = [];
  private update: { readonly at: EpochSeconds; readonly shards: number } | undefined;
  private minute: EpochSeconds;
  private records = 0;

  public constructor(
    private readonly plan: ShardPlan,
    private shards: number,
    private readonly startedAt: EpochSeconds,
  ) {
    this.minute = startedAt;
  }

  /** Number of shards that take records. */
  public get openShards(): number {
    return this.shards;
  }

  /**
   * Counts the records that arrived up to a moment, and decides at the end of each minute.
   *
   * @returns the changes that were decided
   */
  public advance(now: EpochSeconds, arrived: number): ShardChange[] {
    this.records += arrived;
    const changes: ShardChange[] = [];
    while (now >= this.minute + SECONDS_PER_MINUTE) {
      this.endMinute();
      const change = this.decide(this.minute);
      if (change !== undefined) changes.push(change);
    }
    if (this.update !== undefined && now >= this.update.at) {
      this.shards = this.update.shards;
      this.update = undefined;
    }
    return changes;
  }

  private endMinute(): void {
    const room = this.shards * RECORDS_PER_SECOND_PER_SHARD * SECONDS_PER_MINUTE;
    const throttled = Math.max(0, this.records - room);
    this.throttled += throttled;
    if (this.records > 0) {
      this.minutes.push({ atSeconds: this.minute, records: this.records - throttled, bytes: 0, throttled });
    }
    this.records = 0;
    this.minute += SECONDS_PER_MINUTE;
  }

  private decide(now: EpochSeconds): ShardChange | undefined {
    const from = now - shardWindowSeconds(this.plan);
    this.minutes = this.minutes.filter(({ atSeconds }) => atSeconds >= from);
    const published = now - METRIC_DELAY_SECONDS - SECONDS_PER_MINUTE;
    const { target, reason } = decideShardCount(this.plan, {
      now,
      createdAt: this.startedAt,
      openShards: this.shards,
      isUpdating: this.update !== undefined,
      minutes: this.minutes.filter(({ atSeconds }) => atSeconds <= published),
      changes: this.changes,
    });
    if (target === this.shards) return undefined;
    this.changes = [...recentChanges(this.changes, now), now];
    this.update = { at: now + UPDATE_SECONDS, shards: target };
    return { from: this.shards, to: target, reason };
  }
}
