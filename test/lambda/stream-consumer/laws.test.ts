import * as fc from 'fast-check';
import { RecordRejectedError } from '../../../lambda/clients/endpoint-runtime';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import { createLogger } from '../../../lambda/support/logger';
import { RetryableError } from '../../../lib/core/errors';
import { formatInferenceResponse, parseInferenceRequest } from '../../../lib/ingestion/contract';
import { MemoryStore, requestRecord } from './fakes';
import { pollShard, type PutRecord, sequenceNumber, streamName, shardId } from './poller-model';
import { VirtualTime } from './virtual-time';

/** Faults are drawn by one seeded sequence, so that a run can be repeated. */
function draws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Scenario {
  readonly seed: number;
  readonly kinds: readonly ('well' | 'unparsable' | 'refused')[];
  readonly keys: number;
  readonly batchSize: number;
  readonly bisect: boolean;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly failing: number;
  readonly writesFailing: number;
  readonly environmentsLost: number;
  readonly responsesLost: number;
  readonly maximumRetryAttempts: number;
}

const scenario = (over: Partial<{ [name in keyof Scenario]: fc.Arbitrary<Scenario[name]> }>): fc.Arbitrary<Scenario> =>
  fc.record<Scenario>({
    seed: fc.nat(),
    kinds: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constant('well' as const) },
        { weight: 1, arbitrary: fc.constant('unparsable' as const) },
        { weight: 1, arbitrary: fc.constant('refused' as const) },
      ),
      { minLength: 1, maxLength: 40 },
    ),
    keys: fc.integer({ min: 1, max: 8 }),
    batchSize: fc.integer({ min: 1, max: 20 }),
    bisect: fc.boolean(),
    concurrency: fc.integer({ min: 1, max: 12 }),
    timeoutMs: fc.integer({ min: 900, max: 8_000 }),
    failing: fc.constantFrom(0, 0.1, 0.5),
    writesFailing: fc.constantFrom(0, 0.2),
    environmentsLost: fc.constantFrom(0, 0.3),
    responsesLost: fc.constant(0),
    maximumRetryAttempts: fc.constant(10_000),
    ...over,
  });

async function play(given: Scenario) {
  const random = draws(given.seed);
  const time = new VirtualTime();
  const store = new MemoryStore();
  const breaches: string[] = [];
  const records: PutRecord[] = given.kinds.map((kind, index) => {
    const record = requestRecord(index, `key-${Math.floor(random() * given.keys)}`);
    return kind === 'unparsable' ? { ...record, payload: `not json ${index}` } : record;
  });
  const ofId = new Map(records.map((record, index) => [`r-${index}`, { record, index }]));
  const done = new Set<number>();
  given.kinds.forEach((kind, index) => kind === 'unparsable' && done.add(index));
  const inFlightKeys = new Set<string>();

  const endpoint = {
    async invoke(body: string, signal?: AbortSignal): Promise<string> {
      const { id, generatedTokens } = parseInferenceRequest(body);
      const { record, index } = ofId.get(id)!;
      const key = record.partitionKey;
      if (inFlightKeys.has(key)) breaches.push(`${id} is sent while another record of ${key} is in flight`);
      const skipped = records.findIndex((other, at) => at < index && other.partitionKey === key && !done.has(at));
      if (skipped !== -1) breaches.push(`${id} is sent before r-${skipped} of the same key is done`);
      inFlightKeys.add(key);
      const fails = random() < given.failing;
      await time.sleep(20 + random() * 400, signal);
      inFlightKeys.delete(key);
      if (signal?.aborted) throw new RetryableError('aborted');
      if (fails) throw new RetryableError('ThrottlingException: too many requests');
      done.add(index);
      if (given.kinds[index] === 'refused') throw new RecordRejectedError('the model returned 400');
      return formatInferenceResponse(id, { generatedTokens, serviceSeconds: 1, queueSeconds: 0 });
    },
  };
  store.beforePut = () => {
    if (random() < given.writesFailing) throw new Error('InternalError: please try again');
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
      countDeadLetters: () => Promise.resolve(),
    });

  let handler = environment();
  const outcome = await pollShard(
    records,
    {
      batchSize: given.batchSize,
      bisectBatchOnFunctionError: given.bisect,
      maximumRetryAttempts: given.maximumRetryAttempts,
    },
    async (event) => {
      if (random() < given.environmentsLost) handler = environment();
      const response = await time.until(handler(event, time.context(given.timeoutMs)));
      if (random() >= given.responsesLost) return response;
      handler = environment();
      throw new Error('the environment died after writing');
    },
  );
  return { ...outcome, records, store, breaches };
}

const ids = (given: Scenario, wanted: string): string[] =>
  given.kinds.flatMap((kind, index) => (kind === wanted ? [`r-${index}`] : [])).sort();

const setAside = (given: Scenario): string[] =>
  given.kinds.flatMap((kind, index) =>
    kind === 'well' ? [] : [`dead-letters/${streamName}/${shardId}/${sequenceNumber(index)}.json`],
  );

describe('the stream consumer under a poller that repeats and bisects', () => {
  test('writes every result exactly once, keeps the order of every key and writes dead letters for exactly the poison', async () => {
    await fc.assert(
      fc.asyncProperty(scenario({}), async (given) => {
        const { store, breaches, toFailureDestination } = await play(given);
        expect(breaches).toEqual([]);
        expect(toFailureDestination).toEqual([]);
        expect(store.resultIds().sort()).toEqual(ids(given, 'well'));
        expect(store.keysBelow('dead-letters/')).toEqual(setAside(given));
      }),
      { numRuns: 150 },
    );
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
      { numRuns: 30 },
    );
  });

  test('loses nothing and stays exactly once by id when an environment dies between writing and reporting', async () => {
    await fc.assert(
      fc.asyncProperty(scenario({ responsesLost: fc.constantFrom(0.2, 0.5) }), async (given) => {
        const { store, breaches } = await play(given);
        expect(breaches).toEqual([]);
        expect([...new Set(store.resultIds())].sort()).toEqual(ids(given, 'well'));
        expect(store.keysBelow('dead-letters/')).toEqual(setAside(given));
      }),
      { numRuns: 100 },
    );
  });

  test('accounts for every record in results, dead letters or the failure destination when retries are few', async () => {
    await fc.assert(
      fc.asyncProperty(
        scenario({ maximumRetryAttempts: fc.integer({ min: 0, max: 2 }), failing: fc.constantFrom(0.5, 0.9, 1) }),
        async (given) => {
          const { store, toFailureDestination, records } = await play(given);
          const answered = new Set(store.resultIds());
          const dead = new Set(store.keysBelow('dead-letters/').map((key) => key.slice(key.lastIndexOf('/') + 1, -5)));
          const lost = records.filter(
            (record, index) =>
              !answered.has(`r-${index}`) && !dead.has(record.sequenceNumber) && !toFailureDestination.includes(record),
          );
          expect(lost).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
