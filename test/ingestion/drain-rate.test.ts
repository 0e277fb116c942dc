import * as fc from 'fast-check';
import { checkDrainRate, drainRatePerShard } from '../../lib/ingestion/decide/drain-rate';

describe('the drain rate of a shard', () => {
  test.each([
    // in flight / seconds
    [{ parallelizationFactor: 10, concurrency: 16, batchSize: 100, serviceTimeSeconds: 2 }, 80],
    [{ parallelizationFactor: 10, concurrency: 200, batchSize: 500, serviceTimeSeconds: 2 }, 1000],
    [{ parallelizationFactor: 2, concurrency: 64, batchSize: 10, serviceTimeSeconds: 0.5 }, 40],
  ])('of %j is %d records per second', (plan, expected) => {
    expect(drainRatePerShard(plan)).toBe(expected);
  });
});

describe('the check of a drain plan', () => {
  /** Plans whose shards can take what is written to them. */
  const plan = fc
    .record({
      shardCount: fc.integer({ min: 1, max: 100 }),
      parallelizationFactor: fc.integer({ min: 1, max: 10 }),
      concurrency: fc.integer({ min: 1, max: 100 }),
      batchSize: fc.integer({ min: 1, max: 10_000 }),
      serviceTimeSeconds: fc.double({ min: 0.001, max: 60, noNaN: true }),
      fullness: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ fullness, ...rest }) => ({ ...rest, recordsPerSecond: fullness * rest.shardCount * 1000 }));

  test('names the shards that would suffice for the writes', () => {
    const problems = checkDrainRate({
      shardCount: 1,
      parallelizationFactor: 10,
      concurrency: 1000,
      batchSize: 1000,
      serviceTimeSeconds: 1,
      recordsPerSecond: 2500,
    });
    expect(problems).toEqual([expect.stringContaining('use at least 3 shards')]);
  });

  test('accepts a shard that is written to and drained at its very limits', () => {
    const atLimit = {
      shardCount: 1,
      parallelizationFactor: 10,
      concurrency: 100,
      batchSize: 100,
      recordsPerSecond: 1000,
    };
    expect(checkDrainRate({ ...atLimit, serviceTimeSeconds: 1 })).toEqual([]);
    expect(checkDrainRate({ ...atLimit, serviceTimeSeconds: 1.001 })).toHaveLength(1);
    expect(checkDrainRate({ ...atLimit, recordsPerSecond: 1001, serviceTimeSeconds: 0.1 })).toHaveLength(1);
  });

  test('names the numbers that do not fit, and the settings that would', () => {
    const base = { shardCount: 2, parallelizationFactor: 2, concurrency: 3, batchSize: 10, serviceTimeSeconds: 4 };
    // a shard gets 7.25 a second; 2 batches x 3 records / 4 s drain 1.5; 7.25 x 4 s / 2 batches need 14.5 in flight
    expect(checkDrainRate({ ...base, recordsPerSecond: 14.5 })).toEqual([
      'a shard receives 7.3 records per second and the consumer processes at most 1.5 (2 batches x 3 records in flight / 4 s); ' +
        'raise concurrency and batchSize to 15, or parallelizationFactor, or shardCount',
    ]);
    expect(checkDrainRate({ ...base, serviceTimeSeconds: 0.001, recordsPerSecond: 2500 })).toEqual([
      "expectedRecordsPerSecond (2500) over 2 shards is 1250 per shard, above Kinesis's 1000; use at least 3 shards",
    ]);
  });

  test('is silent for every plan that follows its own advice', () => {
    fc.assert(
      fc.property(plan, (given) => {
        const advised = /concurrency and batchSize to (\d+)/.exec(checkDrainRate(given).join('\n'))?.[1];
        if (advised === undefined) return;
        const enough = Number(advised);
        expect(checkDrainRate({ ...given, concurrency: enough, batchSize: enough })).toEqual([]);
      }),
    );
  });

  test('never minds a faster endpoint', () => {
    fc.assert(
      fc.property(plan, (given) => {
        if (checkDrainRate(given).length > 0) return;
        expect(checkDrainRate({ ...given, serviceTimeSeconds: given.serviceTimeSeconds / 2 })).toEqual([]);
      }),
    );
  });
});
