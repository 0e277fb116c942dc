import * as fc from 'fast-check';
import {
  checkRequestsInFlight,
  largestConcurrency,
  requestsInFlight,
  requestsInService,
} from '../../lib/ingestion/decide/requests-in-flight';

const whole = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const plan = fc.record({
  shardCount: whole(50),
  parallelizationFactor: whole(10),
  concurrency: whole(1000),
  batchSize: whole(10_000),
});
const fleets = fc.array(fc.record({ maxCapacity: whole(50), maxConcurrencyPerReplica: whole(200) }), {
  minLength: 1,
  maxLength: 3,
});

describe('the requests in flight', () => {
  test('are all concurrent records of all batches of all shards, as far as a batch has that many', () => {
    expect(requestsInFlight({ shardCount: 2, parallelizationFactor: 2, concurrency: 64, batchSize: 100 })).toBe(256);
    expect(requestsInFlight({ shardCount: 2, parallelizationFactor: 2, concurrency: 64, batchSize: 10 })).toBe(40);
  });

  test('are no problem with the largest concurrency, as long as a place for every batch exists', () => {
    fc.assert(
      fc.property(plan, fleets, (given, known) => {
        const concurrency = largestConcurrency(given, known);
        fc.pre(requestsInService(known) >= given.shardCount * given.parallelizationFactor);
        expect(checkRequestsInFlight({ ...given, concurrency }, known)).toEqual([]);
        const more = { ...given, concurrency: concurrency + 1, batchSize: Infinity };
        expect(checkRequestsInFlight(more, known)).toHaveLength(1);
      }),
    );
  });

  test('are not judged where no fleet is known', () => {
    fc.assert(fc.property(plan, (given) => expect(checkRequestsInFlight(given, [])).toEqual([])));
  });
});
