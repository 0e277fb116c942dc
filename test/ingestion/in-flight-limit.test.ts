import * as fc from 'fast-check';
import {
  checkScaledBacklog,
  checkFilledFleets,
  checkLeastRequests,
  decideInFlightLimit,
  inFlightPerServed,
  observationSeconds,
  shareOfCapacity,
  withRequestTimes,
  type ServedCapacity,
} from '../../lib/ingestion/decide/in-flight-limit';

const capacityOf = (over: Partial<ServedCapacity> = {}): ServedCapacity => ({
  concurrentRequests: 16,
  shards: 2,
  ordinal: 0,
  parallelizationFactor: 1,
  ...over,
});

describe('the share of an invocation', () => {
  test.each<[string, Partial<ServedCapacity>, number]>([
    ['an equal part of the capacity', {}, 8],
    ['one more for the first shards where a remainder is left', { concurrentRequests: 7, shards: 4, ordinal: 2 }, 2],
    ['the equal part for the shards behind them', { concurrentRequests: 7, shards: 4, ordinal: 3 }, 1],
    ['none of the remainder for a shard that is closed', { concurrentRequests: 7, shards: 4, ordinal: -1 }, 1],
    ['divided by the batches of the shard', { concurrentRequests: 40, parallelizationFactor: 4 }, 5],
    ['1 where the fleet is at zero, which wakes it', { concurrentRequests: 0 }, 1],
    ['1 where there are more shards than places', { concurrentRequests: 3, shards: 8, ordinal: 7 }, 1],
    ['whole', { concurrentRequests: 5.6, shards: 1 }, 5],
    ['all of it while no shard is known', { shards: 0 }, 16],
  ])('is %s', (_, over, share) => {
    expect(shareOfCapacity(capacityOf(over))).toBe(share);
  });

  test('fills the capacity exactly, over all shards, wherever each has a place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 500 }), (shards, more) => {
        const concurrentRequests = shards + more;
        const shares = Array.from({ length: shards }, (_, ordinal) =>
          shareOfCapacity({ concurrentRequests, shards, ordinal, parallelizationFactor: 1 }),
        );
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(concurrentRequests);
      }),
    );
  });
});

describe('the limit of requests in flight', () => {
  test('follows the share at once, up and down', () => {
    const calm = { lowered: undefined, busy: 1, answered: 19 };
    expect(decideInFlightLimit(capacityOf(), calm)).toEqual({ limit: 8, lowered: undefined });
    expect(decideInFlightLimit(capacityOf({ concurrentRequests: 64 }), calm)).toEqual({
      limit: 32,
      lowered: undefined,
    });
    expect(decideInFlightLimit(capacityOf({ concurrentRequests: 2 }), calm)).toEqual({ limit: 1, lowered: undefined });
  });

  test('halves while more than one in twenty requests are refused, down to 1, and then grows back by eighths of the share', () => {
    let state = decideInFlightLimit(capacityOf(), { lowered: undefined, busy: 2, answered: 19 });
    expect(state).toEqual({ limit: 4, lowered: 4 });
    for (const limit of [2, 1, 1]) {
      state = decideInFlightLimit(capacityOf(), { lowered: state.lowered, busy: 9, answered: 0 });
      expect(state.limit).toBe(limit);
    }
    const limits: number[] = [];
    while (state.lowered !== undefined) {
      state = decideInFlightLimit(capacityOf(), { lowered: state.lowered, busy: 0, answered: 9 });
      limits.push(state.limit);
    }
    expect(limits).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  test('is never above the share and never below 1', () => {
    const states = fc.record({
      lowered: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
      busy: fc.nat(50),
      answered: fc.nat(50),
    });
    const capacities = fc.record({
      concurrentRequests: fc.integer({ min: 0, max: 500 }),
      shards: fc.integer({ min: 1, max: 20 }),
      ordinal: fc.integer({ min: -1, max: 19 }),
      parallelizationFactor: fc.integer({ min: 1, max: 10 }),
    });
    fc.assert(
      fc.property(capacities, states, (capacity, state) => {
        const { limit } = decideInFlightLimit(capacity, state);
        expect(limit).toBeGreaterThanOrEqual(1);
        expect(limit).toBeLessThanOrEqual(shareOfCapacity(capacity));
      }),
    );
  });
});

describe('the requests in flight for each at an instance', () => {
  test('are the time of a request over its time at the instance, the latest with the most weight', () => {
    let times = withRequestTimes(undefined, 3, 2);
    expect(inFlightPerServed(times)).toBe(1.5);
    for (let index = 0; index < 200; index++) times = withRequestTimes(times, 5, 4);
    expect(inFlightPerServed(times)).toBeCloseTo(1.25, 2);
  });

  test('are 1 to 4, and 1 where no response tells its time at the instance', () => {
    expect(inFlightPerServed(undefined)).toBe(1);
    expect(inFlightPerServed(withRequestTimes(undefined, 3, 0))).toBe(1);
    expect(inFlightPerServed(withRequestTimes(undefined, 2, 3))).toBe(1);
    expect(inFlightPerServed(withRequestTimes(undefined, 100, 1))).toBe(4);
  });
});

test('a look at the endpoint comes every ten seconds, and less often where more than twenty invocations look', () => {
  expect(observationSeconds({ shards: 2, parallelizationFactor: 1 })).toBe(10);
  expect(observationSeconds({ shards: 20, parallelizationFactor: 1 })).toBe(10);
  expect(observationSeconds({ shards: 20, parallelizationFactor: 5 })).toBe(50);
});

describe('a consumer that follows its fleets', () => {
  const plan = { shardCount: 4, parallelizationFactor: 1, concurrency: 16, batchSize: 1000 };
  const fleet = { minCapacity: 1, maxCapacity: 8, maxConcurrencyPerReplica: 8 };

  test('fills them at their maximum', () => {
    expect(checkFilledFleets(plan, [fleet])).toEqual([]);
    expect(checkFilledFleets({ ...plan, concurrency: 15 }, [fleet])).toEqual([
      expect.stringMatching(/at most 60 requests in flight, below the 64 .*raise concurrency to 16/),
    ]);
  });

  test('has a request of each batch in flight, which the fleets serve at their minimum', () => {
    expect(checkLeastRequests(plan, [fleet])).toEqual([]);
    expect(checkLeastRequests({ ...plan, parallelizationFactor: 3 }, [fleet])).toEqual([
      expect.stringMatching(/4 shards x 3 batches have a request each in flight, above the 8 .*so that 4 wait in it/),
    ]);
  });

  test('is not judged where the minimum is zero or not known', () => {
    expect(checkLeastRequests({ ...plan, shardCount: 80 }, [{ ...fleet, minCapacity: 0 }])).toEqual([]);
    expect(checkLeastRequests({ ...plan, shardCount: 80 }, [{ maxCapacity: 8, maxConcurrencyPerReplica: 8 }])).toEqual(
      [],
    );
  });
});

test('a consumer that follows a fleet warns while nothing scales on what it leaves in the stream', () => {
  expect(checkScaledBacklog(true)).toEqual([]);
  expect(checkScaledBacklog(false)).toEqual([
    expect.stringMatching(/add scaleOnStreamBacklog\(.*or omit followsCapacity$/),
  ]);
});
