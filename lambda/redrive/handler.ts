import type { Context } from 'aws-lambda';
import { InputError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import { parseDeadLetter } from '../../lib/ingestion/contract';
import {
  leavesRecord,
  MAX_NAMED_SKIPS,
  parseRedriveRequest,
  type NamedSkip,
  type RedriveCursor,
  type RedriveReport,
  type SkipReason,
} from '../../lib/ingestion/decide/redrive';
import type { ObjectStore } from '../clients/object-store';
import type { PutOutcome, RequestStream } from '../clients/request-stream';
import { backoffMilliseconds } from '../stream-consumer/backoff';
import { inBoundedParallel } from '../stream-consumer/bounded-parallel';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';
import { candidates, type SetAside } from './candidates';
import { Claims } from './claims';
import { streamTarget } from './stream-target';
import type { RedriveTarget, SetAsideRecord } from './target';

interface CommonDependencies {
  readonly store: ObjectStore;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Time for which the stream keeps records. */
  readonly retentionSeconds: number;
}

export interface RedriveDependencies extends CommonDependencies {
  readonly streamName: string;
  readonly stream: RequestStream;
  /** Maximum size of a record of the stream, its partition key included, bytes. */
  readonly maxRecordBytes: number;
}

export interface RedriverDependencies extends CommonDependencies {
  readonly target: RedriveTarget;
}

/** Redrive function. */
export type Redriver = (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<RedriveReport>;

/** Records that are worked on together, at most; one such part ends before the function does. */
const MAX_CHUNK = 200;

/** Time that a part takes at most, seconds, at the rate of the redrive. */
const CHUNK_SECONDS = 5;

/** Time that is kept for the part in work when the function has to end, seconds. */
const END_SECONDS = 30;

/** Time for which a throttled record is tried again, seconds. */
const THROTTLED_SECONDS = 15;

/** Record that is read, and may be claimed. */
interface Ready extends SetAsideRecord {
  readonly source: string;
  /** Generation of the claim. */
  readonly generation: number;
}

/** Outcome of a candidate: ready to be put, skipped, or out of the request's time. */
type Judged =
  | { readonly kind: 'ready'; readonly record: Ready }
  | { readonly kind: 'look'; readonly record: Ready; readonly from: EpochSeconds; readonly to: EpochSeconds }
  | {
      readonly kind: 'skip';
      readonly source: string;
      readonly reason: SkipReason;
      readonly detail?: string;
      /** Record that was read, where it was. */
      readonly record?: Ready;
    }
  | { readonly kind: 'other' };

/** Redrive function of a Kinesis stream. */
export function createHandler(dependencies: RedriveDependencies): Redriver {
  return createRedriver({ ...dependencies, target: streamTarget(dependencies) });
}

/**
 * Puts records without an answer into their stream or topic again, at a bounded rate, and reports them: parse, walk, claim, put, settle.
 *
 * A record is claimed by a marker before it is put, and has a tag with the marker's name in the stream: a redrive that is repeated, runs
 * twice at once, or dies at any point puts it once. The function returns before its time ends, with the place to go on.
 */
export function createRedriver(dependencies: RedriverDependencies): Redriver {
  const { clock, logger, store, target, sleep } = dependencies;
  const { streamName } = target;
  const claims = new Claims(store, streamName, dependencies.retentionSeconds, clock);

  /** Reads a candidate and its markers. */
  async function judge(candidate: SetAside, since: EpochSeconds): Promise<Judged> {
    const { source } = candidate;
    if (candidate.kind === 'unreadable')
      return { kind: 'skip', source, reason: 'unreadable', detail: candidate.problem };
    const { shardId, position } = candidate;
    let content: Pick<SetAsideRecord, 'partitionKey' | 'payload' | 'kafkaRecord'>;
    if (candidate.kind === 'letter') {
      const text = await store.get(source);
      // Deleted since it was listed.
      if (text === undefined) return { kind: 'other' };
      try {
        const letter = parseDeadLetter(text);
        if (letter.at < since) return { kind: 'other' };
        const { partitionKey, payloadBase64, kafkaRecord } = letter;
        content = { partitionKey, payload: Buffer.from(payloadBase64, 'base64'), kafkaRecord };
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        return { kind: 'skip', source, reason: 'unreadable', detail: error.message };
      }
    } else {
      if (candidate.setAsideAt < since) return { kind: 'other' };
      if (candidate.isAnswered) return { kind: 'skip', source, reason: 'answered' };
      content = candidate;
    }
    let found: Awaited<ReturnType<Claims['look']>>;
    try {
      found = await claims.look({ shardId, position });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { kind: 'skip', source, reason: 'unreadable', detail: error.message };
    }
    const { step, generation } = found;
    const { partitionKey, payload, kafkaRecord } = content;
    const record = { shardId, position, source, partitionKey, payload, kafkaRecord, generation: generation + 1 };
    if (step.kind === 'skip') return { kind: 'skip', source, reason: step.reason, record };
    if (step.kind === 'look') return { kind: 'look', record, from: step.from, to: step.to };
    const unfit = target.unfit(record, claims.nameOf(record));
    return unfit === undefined ? { kind: 'ready', record } : { kind: 'skip', source, ...unfit, record };
  }

  /** Looks for records of abandoned claims in the stream; those that are there are settled. */
  async function lookInStream(judged: readonly Judged[], dryRun: boolean): Promise<readonly Judged[]> {
    const looks = judged.filter((one) => one.kind === 'look');
    if (looks.length === 0) return judged;
    const from = Math.min(...looks.map((one) => one.from));
    const to = Math.max(...looks.map((one) => one.to));
    const wanted = new Set(looks.map(({ record }) => claims.nameOf(record)));
    const found = new Map<string, { readonly shardId: string; readonly sequenceNumber: string }>();
    const records = looks.map(({ record }) => record);
    for await (const { names, ...place } of target.arrivals(records, from, to)) {
      for (const name of names) if (wanted.has(name)) found.set(name, place);
      if (found.size === wanted.size) break;
    }
    const settled: Judged[] = [];
    for (const one of judged) {
      const place = one.kind === 'look' ? found.get(claims.nameOf(one.record)) : undefined;
      if (one.kind !== 'look') settled.push(one);
      else if (place === undefined) settled.push({ kind: 'ready', record: one.record });
      else {
        const { source, generation } = one.record;
        if (!dryRun) await claims.settle(one.record, generation - 1, source, place);
        settled.push({ kind: 'skip', source, reason: 'redriven', record: one.record });
      }
    }
    return settled;
  }

  /** Claims and puts one record. Returns undefined once the stream has it. */
  async function put(
    record: Ready,
    after: string | undefined,
    turn: () => Promise<void>,
  ): Promise<{ readonly reason: SkipReason; readonly detail?: string } | { readonly sequenceNumber: string }> {
    await turn();
    if (!(await claims.claim(record, record.generation, record.source))) return { reason: 'in-progress' };
    const until = clock.now() + THROTTLED_SECONDS;
    for (let attempt = 1; ; attempt++) {
      let outcome: PutOutcome;
      try {
        outcome = await target.put(record, claims.nameOf(record), after);
      } catch (error) {
        await claims.settle(record, record.generation, record.source, undefined);
        throw error;
      }
      if (outcome.kind === 'stored') {
        const { shardId, sequenceNumber } = outcome;
        await claims
          .settle(record, record.generation, record.source, { shardId, sequenceNumber })
          // A later redrive finds the record in the stream by its tag.
          .catch((error: unknown) => logger.warn('cannot write a marker', { source: record.source, error }));
        return { sequenceNumber };
      }
      if (outcome.kind === 'unknown') {
        logger.warn('no answer from the stream', { source: record.source, error: outcome.error });
        return { reason: 'unconfirmed' };
      }
      if (outcome.kind === 'too-large') {
        await claims.settle(record, record.generation, record.source, undefined);
        return { reason: 'too-large', detail: outcome.detail };
      }
      if (clock.now() >= until) {
        await claims.settle(record, record.generation, record.source, undefined);
        return { reason: 'throttled' };
      }
      await sleep(backoffMilliseconds(attempt, dependencies.random()));
    }
  }

  return async (event, context) => {
    const request = parseRedriveRequest(event);
    const { dryRun, recordsPerSecond, since = 0, cursor } = request;
    const own = Math.max(1, context.getRemainingTimeInMillis() / 1000 - END_SECONDS);
    const endsAt = clock.now() + Math.min(own, request.seconds ?? Infinity);
    const counts = { found: 0, redriven: 0 };
    const skipped: { [reason in SkipReason]?: number } = {};
    const named: NamedSkip[] = [];
    const held = new Set(cursor?.heldKeys);
    const skip = (source: string, reason: SkipReason, detail?: string): void => {
      skipped[reason] = (skipped[reason] ?? 0) + 1;
      if (leavesRecord(reason) && named.length < MAX_NAMED_SKIPS)
        named.push({ object: source, reason, ...(detail !== undefined && { detail }) });
    };

    let slot = clock.now();
    /** Waits for the next slot of the rate. */
    const turn = async (): Promise<void> => {
      const at = Math.max(slot, clock.now());
      slot = at + 1 / recordsPerSecond;
      await sleep((at - clock.now()) * 1000);
    };

    async function work(chunk: readonly SetAside[]): Promise<void> {
      const first: Judged[] = [];
      const numbered = chunk.map((candidate, index) => ({ candidate, index }));
      await inBoundedParallel(numbered, async ({ candidate, index }) => {
        first[index] = await judge(candidate, since);
      });
      const lanes = new Map<string, Ready[]>();
      const names = new Set<string>();
      for (const one of await lookInStream(first, dryRun)) {
        if (one.kind === 'other') continue;
        const name = one.record && claims.nameOf(one.record);
        // A dead letter may be in a failed batch, too.
        if (name !== undefined && names.has(name)) continue;
        if (name !== undefined) names.add(name);
        counts.found += 1;
        if (one.kind === 'skip') {
          skip(one.source, one.reason, one.detail);
          if (one.reason === 'in-progress' && one.record !== undefined) held.add(target.laneOf(one.record));
          continue;
        }
        const lane = target.laneOf(one.record);
        if (held.has(lane)) skip(one.record.source, 'behind');
        else if (dryRun) counts.redriven += 1;
        else lanes.set(lane, [...(lanes.get(lane) ?? []), one.record]);
      }
      await inBoundedParallel([...lanes], async ([key, records]) => {
        let after: string | undefined;
        for (const record of records) {
          if (held.has(key)) {
            skip(record.source, 'behind');
            continue;
          }
          const outcome = await put(record, after, turn);
          if ('sequenceNumber' in outcome) {
            counts.redriven += 1;
            after = outcome.sequenceNumber;
          } else {
            skip(record.source, outcome.reason, outcome.detail);
            if (outcome.reason !== 'too-large') held.add(key);
          }
        }
      });
    }

    const chunkSize = Math.max(1, Math.min(MAX_CHUNK, Math.floor(recordsPerSecond * CHUNK_SECONDS)));
    let chunk: SetAside[] = [];
    let place: SetAside['after'] | undefined;
    let isAtEnd = true;
    for await (const candidate of candidates(store, target, cursor)) {
      chunk.push(candidate);
      if (chunk.length < chunkSize) continue;
      await work(chunk);
      place = candidate.after;
      chunk = [];
      if (clock.now() < endsAt) continue;
      isAtEnd = false;
      break;
    }
    await work(chunk);
    const next: RedriveCursor | undefined =
      isAtEnd || place === undefined ? undefined : { ...place, heldKeys: [...held].slice(0, MAX_HELD_KEYS) };
    const { failuresWithoutRecords } = target;
    const report = {
      streamName,
      dryRun,
      ...counts,
      skipped,
      named,
      ...(failuresWithoutRecords !== undefined && { failuresWithoutRecords }),
      ...(next !== undefined && { next }),
    };
    logger.info('redrive', { ...report, named: named.length });
    return report;
  };
}

/** Partition keys that a cursor carries on, at most. */
const MAX_HELD_KEYS = 1000;
