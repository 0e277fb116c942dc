import { createHandler } from '../../../lambda/shard-scaler/handler';
import type { ShardUpdate } from '../../../lambda/clients/stream-shards';
import type { MetricValue } from '../../../lambda/clients/metrics';
import { formatShardChanges, parseShardChanges } from '../../../lib/ingestion/contract';
import type { ShardPlan, StreamMinute } from '../../../lib/ingestion/decide/shard-count';

const plan: ShardPlan = { minShards: 2, maxShards: 8, targetUse: 0.6, scaleInAfterSeconds: 3600 };
const NOW = 10_000_000;
const KEY = 'shard-changes/requests.json';

interface World {
  readonly minutes?: readonly StreamMinute[];
  readonly changes?: readonly number[];
  readonly update?: (target: number) => Promise<ShardUpdate>;
}

/** A stream of two shards, with a store and what the handler did. */
function createWorld({ minutes = [], changes, update }: World) {
  const targets: number[] = [];
  const published: MetricValue[] = [];
  const objects = new Map<string, string>();
  if (changes !== undefined) objects.set(KEY, formatShardChanges(changes));
  const noted: number[] = [];
  let asked: readonly number[] = [];
  const handler = createHandler({
    streamName: 'requests',
    plan,
    shards: {
      state: () => Promise.resolve({ openShards: 2, isUpdating: false, createdAt: 0 }),
      writes: (from, to) => {
        asked = [from, to];
        return Promise.resolve(minutes);
      },
      update: async (target) => {
        noted.push(parseShardChanges(objects.get(KEY)!).length);
        targets.push(target);
        return update === undefined ? { kind: 'accepted' } : update(target);
      },
    },
    store: {
      keysAfter: (prefix) => Promise.resolve([...objects.keys()].filter((key) => key.startsWith(prefix))),
      get: (key) => Promise.resolve(objects.get(key)),
      put: (key, body) => Promise.resolve(void objects.set(key, String(body))),
    },
    metrics: { put: (values) => Promise.resolve(void published.push(...values)) },
    clock: { now: () => NOW },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  const values = () => Object.fromEntries(published.map(({ metricName, value }) => [metricName, value]));
  const kept = () => (objects.has(KEY) ? parseShardChanges(objects.get(KEY)!) : undefined);
  return { handler, targets, values, kept, noted, asked: () => asked, published };
}

const busy = (perSecond: number): StreamMinute[] => [
  { atSeconds: NOW - 60, records: perSecond * 60, bytes: 0, throttled: 0 },
];

describe('the shard scaler', () => {
  test('asks for the shards that the writes need, and notes the change before it is made', async () => {
    // 2,000 / (1,000 x 60 %) = 4.
    const { handler, targets, values, kept, noted, asked, published } = createWorld({ minutes: busy(2000) });
    expect(await handler()).toMatchObject({ target: 4, missing: 0 });
    expect(targets).toEqual([4]);
    expect(noted).toEqual([1]);
    expect(kept()).toEqual([NOW]);
    expect(asked()).toEqual([NOW - 3720, NOW]);
    expect(values()).toEqual({ OpenShards: 2, MissingShards: 0, ShardChangesLeft: 9 });
    expect(published[0]).toMatchObject({ dimensions: { StreamName: 'requests' }, atSeconds: NOW, unit: 'Count' });
  });

  test('changes and notes nothing where nothing is to change', async () => {
    const { handler, targets, values, kept } = createWorld({ minutes: busy(1000) });
    await handler();
    expect([targets, kept()]).toEqual([[], undefined]);
    expect(values()).toEqual({ OpenShards: 2, MissingShards: 0, ShardChangesLeft: 10 });
  });

  test('counts the changes of 24 hours, and none beyond them', async () => {
    const changes = [NOW - 90_000, NOW - 80_000, ...Array.from({ length: 8 }, () => NOW - 7200)];
    const { handler, targets, values, kept } = createWorld({ minutes: busy(2000), changes });
    await handler();
    expect(targets).toEqual([4]);
    expect(kept()).toEqual([...changes.slice(1), NOW]);
    expect(values()).toMatchObject({ ShardChangesLeft: 0 });
  });

  test('asks for none when all changes of 24 hours are used, and tells the missing shards', async () => {
    const changes = Array.from({ length: 10 }, () => NOW - 7200);
    const { handler, targets, values } = createWorld({ minutes: busy(2000), changes });
    await handler();
    expect(targets).toEqual([]);
    expect(values()).toEqual({ OpenShards: 2, MissingShards: 2, ShardChangesLeft: 0 });
  });

  test('takes a change back that Kinesis refuses, and tells the missing shards', async () => {
    const { handler, values, kept } = createWorld({
      minutes: busy(2000),
      changes: [NOW - 7200],
      update: () => Promise.resolve({ kind: 'refused', error: new Error('LimitExceededException') }),
    });
    await handler();
    expect(kept()).toEqual([NOW - 7200]);
    expect(values()).toEqual({ OpenShards: 2, MissingShards: 2, ShardChangesLeft: 9 });
  });

  test('counts a change without an answer, which Kinesis may have made', async () => {
    const { handler, kept } = createWorld({
      minutes: busy(2000),
      update: () => Promise.reject(new Error('no answer')),
    });
    await expect(handler()).rejects.toThrow('no answer');
    expect(kept()).toEqual([NOW]);
  });
});
