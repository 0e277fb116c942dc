import type { ShardDecision } from './shard-count';

/** Notice to the operator of a stream. */
export interface ShardNotice {
  /** One line. */
  readonly subject: string;
  readonly message: string;
}

/** Shards of a stream after a look. */
export interface ShardLook {
  readonly streamName: string;
  readonly openShards: number;
  /** True while shards are split or merged. */
  readonly isUpdating: boolean;
  readonly decision: ShardDecision;
  /** Error with which Kinesis refused the change; undefined where it made the change, or none was asked for. */
  readonly refused: string | undefined;
  /** Changes that are left of those that Kinesis allows in 24 hours. */
  readonly changesLeft: number;
  /** True if the shards were held back at the last look. */
  readonly wasHeldBack: boolean;
}

/** Notices of a look, and what the next one has to know. */
export interface ShardNotices {
  readonly isHeldBack: boolean;
  readonly notices: readonly ShardNotice[];
}

/**
 * Returns the notices of a look: one for each change of the shards, one when a limit or a refusal begins to hold them back, and one when it ends. A limit
 * that lasts has one notice.
 */
export function shardNotices(look: ShardLook): ShardNotices {
  const { streamName, openShards, isUpdating, decision, refused, changesLeft, wasHeldBack } = look;
  const { target, missing, reason } = decision;
  const left = `${changesLeft} ${changesLeft === 1 ? 'change is' : 'changes are'} left of those that Kinesis allows in 24 hours.`;
  const notice = (subject: string, ...lines: readonly string[]): ShardNotice => ({
    subject: `Stream ${streamName}: ${subject}`,
    message: [...lines, left].join('\n'),
  });
  if (refused !== undefined) {
    const begins = notice(
      `Kinesis refuses to change ${openShards} shards to ${target}`,
      `Reason of the change: ${reason}.`,
      `Kinesis: ${refused}`,
      'It is asked again every minute. Look at the quota of shards of the account, and at other changes of the stream.',
    );
    return { isHeldBack: true, notices: wasHeldBack ? [] : [begins] };
  }
  if (target !== openShards)
    return {
      isHeldBack: false,
      notices: [notice(`${openShards} shards become ${target}`, `Reason: ${reason}.`)],
    };
  // Metrics show the effect of a change after it.
  if (isUpdating) return { isHeldBack: wasHeldBack, notices: [] };
  const isHeldBack = missing > 0;
  if (isHeldBack === wasHeldBack) return { isHeldBack, notices: [] };
  if (!isHeldBack)
    return { isHeldBack, notices: [notice(`${openShards} shards are enough again`, `Reason: ${reason}.`)] };
  const begins = notice(
    `${missing} shards are missing`,
    `Reason: ${reason}.`,
    'Producers may be throttled. Raise maxShards, or move producers to another stream until a change is left.',
  );
  return { isHeldBack, notices: [begins] };
}
