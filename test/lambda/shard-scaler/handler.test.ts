import { createHandler } from '../../../lambda/shard-scaler/handler';
import type { ShardScalerDependencies } from '../../../lambda/shard-scaler/handler';
import type { ShardUpdate } from '../../../lambda/clients/stream-shards';
import { LOOK_DEADLINE_SECONDS } from '../../../lambda/support/deadline';
import type { Notification, Notifier } from '../../../lambda/clients/notifier';
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
  readonly isHeldBack?: boolean;
  readonly deps?: (deps: ShardScalerDependencies) => Partial<ShardScalerDependencies>;
}

/** A stream of two shards, with a store and what the handler did. */
function createWorld({ minutes = [], changes, isHeldBack = false, update, deps = () => ({}) }: World) {
  const told: Notification[] = [];
  const targets: number[] = [];
  const published: MetricValue[] = [];
  const objects = new Map<string, string>();
  if (changes !== undefined) objects.set(KEY, formatShardChanges({ changes, isHeldBack, notices: [] }));
  const noted: number[] = [];
  let asked: readonly number[] = [];
  const usual: ShardScalerDependencies = {
    streamName: 'requests',
    plan,
    shards: {
      state: () => Promise.resolve({ openShards: 2, isUpdating: false, createdAt: 0 }),
      writes: (from, to) => {
        asked = [from, to];
        return Promise.resolve(minutes);
      },
      update: async (target) => {
        noted.push(parseShardChanges(objects.get(KEY)!).changes.length);
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
    notifier: undefined,
    clock: { now: () => NOW },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  const notifier: Notifier = { notify: (notification) => Promise.resolve(void told.push(notification)) };
  const handler = createHandler({ ...usual, ...deps({ ...usual, notifier }) });
  const values = () => Object.fromEntries(published.map(({ metricName, value }) => [metricName, value]));
  const notes = () => (objects.has(KEY) ? parseShardChanges(objects.get(KEY)!) : undefined);
  const kept = () => notes()?.changes;
  return { handler, targets, values, kept, notes, noted, told, asked: () => asked, published };
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

  test('reads no notes before there are some: without a list, S3 answers 403 for an object that is not there', async () => {
    const { handler, targets } = createWorld({
      minutes: busy(2000),
      deps: ({ store }) => ({
        store: {
          ...store,
          keysAfter: (prefix, after) =>
            after === '' ? store.keysAfter(prefix, after) : Promise.reject(new Error(`nothing is after ${after}`)),
          get: () => Promise.reject(new Error('AccessDenied')),
        },
      }),
    });
    await handler();
    expect(targets).toEqual([4]);
  });

  test('counts no changes where the notes are gone between the list and the read', async () => {
    const { handler, kept } = createWorld({
      minutes: busy(2000),
      changes: [NOW - 7200],
      deps: ({ store }) => ({ store: { ...store, get: () => Promise.resolve(undefined) } }),
    });
    await handler();
    expect(kept()).toEqual([NOW]);
  });

  describe('with a topic of the operator', () => {
    const withTopic: World['deps'] = ({ notifier }) => ({ notifier });
    const tenChanges = Array.from({ length: 10 }, () => NOW - 7200);
    const subjects = (told: readonly Notification[]) => told.map(({ subject }) => subject);

    test('tells a change with its reason, once it is made', async () => {
      const { handler, told, notes } = createWorld({ minutes: busy(2000), deps: withTopic });
      await handler();
      expect(subjects(told)).toEqual(['Stream requests: 2 shards become 4']);
      expect(told[0]!.message).toMatch(/^Reason: 4 shards are needed .*\n9 changes are left of those that Kinesis/);
      expect(notes()).toEqual({ changes: [NOW], isHeldBack: false, notices: [] });
    });

    test('tells that all changes are used when it begins, not every minute, and when it ends', async () => {
      const first = createWorld({ minutes: busy(2000), changes: tenChanges, deps: withTopic });
      await first.handler();
      await first.handler();
      expect(subjects(first.told)).toEqual(['Stream requests: 2 shards are missing']);
      expect(first.told[0]!.message).toContain('all 10 changes of 24 hours are used');
      expect(first.notes()).toEqual({ changes: tenChanges, isHeldBack: true, notices: [] });
      const later = createWorld({ minutes: busy(500), changes: tenChanges, isHeldBack: true, deps: withTopic });
      await later.handler();
      expect(subjects(later.told)).toEqual(['Stream requests: 2 shards are enough again']);
      expect(later.notes()!.isHeldBack).toBe(false);
    });

    test('tells what Kinesis says when it refuses a change', async () => {
      const { handler, told, notes } = createWorld({
        minutes: busy(2000),
        update: () => Promise.resolve({ kind: 'refused', error: new Error('the quota of 500 shards is reached') }),
        deps: withTopic,
      });
      await handler();
      await handler();
      expect(subjects(told)).toEqual(['Stream requests: Kinesis refuses to change 2 shards to 4']);
      expect(told[0]!.message).toContain('Kinesis: the quota of 500 shards is reached');
      expect(notes()).toEqual({ changes: [], isHeldBack: true, notices: [] });
    });

    test('keeps a notice that cannot be sent for the next run', async () => {
      let isReachable = false;
      const { handler, told, notes, targets } = createWorld({
        minutes: busy(2000),
        changes: tenChanges,
        deps: ({ notifier }) => ({
          notifier: {
            notify: (notification) =>
              isReachable ? notifier!.notify(notification) : Promise.reject(new Error('the topic is gone')),
          },
        }),
      });
      await handler();
      expect(notes()!.notices).toHaveLength(1);
      isReachable = true;
      await handler();
      expect(subjects(told)).toEqual(['Stream requests: 2 shards are missing']);
      expect(notes()!.notices).toEqual([]);
      expect(targets).toEqual([]);
    });

    test('changes the shards while the topic does not answer', async () => {
      jest.useFakeTimers();
      try {
        const { handler, targets, values } = createWorld({
          minutes: busy(2000),
          deps: () => ({ notifier: { notify: () => new Promise(() => undefined) } }),
        });
        const run = handler();
        await jest.advanceTimersByTimeAsync(10_000);
        expect(await run).toMatchObject({ target: 4 });
        expect(targets).toEqual([4]);
        expect(values()).toMatchObject({ ShardChangesLeft: 9 });
      } finally {
        jest.useRealTimers();
      }
    });
  });

  test('tells nobody without a topic', async () => {
    const { handler, told, notes } = createWorld({ minutes: busy(2000) });
    await handler();
    expect(told).toEqual([]);
    expect(notes()).toEqual({ changes: [NOW], isHeldBack: false, notices: [] });
  });

  describe('with a service that does not answer', () => {
    beforeEach(() => void jest.useFakeTimers());
    afterEach(() => void jest.useRealTimers());
    const silence = (): Promise<never> => new Promise(() => undefined);

    test.each<[string, World['deps']]>([
      ['the stream', ({ shards }) => ({ shards: { ...shards, state: silence } })],
      ['the writes of the stream', ({ shards }) => ({ shards: { ...shards, writes: silence } })],
      ['the changes of the stream', ({ store }) => ({ store: { ...store, keysAfter: silence } })],
      ['writing the changes', ({ store }) => ({ store: { ...store, put: silence } })],
      ['changing the shards', ({ shards }) => ({ shards: { ...shards, update: silence } })],
      ['the metrics', () => ({ metrics: { put: silence } })],
    ])('names %s after the deadline of a look', async (subject, deps) => {
      const { handler } = createWorld({ minutes: busy(2000), deps });
      const run = handler();
      const message = expect(run).rejects.toThrow(
        new RegExp(`^${subject}: no answer within ${LOOK_DEADLINE_SECONDS} s$`),
      );
      await jest.advanceTimersByTimeAsync(LOOK_DEADLINE_SECONDS * 1000);
      await message;
    });
  });
});
