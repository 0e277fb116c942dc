import type { KinesisStreamBatchResponse } from 'aws-lambda';
import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { RetryableError } from '../../../lib/core/errors';
import { controlRequestObjectKey, parseDeadLetter, parseMeasurementLine } from '../../../lib/ingestion/contract';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { draws } from './draws';
import { MemoryStore } from './memory-store';
import { kinesisEvent, type PutRecord, sequenceNumber, streamName } from './poller-model';
import { VirtualTime } from './virtual-time';

/** Outcome of one random life of a stream. */
export interface StreamLife {
  /** Records put into the stream. */
  readonly records: number;
  /** Records that were part of an event, repetitions included. */
  readonly deliveries: number;
  readonly invocations: number;
  /** Records that an invocation read behind its batch, repetitions included. */
  readonly readAhead: number;
  readonly answered: number;
  readonly deadLetters: number;
  /** Everything that must not happen, in words. */
  readonly breaches: readonly string[];
}

type Kind = 'well' | 'binary' | 'refused' | 'broken';

interface Entry extends PutRecord {
  readonly index: number;
  readonly kind: Kind;
  /** Number of attempts that ended without the record's own error, or with it for poison. */
  ended: number;
}

interface Shard {
  readonly id: string;
  readonly entries: Entry[];
}

const MAX_MODEL_FAILURES = 3;
const TIMEOUTS_MS = [10_000, 30_000, 300_000];

/**
 * Plays a random life of a stream through the real handler: two shards that are split or merged into others, each read by up to three lanes
 * of its keys; random batch sizes that change at every delivery; retries, and bisections that consume none; deliveries that are repeated after
 * their success, or long afterwards; shards of one lane that are read ahead, with reads that fail or return less; environments that end
 * between two invocations or within one, and invocations that end after they have written; writes that fail, and writes whose response is lost; records that the model refuses or breaks on; and outages in which the endpoint fails with
 * any status for minutes.
 */
export async function playStream(seed: number, size: number): Promise<StreamLife> {
  const random = draws(seed);
  const chance = (probability: number): boolean => random() < probability;
  const below = (limit: number): number => Math.floor(random() * limit);
  const time = new VirtualTime();
  const store = new MemoryStore();
  const breaches: string[] = [];
  const faults = { writes: chance(0.5) ? 0.03 : 0, lost: chance(0.5) ? 0.1 : 0, transient: chance(0.5) ? 0.02 : 0 };
  store.objects.set(controlRequestObjectKey(streamName), '{"payloadBase64":"Y29udHJvbA=="}');

  const entries = makeEntries(random, size);
  const byPayload = new Map(entries.map((entry) => [payloadKey(entry.payload as Buffer), entry]));
  const shards = makeShards(random, entries);

  const ofKey = new Map<string, Entry[]>();
  for (const entry of entries) ofKey.set(entry.partitionKey, [...(ofKey.get(entry.partitionKey) ?? []), entry]);
  const previous = new Map<Entry, Entry>();
  for (const line of ofKey.values()) line.slice(1).forEach((entry, at) => previous.set(entry, line[at]!));
  const isPoison = ({ kind }: Entry): boolean => kind === 'refused' || kind === 'broken';
  const isDone = (entry: Entry): boolean => entry.ended >= (isPoison(entry) ? MAX_MODEL_FAILURES : 1);

  let outage: { until: number; status: number } | undefined;
  const inFlight = new Set<string>();
  const endpoint = {
    async invoke(life: Life, body: Uint8Array, signal?: AbortSignal) {
      await life.goesOn();
      const entry = byPayload.get(payloadKey(body));
      // An answered record is also sent as control, out of its turn.
      const isOrdered = entry !== undefined && !isDone(entry);
      if (isOrdered) {
        if (inFlight.has(entry.partitionKey)) breaches.push(`${entry.index}: two of ${entry.partitionKey} in flight`);
        const before = previous.get(entry);
        if (before !== undefined && !isDone(before)) breaches.push(`${entry.index} is sent before ${before.index}`);
        inFlight.add(entry.partitionKey);
        life.keys.add(entry.partitionKey);
      }
      // Few different durations, so that many end at the same moment of the virtual time.
      await time.sleep(chance(0.02) ? 4_000 : 100 * (1 + below(3)), signal);
      await life.goesOn();
      if (isOrdered) {
        inFlight.delete(entry.partitionKey);
        life.keys.delete(entry.partitionKey);
      }
      if (signal?.aborted) throw new RetryableError('aborted');
      if (outage !== undefined && time.clock.now() < outage.until) {
        const { status } = outage;
        if (status === 503) throw new RetryableError('busy');
        // It counts against the record when the outage ends before the pause after it.
        if (entry !== undefined && isPoison(entry)) entry.ended += 1;
        throw new RequestFailedError(`all fail with ${status}`, status);
      }
      if (chance(faults.transient)) throw new RetryableError('ThrottlingException');
      if (entry !== undefined) entry.ended += 1;
      if (entry?.kind === 'refused') throw new RequestFailedError('the model returned 422', 422);
      if (entry?.kind === 'broken') throw new RequestFailedError('the model returned 500', 500);
      const answer = entry?.kind === 'binary' ? BINARY_ANSWER : TEXT_ANSWER;
      return { status: 200, body: answer, contentType: 'application/json' };
    },
  };
  let readAhead = 0;
  const readerOf = (entries: readonly Entry[], life: Life): ShardReader => ({
    after: (_arn, _shard, sequence) => {
      let at = entries.findIndex(({ sequenceNumber: number }) => number === sequence) + 1;
      return {
        async next(limit) {
          await time.sleep(10);
          await life.goesOn();
          if (chance(0.05)) throw new Error('ProvisionedThroughputExceededException');
          const page = entries.slice(at, at + Math.min(limit, below(60)));
          at += page.length;
          readAhead += page.length;
          return {
            records: page.map(({ sequenceNumber: number, partitionKey, payload }) => ({
              sequenceNumber: number,
              partitionKey,
              payload: payload as Buffer,
              arrivedAt: 1_700_000_000,
            })),
            isBehind: chance(0.5),
            isLast: at === entries.length && chance(0.5),
          };
        },
      };
    },
  });
  store.beforePut = () => {
    if (faults.writes > 0 && chance(faults.writes)) throw new Error('SlowDown');
  };
  store.afterPut = () => {
    if (faults.writes > 0 && chance(faults.writes)) throw new Error('socket hang up');
  };
  /** An execution environment that can end at any moment: whatever it does after its end has no effect. */
  const environment = (ahead?: readonly Entry[]) => {
    const life = new Life();
    const alive =
      <Given extends unknown[], Result>(call: (...given: Given) => Promise<Result>) =>
      async (...given: Given): Promise<Result> => {
        await life.goesOn();
        const result = await call(...given);
        await life.goesOn();
        return result;
      };
    const handler = createHandler({
      endpoint: { invoke: (body, signal) => endpoint.invoke(life, body, signal) },
      results: {
        put: alive(store.put.bind(store)),
        putNew: alive(store.putNew.bind(store)),
        get: alive(store.get.bind(store)),
        keysAfter: alive(store.keysAfter.bind(store)),
      },
      reader: ahead === undefined ? undefined : readerOf(ahead, life),
      clock: time.clock,
      sleep: time.sleep,
      random,
      logger: SILENT,
      concurrency: 32,
      maxModelFailures: MAX_MODEL_FAILURES,
      recordFields: FIELDS,
      maxRecordBytes: 1024 * 1024,
      publish: () => Promise.resolve(),
    });
    const end = (): void => {
      life.end();
      for (const key of life.keys) inFlight.delete(key);
    };
    return { handler, end };
  };

  let deliveries = 0;
  let invocations = 0;
  const play = async (shard: Shard, lane: readonly Entry[], isAlone: boolean): Promise<void> => {
    const ahead = isAlone ? lane : undefined;
    let current = environment(ahead);
    const timeoutMs = TIMEOUTS_MS[below(TIMEOUTS_MS.length)]!;
    const invoke = async (batch: readonly Entry[]): Promise<KinesisStreamBatchResponse> => {
      deliveries += batch.length;
      invocations += 1;
      if (chance(0.05)) {
        current.end();
        current = environment(ahead);
      }
      if (outage === undefined && chance(0.01)) {
        outage = { until: time.clock.now() + 30 + 600 * random(), status: STATUSES[below(STATUSES.length)]! };
      } else if (outage !== undefined && time.clock.now() >= outage.until && chance(0.05)) outage = undefined;
      const { handler, end } = current;
      const answer = handler(kinesisEvent(batch, shard.id), time.context(timeoutMs));
      answer.catch(() => undefined);
      const endsWithin = chance(faults.lost / 2);
      const over = new AbortController();
      const response = await Promise.race([
        answer,
        endsWithin ? time.sleep(below(20_000), over.signal).then(() => undefined) : answer,
      ]).finally(() => over.abort());
      if (response !== undefined && !chance(faults.lost)) return response;
      end();
      current = environment(ahead);
      throw new Error('the environment has ended');
    };
    /** Delivers a batch until all of it is done: what is left again, in halves, or as part of a batch of another size. */
    const deliver = async (begin: number, count: number): Promise<number> => {
      const batch = lane.slice(begin, begin + count);
      let done: number;
      try {
        const [first] = (await invoke(batch)).batchItemFailures;
        done =
          first === undefined ? batch.length : batch.findIndex(({ sequenceNumber: n }) => n === first.itemIdentifier);
        if (done === -1) throw new RangeError(`an item that was not delivered is reported: ${first!.itemIdentifier}`);
      } catch (error) {
        if (error instanceof RangeError) throw error;
        await time.sleep(1_000);
        if (batch.length === 1 || chance(0.3)) return begin;
        return deliver(begin, Math.ceil(batch.length / 2));
      }
      return begin + done;
    };
    const batchSize = 1 + below(100);
    for (let at = 0; at < lane.length;) {
      const begin = at;
      at = await deliver(at, Math.min(1 + below(batchSize), lane.length - at));
      if (at === begin) await time.sleep(500);
      // An older batch is delivered once more, and its response counts for nothing.
      if (chance(0.03)) {
        const again = below(at + 1);
        await invoke(lane.slice(again, Math.min(lane.length, again + 1 + below(batchSize)))).catch(() => undefined);
      }
    }
  };
  for (const generation of shards) {
    await time.until(
      Promise.all(
        generation.flatMap((shard) => {
          const factor = 1 + below(3);
          return lanesOf(shard, factor).map((lane) => play(shard, lane, factor === 1));
        }),
      ),
    );
  }
  return {
    ...audit(store, entries, shards.flat(), breaches),
    records: entries.length,
    deliveries,
    invocations,
    readAhead,
    breaches,
  };
}

/** Life of an execution environment. */
export class Life {
  /** Keys with a request of this environment in flight. */
  public readonly keys = new Set<string>();
  private hasEnded = false;

  public end(): void {
    this.hasEnded = true;
  }

  /** Resolves at once, or never when the environment has ended. */
  public goesOn(): Promise<void> {
    return this.hasEnded ? new Promise(() => undefined) : Promise.resolve();
  }
}

export const STATUSES = [400, 401, 403, 404, 422, 500, 503];
export const TEXT_ANSWER = Buffer.from('{"context_tokens":1,"generated_tokens":1}');
const BINARY_ANSWER = Buffer.from([0, 255, 254]);
export const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
export const FIELDS = { id: parseRecordField('sequence-number'), key: parseRecordField('partition-key') };

const payloadKey = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

function makeEntries(random: () => number, size: number): Entry[] {
  const poison = random() < 0.7 ? 0.02 : 0;
  const keys = 1 + Math.floor(random() * 60);
  return Array.from({ length: size }, (_, index) => {
    const draw = random();
    const kind: Kind =
      draw < poison / 2 ? 'refused' : draw < poison ? 'broken' : draw < poison + 0.02 ? 'binary' : 'well';
    const payload = kind === 'binary' ? Buffer.from(`\u00ff\u00fe${index}`, 'latin1') : Buffer.from(`{"n":${index}}`);
    const partitionKey = `key-${Math.floor(random() * keys)}`;
    return { index, kind, ended: 0, sequenceNumber: sequenceNumber(index), partitionKey, payload };
  });
}

/** Two shards, then those into which they are split or merged: a shard is read when those before it are at their end. */
function makeShards(random: () => number, entries: readonly Entry[]): readonly (readonly Shard[])[] {
  const counts = [2, 1 + Math.floor(random() * 4)];
  const half = Math.floor(entries.length / 2);
  return [entries.slice(0, half), entries.slice(half)].map((part, generation) => {
    const shards = Array.from({ length: counts[generation]! }, (_, index) => ({
      id: `shardId-00000000000${generation}${index}`,
      entries: [] as Entry[],
    }));
    for (const entry of part) shards[hash(entry.partitionKey) % shards.length]!.entries.push(entry);
    return shards;
  });
}

/** Lanes of a shard: Lambda keeps each partition key in one of them. */
function lanesOf({ entries }: Shard, factor: number): readonly (readonly Entry[])[] {
  const lanes = Array.from({ length: factor }, () => [] as Entry[]);
  for (const entry of entries) lanes[(hash(entry.partitionKey) >> 8) % factor]!.push(entry);
  return lanes.filter((lane) => lane.length > 0);
}

function hash(text: string): number {
  let value = 7;
  for (let at = 0; at < text.length; at++) value = (Math.imul(value, 16_777_619) ^ text.charCodeAt(at)) >>> 0;
  return value >>> 1;
}

/** Compares everything in the bucket with what was put into the stream. */
function audit(store: MemoryStore, entries: readonly Entry[], shards: readonly Shard[], breaches: string[]) {
  const place = new Map<string, Entry>();
  for (const { id, entries: own } of shards) for (const entry of own) place.set(`${id}:${entry.sequenceNumber}`, entry);
  const lines = new Map<Entry, number>();
  const count = (map: Map<Entry, number>, entry: Entry): void => void map.set(entry, (map.get(entry) ?? 0) + 1);
  let deadLetters = 0;
  for (const line of store.lines()) {
    const entry = place.get(line.id);
    if (entry === undefined) {
      breaches.push(`a line of no record: ${line.id}`);
      continue;
    }
    count(lines, entry);
    const isDead = line.deadLetter !== null;
    const shouldBe = entry.kind === 'refused' || entry.kind === 'broken';
    if (isDead !== shouldBe)
      breaches.push(`${entry.index} (${entry.kind}) ended as ${isDead ? 'dead letter' : 'answer'}`);
    if (isDead) {
      deadLetters += 1;
      const letter = store.objects.get(line.deadLetter!);
      const payload = letter === undefined ? undefined : parseDeadLetter(letter).payloadBase64;
      if (payload !== (entry.payload as Buffer).toString('base64'))
        breaches.push(`${entry.index}: no dead letter, or another payload`);
    } else if (entry.kind === 'binary') {
      if (!store.bytes.has(line.responseObject ?? '')) breaches.push(`${entry.index}: its response is not there`);
    } else if (line.response !== TEXT_ANSWER.toString()) breaches.push(`${entry.index}: another response`);
  }
  const measured = new Map<Entry, number>();
  for (const key of store.keysBelow('measurements/')) {
    for (const line of store.objects.get(key)!.trimEnd().split('\n')) {
      const entry = place.get(parseMeasurementLine(line).id);
      if (entry !== undefined) count(measured, entry);
    }
  }
  for (const entry of entries) {
    if (lines.get(entry) !== 1) breaches.push(`${entry.index} has ${lines.get(entry) ?? 0} lines`);
    const expected = entry.kind === 'well' ? 1 : 0;
    if ((measured.get(entry) ?? 0) !== expected)
      breaches.push(`${entry.index} has ${measured.get(entry) ?? 0} measurements`);
  }
  if (store.keysBelow('dead-letters/').length !== deadLetters) breaches.push('there are dead letters without a line');
  return { deadLetters, answered: lines.size - deadLetters };
}
