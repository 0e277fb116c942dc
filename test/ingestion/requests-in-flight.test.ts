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

  test('are named with the sum they are, the sum that is served, and the way out', () => {
    const given = { shardCount: 2, parallelizationFactor: 3, concurrency: 64, batchSize: 50 };
    const known = [
      { maxCapacity: 4, maxConcurrencyPerReplica: 8 },
      { maxCapacity: 2, maxConcurrencyPerReplica: 5 },
    ];
    expect(requestsInService(known)).toBe(42);
    expect(checkRequestsInFlight(given, known)).toEqual([
      '2 shards x 3 batches x 50 records are 300 requests in flight, above the 4 x 8 + 2 x 5 = 42 (maxCapacity x tested concurrency) ' +
        'that the endpoint serves at its maximum, so that 258 wait in it or time out; lower concurrency to 7, lower ' +
        'parallelizationFactor, or raise maxCapacity',
    ]);
  });
});
