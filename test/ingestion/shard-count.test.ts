import * as fc from 'fast-check';
import { SECONDS_PER_DAY } from '../../lib/core/time';
import {
  decideShardCount,
  MAX_CHANGES_PER_DAY,
  shardWindowSeconds,
  type ShardPlan,
  type StreamMinute,
  type StreamSeen,
} from '../../lib/ingestion/decide/shard-count';

const plan: ShardPlan = { minShards: 2, maxShards: 32, targetUse: 0.6, scaleInAfterSeconds: 3600 };
const now = 1_000_020;

/** A minute that ended some minutes ago, with records per second. */
const minute = (ago: number, perSecond: number, throttled = 0, bytesPerRecord = 100): StreamMinute => ({
  atSeconds: now - (ago + 1) * 60,
  records: perSecond * 60,
  bytes: perSecond * 60 * bytesPerRecord,
  throttled,
});
/** An hour of the same load. */
const hour = (perSecond: number): StreamMinute[] =>
  Array.from({ length: 62 }, (_, index) => minute(61 - index, perSecond));

const seen = (openShards: number, minutes: readonly StreamMinute[], more: Partial<StreamSeen> = {}): StreamSeen => ({
  now,
  createdAt: 0,
  openShards,
  isUpdating: false,
  minutes,
  changes: [],
  ...more,
});
const changed = (...ago: number[]): { changes: number[] } => ({ changes: ago.map((seconds) => now - seconds) });
const targetOf = (state: StreamSeen, with_: Partial<ShardPlan> = {}): number =>
  decideShardCount({ ...plan, ...with_ }, state).target;

describe('the number of shards', () => {
  test.each([
    // 2,400 a second / (1,000 x 60 %) = 4 shards.
    ['stays where the load fits', 4, [minute(0, 2400)], 4],
    // 3,000 / 600 = 5, a quarter more than 4.
    ['grows by a quarter where that is enough', 4, [minute(0, 3000)], 5],
    // 4,200 / 600 = 7, three quarters more.
    ['grows by three quarters', 4, [minute(0, 4200)], 7],
    // 6,000 / 600 = 10, at most double.
    ['grows to double at once, and no further', 4, [minute(0, 6000)], 8],
    // 500 records of 6 kB are 3 MB a second: 3 / 0.6 = 5 shards.
    ['counts bytes where they are more', 4, [minute(0, 500, 0, 6000)], 5],
    ['takes the busiest of the last minutes', 4, [minute(2, 3000), minute(1, 100), minute(0, 100)], 5],
    ['forgets an earlier peak', 4, [minute(20, 3000), minute(0, 2400)], 4],
    // A minute of CloudWatch may come two minutes late.
    ['takes a minute that came late', 4, [minute(4, 3000)], 5],
    ['grows from one', 1, [minute(0, 700)], 2],
    ['is limited by maxShards', 20, [minute(0, 30_000)], 32],
  ])('%s', (_name, openShards, minutes, target) => {
    expect(targetOf(seen(openShards, minutes))).toBe(target);
  });

  test('grows where a shard is full although the stream is not, but not for the key that fills it alone', () => {
    // 4,000 a second of 8 x 1,000 are 50 %.
    expect(targetOf(seen(8, [minute(0, 4000, 12)]))).toBe(10);
    const alone = decideShardCount(plan, seen(8, [minute(0, 1000, 12)]));
    expect(alone).toMatchObject({ target: 8, missing: 0 });
    expect(alone.reason).toContain('by the load of single keys');
  });

  test('does not grow again for records that were refused before a change', () => {
    expect(targetOf(seen(10, [minute(1, 4000, 12)], changed(60)))).toBe(10);
    expect(targetOf(seen(10, [minute(0, 4000, 12)], changed(130)))).toBe(13);
  });

  test('leaves a stream alone that is being changed', () => {
    const decision = decideShardCount(plan, seen(4, [minute(0, 6000)], { isUpdating: true }));
    expect(decision).toMatchObject({ target: 4, missing: 6 });
  });

  test.each([
    // 900 / 600 = 1.5: 2 shards.
    ['shrinks to what an hour needed', 4, 900, 2],
    ['shrinks by half at most', 16, 600, 8],
    ['shrinks by half of an odd number, rounded up', 7, 600, 4],
    // 3,600 / 600 = 6 of 8 are three quarters.
    ['shrinks to three quarters', 8, 3600, 6],
    ['keeps what would be a small change', 8, 4000, 8],
    ['keeps the minimum', 2, 10, 2],
  ])('%s', (_name, openShards, perSecond, target) => {
    expect(targetOf(seen(openShards, hour(perSecond)))).toBe(target);
  });

  test('shrinks by the busiest minute of the whole time', () => {
    expect(targetOf(seen(8, [...hour(100), minute(50, 4800)]))).toBe(8);
    expect(targetOf(seen(8, [...hour(100), minute(50, 4800)], {}), { scaleInAfterSeconds: 1800 })).toBe(4);
  });

  test('keeps its shards without any data', () => {
    expect(decideShardCount(plan, seen(8, []))).toMatchObject({ target: 8, missing: 0 });
  });

  test('does not shrink soon after a change', () => {
    expect(targetOf(seen(8, hour(100), changed(3500)))).toBe(8);
    expect(targetOf(seen(8, hour(100), changed(3700)))).toBe(4);
  });

  test('does not shrink before a new stream has lasted as long, nor while a shard is full', () => {
    expect(targetOf(seen(8, hour(100), { createdAt: now - 3500 }))).toBe(8);
    expect(targetOf(seen(8, hour(100), { createdAt: now - 3700 }))).toBe(4);
    expect(targetOf(seen(8, [...hour(100), minute(30, 100, 5)]))).toBe(8);
  });

  test('shrinks only while enough changes are left to double up to the maximum again', () => {
    // From 4 to 32 shards takes 3 changes, so that 4 have to be left: 6 may be used.
    const used = (count: number) => changed(...Array.from({ length: count }, (_, index) => 7200 + index * 600));
    expect(targetOf(seen(8, hour(100), used(6)))).toBe(4);
    const kept = decideShardCount(plan, seen(8, hour(100), used(7)));
    expect(kept.target).toBe(8);
    expect(kept.reason).toContain('kept for more shards');
  });

  test('grows in larger steps the fewer changes are left, so that they reach the maximum', () => {
    const used = (count: number) => changed(...Array.from({ length: count }, (_, index) => 7200 + index * 600));
    expect(targetOf(seen(4, [minute(0, 3000)], used(6)))).toBe(5);
    // One change after this one: it doubles what it finds.
    expect(targetOf(seen(4, [minute(0, 3000)], used(8)))).toBe(8);
    const none = decideShardCount(plan, seen(4, [minute(0, 3000)], used(10)));
    expect(none).toMatchObject({ target: 4, missing: 1 });
    expect(none.reason).toContain('all 10 changes of 24 hours are used');
    // The oldest of the ten is more than a day old.
    expect(targetOf(seen(4, [minute(0, 3000)], changed(SECONDS_PER_DAY, ...Array(9).fill(7200))))).toBe(8);
  });

  test('tells the shards that it may not have', () => {
    const decision = decideShardCount(plan, seen(32, [minute(0, 30_000)]));
    // 30,000 / 600 = 50.
    expect(decision).toMatchObject({ target: 32, missing: 18 });
    expect(decision.reason).toContain('maxShards is 32');
  });

  test('comes back to limits that somebody left', () => {
    expect(targetOf(seen(100, hour(100)))).toBe(50);
    expect(targetOf(seen(40, hour(100)))).toBe(32);
    expect(targetOf(seen(1, []))).toBe(2);
    const used = { changes: Array<number>(10).fill(now - 7200) };
    expect(targetOf(seen(100, hour(100), used))).toBe(100);
  });

  test('Kinesis refuses none of its changes, whatever the load and the plan', () => {
    const load = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 30, maxLength: 300 });
    const plans = fc
      .record({
        minShards: fc.integer({ min: 1, max: 8 }),
        more: fc.integer({ min: 0, max: 100 }),
        targetUse: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        scaleInAfterSeconds: fc.integer({ min: 900, max: 7200 }),
      })
      .map(({ more, ...rest }) => ({ ...rest, maxShards: rest.minShards + more }));
    fc.assert(
      fc.property(plans, load, fc.integer({ min: 1, max: 20 }), (one, loads, every) => {
        let openShards = one.minShards;
        let changes: number[] = [];
        const minutes: StreamMinute[] = [];
        // Each load lasts some minutes.
        loads.forEach((perSecond, index) => {
          for (let more = 0; more < every; more++) {
            const at = (index * every + more) * 60;
            const capacity = openShards * 1000;
            minutes.push({
              atSeconds: at,
              records: Math.min(perSecond, capacity) * 60,
              bytes: 0,
              throttled: Math.max(0, perSecond - capacity) * 60,
            });
            const time = at + 60;
            const from = time - shardWindowSeconds(one);
            const { target, missing } = decideShardCount(one, {
              now: time,
              createdAt: 0,
              openShards,
              isUpdating: false,
              minutes: minutes.filter(({ atSeconds }) => atSeconds >= from),
              changes,
            });
            expect(missing).toBeGreaterThanOrEqual(0);
            if (target === openShards) continue;
            changes = [...changes, time].filter((change) => change > time - SECONDS_PER_DAY);
            expect(changes.length).toBeLessThanOrEqual(MAX_CHANGES_PER_DAY);
            expect(target).toBeLessThanOrEqual(openShards * 2);
            expect(target).toBeGreaterThanOrEqual(openShards / 2);
            expect(target).toBeGreaterThanOrEqual(one.minShards);
            expect(target).toBeLessThanOrEqual(one.maxShards);
            openShards = target;
          }
        });
      }),
      { numRuns: 15 },
    );
  });

  test('a day of alternating load always leaves the changes that a jump to the maximum needs', () => {
    let openShards = 2;
    let changes: number[] = [];
    for (let time = 3600, busy = true; time < 20 * 3600; time += 3600, busy = !busy) {
      const minutes = Array.from({ length: 60 }, (_, index) => ({
        atSeconds: time - (60 - index) * 60,
        records: (busy ? 3000 : 10) * 60,
        bytes: 0,
        throttled: 0,
      }));
      const { target } = decideShardCount(plan, {
        now: time,
        createdAt: 0,
        openShards,
        isUpdating: false,
        minutes,
        changes,
      });
      if (target !== openShards) changes = [...changes, time];
      openShards = target;
      const left = MAX_CHANGES_PER_DAY - changes.length;
      expect(openShards * 2 ** left).toBeGreaterThanOrEqual(plan.maxShards);
    }
  });
});
