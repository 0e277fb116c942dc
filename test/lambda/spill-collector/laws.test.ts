import * as fc from 'fast-check';
import { RetryableError } from '../../../lib/core/errors';
import { draws } from '../stream-consumer/draws';
import { rehearsal, requestRecord } from '../stream-consumer/fakes';
import { pollShard, sequenceNumber } from '../stream-consumer/poller-model';
import { AsyncPlay } from './async-play';

interface Scenario {
  readonly seed: number;
  readonly records: number;
  readonly keys: number;
  readonly batchSize: number;
  readonly concurrency: number;
  /** Shares of calls that fail: requests, hand-overs, writes; of responses that get lost, and of environments. */
  readonly busy: number;
  readonly refused: number;
  readonly writesFailing: number;
  readonly environmentsLost: number;
  /** Share of records on which the asynchronous endpoint fails. */
  readonly failing: number;
  readonly secondsBefore: number;
}

const scenario = fc.record<Scenario>({
  seed: fc.nat(),
  records: fc.integer({ min: 1, max: 30 }),
  keys: fc.integer({ min: 1, max: 6 }),
  batchSize: fc.integer({ min: 1, max: 15 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  busy: fc.constantFrom(0, 0.5, 1),
  refused: fc.constantFrom(0, 0.3),
  writesFailing: fc.constantFrom(0, 0.2),
  environmentsLost: fc.constantFrom(0, 0.4),
  failing: fc.constantFrom(0, 0.3),
  secondsBefore: fc.constantFrom(0, 50, 70),
});

async function play(given: Scenario) {
  const random = draws(given.seed);
  const asynchronous = new AsyncPlay();
  const busy = new RetryableError('ThrottlingException: too many requests');
  const { time, store, environment, sent } = rehearsal(
    () => ({ milliseconds: 20 + random() * 20_000, ...(random() < given.busy && { error: busy }) }),
    { concurrency: given.concurrency, spill: asynchronous.spill(), random },
  );
  asynchronous.beforeInvoke = () => {
    if (random() < given.refused) throw new Error('ServiceUnavailable');
  };
  store.beforePut = () => {
    if (random() < given.writesFailing) throw new Error('InternalError: please try again');
  };
  store.afterPut = () => {
    if (random() < given.writesFailing / 2) throw new Error('socket hang up');
  };
  store.beforeDelete = store.beforePut;
  const records = Array.from({ length: given.records }, (_, index) =>
    requestRecord(index, `key-${Math.floor(random() * given.keys)}`),
  );
  const isFailing = (payload: string): boolean =>
    Number((JSON.parse(payload) as { id: string }).id.slice(2)) % 10 < 10 * given.failing;
  const collect = async (): Promise<void> => {
    asynchronous.end(time.clock.now(), (payload) => isFailing(payload));
    const runs = [1, 2].map(() =>
      asynchronous
        .collector(store, time.clock)
        .collect()
        .catch(() => undefined),
    );
    await Promise.all(runs);
  };
  await time.until(time.sleep(given.secondsBefore * 1000));
  let handler = environment();
  const { toFailureDestination } = await pollShard(
    records,
    { batchSize: given.batchSize, bisectBatchOnFunctionError: true, maximumRetryAttempts: 10_000 },
    async (event) => {
      if (random() < given.environmentsLost) handler = environment();
      const response = await time.until(handler(event, time.context(60_000)));
      if (random() < 0.5) await collect();
      if (random() >= given.environmentsLost) return response;
      handler = environment();
      throw new Error('the environment died after writing');
    },
  );
  for (let run = 0; run < 200 && store.keysBelow('spilled/').length > 0; run++) await collect();
  return { store, toFailureDestination, asynchronous, isFailing, records, sent };
}

test('every record has one line, whatever endpoint it goes to, and whatever dies, is repeated or runs twice', async () => {
  let spilledSeen = 0;
  let directSeen = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { store, toFailureDestination, asynchronous, isFailing, records } = await play(given);
      expect(toFailureDestination).toEqual([]);
      expect(store.keysBelow('spilled/')).toEqual([]);
      const lines = store.lines();
      expect(lines.map(({ position }) => position).sort()).toEqual(records.map((_, index) => sequenceNumber(index)));
      const ofPosition = new Map(records.map((record) => [record.sequenceNumber, String(record.payload)]));
      for (const { position, spilledAt, deadLetter, error } of lines) {
        const isDead = spilledAt !== undefined && isFailing(ofPosition.get(position)!);
        expect(deadLetter !== null).toBe(isDead);
        expect(error !== null).toBe(isDead);
        if (spilledAt === undefined) directSeen += 1;
        else spilledSeen += 1;
      }
      expect(store.keysBelow('dead-letters/')).toEqual(lines.flatMap(({ deadLetter }) => deadLetter ?? []).sort());
      // A repeated hand-over has the name of the first one.
      const names = new Set(asynchronous.invocations.map(({ inferenceId }) => inferenceId));
      expect(names.size).toBe(asynchronous.requests.size === 0 ? 0 : names.size);
      expect(new Set(asynchronous.invocations.map(({ inputUri }) => inputUri)).size).toBe(names.size);
    }),
    { numRuns: 60, endOnFailure: true },
  );
  expect(spilledSeen).toBeGreaterThan(100);
  expect(directSeen).toBeGreaterThan(100);
}, 120_000);
