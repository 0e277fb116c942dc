import { InputError } from '../../core/errors';
import { isObject, type JsonNode, parseJson, parseValue } from '../../core/parse';
import type { EpochSeconds } from '../../core/time';

/**
 * Redrive: records that have no answer go into their stream again. Its requests, its reports, and the markers by which a record is put
 * once, however often and by however many it is redriven.
 */

/** Maximum rate of a redrive, records per second: what one shard takes (https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html). */
export const MAX_REDRIVE_RATE = 1000;

/** Rate of a redrive that is given none, records per second. */
export const DEFAULT_REDRIVE_RATE = 20;

/** Tag of a redriven record in the stream; its value is the key of the record's first marker. */
export const REDRIVE_TAG = 'tidegate-redrive';

/**
 * Time after which a claim is no longer being worked on, seconds: the longest time of a function
 * (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
 */
export const CLAIM_SECONDS = 900;

/** Maximum number of skipped records that a report names one by one. */
export const MAX_NAMED_SKIPS = 20;

/** Place at which a redrive goes on: a shard, and what of it is done. */
export interface RedriveCursor {
  readonly shardId: string;
  /** Key of the last dead letter that is done; empty before the first. */
  readonly letter: string;
  /** Key of the last failed batch that is done completely; empty before the first. */
  readonly batch: string;
  /** Number of records done of the failed batches behind it. */
  readonly records: number;
  /** Partition keys of which a record is held back, and with it those that follow. */
  readonly heldKeys: readonly string[];
}

/** Event of the redrive function. */
export interface RedriveRequest {
  /** Only records that were set aside at or after this time. @default - all */
  readonly since?: EpochSeconds;
  /** True to count only. */
  readonly dryRun: boolean;
  /** Maximum rate, records per second. */
  readonly recordsPerSecond: number;
  /** Time after which the function returns, seconds; its own limit ends it earlier. @default - its own limit */
  readonly seconds?: number;
  /** Place at which an earlier report ended. @default - the beginning */
  readonly cursor?: RedriveCursor;
}

/** Reasons for which a record is not put into the stream. */
export const SKIP_REASONS = {
  redriven: 'put into the stream by an earlier redrive',
  answered: 'answered after all, by a delivery whose report was lost',
  'in-progress': 'claimed by another redrive, or by one that was interrupted: run again in 15 minutes',
  unconfirmed: 'the stream did not say if it has the record: run again in 15 minutes, which looks for it first',
  behind: 'behind a record of the same key that was held back: run again when that one is through',
  throttled: 'the stream has no room: run again with a lower --rate, or add shards',
  lost: 'an earlier redrive was interrupted, and the stream no longer shows what it did: look for the payload in the results, and put it by hand',
  'too-large': 'too large for the stream together with its tag: raise maxRecordSize of the stream, or put it by hand',
  unreadable: 'not an object that the consumer or Lambda wrote: read it, and put its records by hand',
} as const;

/** Reason for which a record is not put into the stream. */
export type SkipReason = keyof typeof SKIP_REASONS;

/** A skipped record by name. */
export interface NamedSkip {
  readonly object: string;
  readonly reason: SkipReason;
  readonly detail?: string;
}

/** Report of a redrive, or of a part of it. */
export interface RedriveReport {
  readonly streamName: string;
  readonly dryRun: boolean;
  /** Number of records that were looked at; redriven and skipped ones together. */
  readonly found: number;
  /** Number of records put into the stream; in a dry run, of those that would be. */
  readonly redriven: number;
  readonly skipped: { readonly [reason in SkipReason]?: number };
  /** The first skipped records that need a look. */
  readonly named: readonly NamedSkip[];
  /** Destination of failed batches that has their topic, partition and offsets, but not their records; undefined where the redrive read them. */
  readonly failuresWithoutRecords?: string;
  /** Place to go on; undefined at the end. */
  readonly next?: RedriveCursor;
}

/** Reasons after which nothing is left to do: the record has its outcome, or gets it. */
const SETTLED: readonly SkipReason[] = ['redriven', 'answered'];

/** True for a reason after which the record still has no outcome and none on its way. */
export function leavesRecord(reason: SkipReason): boolean {
  return !SETTLED.includes(reason);
}

/** Number of records of a report that have no outcome and none on their way. */
export function leftRecords({ skipped }: Pick<RedriveReport, 'skipped'>): number {
  return reasonsOf(skipped).reduce((sum, [reason, count]) => sum + (leavesRecord(reason) ? count : 0), 0);
}

/** Returns the reasons that occur, with their counts, in the order of {@link SKIP_REASONS}. */
export function reasonsOf(skipped: RedriveReport['skipped']): readonly (readonly [SkipReason, number])[] {
  return (Object.keys(SKIP_REASONS) as SkipReason[]).flatMap((reason) => {
    const count = skipped[reason] ?? 0;
    return count === 0 ? [] : [[reason, count] as const];
  });
}

/** Returns the report of two parts of a redrive, of which the second goes on where the first ended. */
export function mergeReports(first: RedriveReport, second: RedriveReport): RedriveReport {
  const skipped: { [reason in SkipReason]?: number } = { ...first.skipped };
  for (const [reason, count] of reasonsOf(second.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count;
  const { next: _ended, ...ended } = first;
  return {
    ...ended,
    found: first.found + second.found,
    redriven: first.redriven + second.redriven,
    skipped,
    named: [...first.named, ...second.named].slice(0, MAX_NAMED_SKIPS),
    ...(second.next === undefined ? {} : { next: second.next }),
  };
}

/**
 * Parses an event of the redrive function; every member is optional.
 *
 * @throws InputError that names the invalid members
 */
export function parseRedriveRequest(event: unknown): RedriveRequest {
  if (event === null || event === undefined) return { dryRun: false, recordsPerSecond: DEFAULT_REDRIVE_RATE };
  return parseValue('the event', event, (root) => {
    const since = root.at('since').optional((node) => node.number('seconds since 1970', (value) => value >= 0));
    const seconds = root
      .at('seconds')
      .optional((node) => node.number('a number of seconds from 1 to 900', (value) => value >= 1 && value <= 900));
    const cursor = root.at('cursor').optional(cursorOf);
    return {
      dryRun: root.at('dryRun').optional((node) => node.flag()) ?? false,
      recordsPerSecond:
        root
          .at('recordsPerSecond')
          .optional((node) =>
            node.number(
              `a number above 0, at most ${MAX_REDRIVE_RATE}`,
              (value) => value > 0 && value <= MAX_REDRIVE_RATE,
            ),
          ) ?? DEFAULT_REDRIVE_RATE,
      ...(since === undefined ? {} : { since }),
      ...(seconds === undefined ? {} : { seconds }),
      ...(cursor === undefined ? {} : { cursor }),
    };
  });
}

function cursorOf(node: JsonNode): RedriveCursor {
  return {
    shardId: node.at('shardId').text(),
    letter: node.at('letter').anyText(),
    batch: node.at('batch').anyText(),
    records: node.at('records').count(),
    heldKeys: node
      .at('heldKeys')
      .items()
      .map((key) => key.anyText()),
  };
}

/** Parses the report of the redrive function; throws an {@link InputError} that names the invalid members. */
export function parseRedriveReport(text: string): RedriveReport {
  const reasons = Object.keys(SKIP_REASONS) as SkipReason[];
  return parseJson('the report of the redrive function', text, 'an object', (root) => {
    const next = root.at('next').optional(cursorOf);
    const failures = root.at('failuresWithoutRecords').optional((node) => node.text());
    const skipped = root.at('skipped');
    return {
      streamName: root.at('streamName').text(),
      dryRun: root.at('dryRun').flag(),
      found: root.at('found').count(),
      redriven: root.at('redriven').count(),
      skipped: Object.fromEntries(
        reasons.flatMap((reason) => {
          const count = skipped.at(reason).optional((node) => node.count());
          return count === undefined ? [] : [[reason, count]];
        }),
      ),
      named: root
        .at('named')
        .items()
        .map((node) => {
          const detail = node.at('detail').optional((member) => member.anyText());
          return {
            object: node.at('object').text(),
            reason: node.at('reason').oneOf(reasons),
            ...(detail === undefined ? {} : { detail }),
          };
        }),
      ...(failures === undefined ? {} : { failuresWithoutRecords: failures }),
      ...(next === undefined ? {} : { next }),
    };
  });
}

/**
 * Marker of a record: who works on it, and that it was put. A claim is written only if its object does not exist, before the record is put,
 * and is overwritten by its owner alone; another takes the record over with a marker of the next generation.
 */
export interface RedriveMarker {
  /** `claimed` before the record is put, `sent` after it, `released` when it is certain that the stream does not have it. */
  readonly state: 'claimed' | 'sent' | 'released';
  readonly at: EpochSeconds;
  /** Key of the object that has the record. */
  readonly source: string;
  /** Place of the record that was put; null where it is not known. */
  readonly shardId: string | null;
  readonly sequenceNumber: string | null;
}

/** Formats a marker. */
export function formatRedriveMarker({ state, at, source, shardId, sequenceNumber }: RedriveMarker): string {
  return JSON.stringify({ state, at, source, shardId, sequenceNumber });
}

/** Parses a marker; throws an {@link InputError} that names its key and the invalid members. */
export function parseRedriveMarker(text: string, key: string): RedriveMarker {
  return parseJson(`the marker ${key}`, text, 'an object', (root) => ({
    state: root.at('state').oneOf(['claimed', 'sent', 'released']),
    at: root.at('at').number(),
    source: root.at('source').text(),
    shardId: root.at('shardId').optional((node) => node.text()) ?? null,
    sequenceNumber: root.at('sequenceNumber').optional((node) => node.text()) ?? null,
  }));
}

/** Step with a record, by its latest marker. */
export type ClaimStep =
  /** The record may be claimed. */
  | { readonly kind: 'claim' }
  /** The record is in the stream, or may be in the hands of another, or nobody can know. */
  | { readonly kind: 'skip'; readonly reason: 'redriven' | 'in-progress' | 'lost' }
  /** The owner of the claim is gone; the stream shows if it put the record. */
  | { readonly kind: 'look'; readonly from: EpochSeconds; readonly to: EpochSeconds };

/** Margin between the clocks of functions and of the stream, seconds. */
const CLOCK_MARGIN_SECONDS = 60;

/**
 * Decides what to do with a record.
 *
 * @param marker the latest one; undefined where there is none
 * @param retentionSeconds time for which the stream keeps records
 */
export function decideClaim(
  marker: Pick<RedriveMarker, 'state' | 'at'> | undefined,
  now: EpochSeconds,
  retentionSeconds: number,
): ClaimStep {
  if (marker === undefined || marker.state === 'released') return { kind: 'claim' };
  if (marker.state === 'sent') return { kind: 'skip', reason: 'redriven' };
  const from = marker.at - CLOCK_MARGIN_SECONDS;
  const to = marker.at + CLAIM_SECONDS + CLOCK_MARGIN_SECONDS;
  if (now < to) return { kind: 'skip', reason: 'in-progress' };
  if (from < now - retentionSeconds) return { kind: 'skip', reason: 'lost' };
  return { kind: 'look', from, to };
}

/** Object of a failed batch of a stream as Lambda writes it: the batch's event, and the time of its failure. */
export interface FailedBatch {
  readonly streamName: string;
  readonly failedAt: EpochSeconds;
  /** Event that the function received. */
  readonly event: unknown;
}

/**
 * Parses an object of the failure destination of a stream's event source mapping; undefined for one of a topic.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
 *
 * @throws InputError that names the invalid members; without a payload there is nothing to put
 */
export function parseFailedBatch(text: string): FailedBatch | undefined {
  return parseJson('the failed batch', text, 'an object', (root) => {
    if (isOf(root, 'KafkaBatchInfo')) return undefined;
    const arn = root.at('KinesisBatchInfo').at('streamArn').text();
    const payload = root.at('payload').text();
    return {
      streamName: arn.split(':stream/')[1] ?? '',
      failedAt: root.at('timestamp').time(),
      event: payload === '' ? undefined : eventOf(payload),
    };
  });
}

/** Failed batch of a topic as Lambda writes it: an object of a bucket, or the message of one record in another topic. */
export interface FailedTopicBatch {
  /** Name of the function whose event source mapping gave the batch up. */
  readonly functionName: string;
  readonly failedAt: EpochSeconds;
  /** Event that the function received; undefined where the object has none. */
  readonly event: unknown;
}

/**
 * Parses an object or a message of the failure destination of a topic's event source mapping; undefined for one of a stream. An object has the event as
 * text, a message has it as an object.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html,
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html
 *
 * @throws InputError that names the invalid members
 */
export function parseFailedTopicBatch(text: string): FailedTopicBatch | undefined {
  return parseJson('the failed batch', text, 'an object', (root) => {
    if (!isOf(root, 'KafkaBatchInfo')) return undefined;
    const functionArn = root.at('requestContext').at('functionArn').text();
    const raw = root.object()['payload'];
    const payload = isObject(raw) ? raw : (root.at('payload').optional((node) => node.anyText()) ?? '');
    return {
      // A version or an alias may follow the name.
      functionName: functionArn.split(':')[6] ?? '',
      failedAt: root.at('timestamp').time(),
      event:
        payload === ''
          ? undefined
          : typeof payload === 'object'
            ? payload
            : parseJson('the payload of the failed batch', payload, 'the event of the function', (event) =>
                event.object(),
              ),
    };
  });
}

/** True for a failure record of one kind of source. */
function isOf(root: JsonNode, member: 'KafkaBatchInfo' | 'KinesisBatchInfo'): boolean {
  return root.at(member).optional(() => true) === true;
}

function eventOf(payload: string): unknown {
  return parseJson('the payload of the failed batch', payload, 'the event of the function', (root) => {
    for (const record of root.at('Records').items()) {
      record.at('eventSourceARN').text();
      record.at('eventID').text();
      const data = record.at('kinesis');
      data.at('sequenceNumber').text();
      data.at('partitionKey').text();
      data.at('data').anyText();
      data.at('approximateArrivalTimestamp').number();
    }
    return root.object();
  });
}

/** Returns the position of the record in the key of a dead letter; undefined for the key of another object. */
export function positionOfDeadLetter(key: string): string | undefined {
  return /\/([0-9]+(?:\.[0-9]+)*)\.json$/.exec(key)?.[1];
}

/** Parses `--since` or a similar text: a time, seconds since 1970, or a time ago such as 90m, 6h or 2d. */
export function parseSince(text: string, now: EpochSeconds): EpochSeconds {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ago = amount === undefined ? NaN : Number(amount) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's'];
  const written = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) / 1000 : NaN;
  const at = amount !== undefined ? now - ago : /^\d{1,11}$/.test(text) ? Number(text) : written;
  if (Number.isFinite(at) && at >= 0 && at <= now) return at;
  if (Number.isFinite(at) && at > now) {
    throw new InputError(
      `--since is '${text}', which is still to come; write a time in the past, or a time ago such as 90m, 6h or 2d`,
    );
  }
  throw new InputError(
    `--since is '${text}'; write a time such as 2026-01-05T00:00:00Z, seconds since 1970, or a time ago such as 90m, 6h or 2d`,
  );
}
