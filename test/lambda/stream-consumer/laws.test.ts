import * as fc from 'fast-check';
import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { createLogger } from '../../../lambda/support/logger';
import { RetryableError } from '../../../lib/core/errors';
import { controlRequestObjectKey } from '../../../lib/ingestion/contract';
import { idOf, recordFields, requestRecord } from './fakes';
import { MemoryStore } from './memory-store';
import { pollShard, type PutRecord, sequenceNumber, streamName, shardId } from './poller-model';
import { draws } from './draws';
import { VirtualTime } from './virtual-time';

type Kind = 'well' | 'not JSON' | 'refused' | 'broken';

interface Scenario {
  readonly seed: number;
  readonly kinds: readonly Kind[];
  readonly keys: number;
  readonly batchSize: number;
  readonly bisect: boolean;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly failing: number;
  readonly writesFailing: number;
  readonly environmentsLost: number;
  readonly responsesLost: number;
  /** Execution environments that live on and get the batches of the shard in turns. */
  readonly environments: number;
  /** True where an invocation reads on in its shard. */
  readonly readsAhead: boolean;
  /** Share of requests that last 20 to 38 s. */
  readonly slow: number;
  readonly maximumRetryAttempts: number;
}

const kind = (name: Kind, weight: number) => ({ weight, arbitrary: fc.constant(name) });

const scenario = (over: Partial<{ [name in keyof Scenario]: fc.Arbitrary<Scenario[name]> }>): fc.Arbitrary<Scenario> =>
  fc.record<Scenario>({
    seed: fc.nat(),
    kinds: fc.array(fc.oneof(kind('well', 7), kind('not JSON', 1), kind('refused', 1), kind('broken', 1)), {
      minLength: 1,
      maxLength: 40,
    }),
    keys: fc.integer({ min: 1, max: 8 }),
    batchSize: fc.integer({ min: 1, max: 20 }),
    bisect: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 12 }),
    timeoutMs: fc.integer({ min: 6_000, max: 20_000 }),
    failing: fc.constantFrom(0, 0.1, 0.3),
    writesFailing: fc.constantFrom(0, 0.2),
    environmentsLost: fc.constantFrom(0, 0.3),
    responsesLost: fc.constant(0),
    environments: fc.constant(1),
    readsAhead: fc.constant(false),
    slow: fc.constant(0),
    maximumRetryAttempts: fc.constant(10_000),
    ...over,
  });

async function play(given: Scenario) {
  const random = draws(given.seed);
  const time = new VirtualTime();
  const store = new MemoryStore();
  // The endpoint has answered before: a stream whose first records are all bad waits for a good one.
  store.objects.set(
    controlRequestObjectKey(streamName),
    JSON.stringify({ payloadBase64: Buffer.from('control').toString('base64') }),
  );
  const breaches: string[] = [];
  let overlaps = 0;
  const records: PutRecord[] = given.kinds.map((name, index) => {
    const record = requestRecord(index, `key-${Math.floor(random() * given.keys)}`);
    return name === 'not JSON' ? { ...record, payload: `not json ${index}` } : record;
  });
  const ofPayload = new Map(
    records.map((record, index) => [idOf(Buffer.from(record.payload as string)), { record, index }]),
  );
  /** Number of attempts of each record that ended. */
  const ended = records.map(() => 0);
  /** Time of these attempts together, seconds: of two that take a minute the second decides. */
  const requestSeconds = records.map(() => 0);
  const isPoison = (index: number): boolean => given.kinds[index] === 'refused' || given.kinds[index] === 'broken';
  const done = (index: number): boolean =>
    ended[index]! >= (isPoison(index) ? (requestSeconds[index]! >= 60 ? 2 : 3) : 1);
  /** Record in flight of each key: the same one may be so in two environments. */
  const inFlight = new Map<string, string>();

  const endpoint = {
    async invoke(body: Uint8Array, signal?: AbortSignal) {
      const id = idOf(body);
      const known = ofPayload.get(id);
      const key = known?.record.partitionKey ?? '';
      const isControl = known === undefined || (done(known.index) && !isPoison(known.index));
      if (!isControl) {
        const other = inFlight.get(key) ?? id;
        if (inFlight.has(key)) overlaps += 1;
        if (other !== id) breaches.push(`${id} is sent while ${other} of ${key} is in flight`);
        const skipped = records.findIndex((other, at) => at < known.index && other.partitionKey === key && !done(at));
        if (skipped !== -1) breaches.push(`${id} is sent before r-${skipped} of the same key is done`);
        inFlight.set(key, id);
      }
      const fails = random() < given.failing;
      const lasts = random() < given.slow ? 20_000 + random() * 18_000 : 20 + random() * 400;
      await time.sleep(lasts, signal);
      if (!isControl && inFlight.get(key) === id) inFlight.delete(key);
      if (signal?.aborted) throw new RetryableError('aborted');
      if (fails) throw new RetryableError('ThrottlingException: too many requests');
      if (known !== undefined) {
        ended[known.index]! += 1;
        requestSeconds[known.index]! += lasts / 1000;
      }
      const name = known === undefined ? 'well' : given.kinds[known.index];
      if (name === 'refused') throw new RequestFailedError('the model returned 400', 400);
      if (name === 'broken') throw new RequestFailedError('the model returned 500', 500);
      return { status: 200, body: Buffer.from(`{"generated_tokens":1,"id":${JSON.stringify(id)}}`) };
    },
  };
  store.beforePut = () => {
    if (random() < given.writesFailing) throw new Error('InternalError: please try again');
  };
  store.afterPut = () => {
    if (random() < given.writesFailing / 2) throw new Error('socket hang up');
  };
  /** Reads three records at a time after one of the shard. */
  const readingFrom: ShardReader['after'] = (_stream, _shard, after) => {
    let place = 1 + records.findIndex(({ sequenceNumber: number }) => number === after);
    return {
      next() {
        const page = records.slice(place, (place += 3)).map(({ sequenceNumber: number, partitionKey, payload }) => ({
          sequenceNumber: number,
          partitionKey,
          payload: Buffer.from(payload as string),
          arrivedAt: 1_700_000_000,
        }));
        return Promise.resolve({ records: page, isBehind: place < records.length, isLast: false });
      },
    };
  };
  const environment = () =>
    createHandler({
      endpoint,
      results: store,
      clock: time.clock,
      sleep: time.sleep,
      random,
      logger: createLogger(() => undefined),
      concurrency: given.concurrency,
      maxModelFailures: 3,
      recordFields,
      maxRecordBytes: 1024 * 1024,
      publish: () => Promise.resolve(),
      reader: given.readsAhead ? { after: readingFrom } : undefined,
    });

  const environments = Array.from({ length: given.environments }, environment);
  const outcome = await pollShard(
    records,
    {
      batchSize: given.batchSize,
      bisectBatchOnFunctionError: given.bisect,
      maximumRetryAttempts: given.maximumRetryAttempts,
    },
    async (event) => {
      const place = Math.floor(random() * environments.length);
      if (random() < given.environmentsLost) environments[place] = environment();
      const response = await time.until(environments[place]!(event, time.context(given.timeoutMs)));
      if (random() >= given.responsesLost) return response;
      environments[place] = environment();
      throw new Error('the environment died after writing');
    },
  );
  return { ...outcome, records, store, breaches, isPoison, overlaps };
}

const positions = (given: Scenario, isWanted: (index: number) => boolean): string[] =>
  given.kinds.flatMap((_, index) => (isWanted(index) ? [sequenceNumber(index)] : []));

const letterKeys = (given: Scenario, isWanted: (index: number) => boolean): string[] =>
  positions(given, isWanted).map((position) => `dead-letters/${streamName}/${shardId}/${position}.json`);

const faults = { responsesLost: fc.constantFrom(0, 0.2, 0.5) };

describe('the stream consumer under a poller that repeats and bisects', () => {
  test('gives every record one line, in whatever delivery it dies, keeps the order of every key and sets exactly the poison aside', async () => {
    await fc.assert(
      fc.asyncProperty(scenario(faults), async (given) => {
        const { store, breaches, toFailureDestination, isPoison } = await play(given);
        expect(breaches).toEqual([]);
        expect(toFailureDestination).toEqual([]);
        const lines = store.lines();
        expect(lines.map(({ position }) => position).sort()).toEqual(positions(given, () => true));
        const dead = lines.filter(({ deadLetter }) => deadLetter !== null).map(({ position }) => position);
        expect(dead.sort()).toEqual(positions(given, isPoison));
        expect(store.keysBelow('dead-letters/')).toEqual(letterKeys(given, isPoison));
      }),
      { numRuns: 120 },
    );
  });

  test('keeps the order of every key while the batches of the shard go to several environments, whose slow requests outlast them', async () => {
    const several = {
      environments: fc.integer({ min: 2, max: 3 }),
      readsAhead: fc.constant(true),
      timeoutMs: fc.constant(120_000),
      keys: fc.integer({ min: 1, max: 3 }),
      slow: fc.constantFrom(0.3, 0.6),
      environmentsLost: fc.constant(0),
    };
    let sentTwice = 0;
    await fc.assert(
      fc.asyncProperty(scenario({ ...faults, ...several }), async (given) => {
        const { store, breaches, toFailureDestination, overlaps } = await play(given);
        sentTwice += overlaps;
        expect(breaches).toEqual([]);
        expect(toFailureDestination).toEqual([]);
        expect(
          store
            .lines()
            .map(({ position }) => position)
            .sort(),
        ).toEqual(positions(given, () => true));
      }),
      { numRuns: 25 },
    );
    // Records that one environment sent while another one still awaited them.
    expect(sentTwice).toBeGreaterThan(0);
  });

  test('keeps the payload of poison byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(scenario({}), async (given) => {
        const { store, records } = await play(given);
        for (const key of store.keysBelow('dead-letters/')) {
          const letter = JSON.parse(store.objects.get(key)!) as { sequenceNumber: string; payloadBase64: string };
          const put = records.find((record) => record.sequenceNumber === letter.sequenceNumber)!;
          expect(Buffer.from(letter.payloadBase64, 'base64').toString('utf8')).toBe(put.payload);
        }
      }),
      { numRuns: 20 },
    );
  });

  test('accounts for every record in results, dead letters or the failure destination when retries are few', async () => {
    await fc.assert(
      fc.asyncProperty(
        scenario({ maximumRetryAttempts: fc.integer({ min: 0, max: 2 }), failing: fc.constantFrom(0.5, 0.9, 1) }),
        async (given) => {
          const { store, toFailureDestination, records } = await play(given);
          const written = new Set(store.lines().map(({ position }) => position));
          const lost = records.filter(
            (record) => !written.has(record.sequenceNumber) && !toFailureDestination.includes(record),
          );
          expect(lost).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});
