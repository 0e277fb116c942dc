import type { BacklogOfPeriod } from '../../../lambda/stream-consumer/backlog-meter';
import { EndpointBusyError } from '../../../lambda/clients/endpoint-runtime';
import { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { RetryableError } from '../../../lib/core/errors';
import { recordFields } from './fakes';
import { MemoryStore } from './memory-store';
import { kinesisEvent, sequenceNumber } from './poller-model';
import { VirtualTime } from './virtual-time';

const SERVICE_SECONDS = 4;
const TESTED = 4;

interface Plan {
  /** Replicas in service by the second; null where SageMaker reports none; an error where it does not answer. */
  readonly replicas: (second: number) => number | null | Error;
  readonly shards?: readonly string[];
  readonly records?: number;
  readonly keys?: number;
  readonly concurrency?: number;
  /** True while the endpoint refuses requests as busy. */
  readonly isBusy?: (second: number) => boolean;
  /** Time on the way to the endpoint and back; responses then tell their time at the instance. */
  readonly transitSeconds?: number;
}

/** Plays records that are there at once, through the real handler, in front of an endpoint with a number of replicas. */
async function play({
  replicas,
  shards,
  records = 400,
  keys = records,
  concurrency = 64,
  isBusy,
  transitSeconds,
}: Plan) {
  const time = new VirtualTime();
  const begin = time.clock.now();
  const second = (): number => time.clock.now() - begin;
  const store = new MemoryStore();
  const warnings: string[] = [];
  const published: (BacklogOfPeriod & { readonly publishedAt: number })[] = [];
  const inFlightAt: number[] = [];
  let inFlight = 0;
  let looks = 0;
  const logger = {
    info: () => undefined,
    warn: (message: string) => void warnings.push(message),
    error: () => undefined,
  };
  const capacity = new CapacityFollower({
    fleets: [{ resourceId: 'endpoint/chat/variant/main', fleetName: 'chat', maxConcurrencyPerReplica: TESTED }],
    states: {
      fleetState: () => {
        looks += 1;
        const current = replicas(second());
        if (current instanceof Error) return Promise.reject(current);
        return Promise.resolve({ status: 'InService', configName: null, desired: current, current });
      },
      variantCapacity: () => Promise.reject(new Error('not called')),
    },
    shards: { list: () => Promise.resolve(shards ?? ['shardId-000000000000']) },
    parallelizationFactor: 1,
    concurrency,
    clock: time.clock,
    logger,
  });
  const reader: ShardReader = {
    after: () => ({ next: () => Promise.resolve({ records: [], isBehind: false, isLast: false }) }),
  };
  const handler = createHandler({
    endpoint: {
      async invoke(_body, signal) {
        if (isBusy?.(second()) === true) throw new EndpointBusyError('ThrottlingException');
        await time.sleep((transitSeconds ?? 0) * 1000);
        inFlight += 1;
        const at = Math.floor(second());
        inFlightAt[at] = Math.max(inFlightAt[at] ?? 0, inFlight);
        await time.sleep(SERVICE_SECONDS * 1000, signal);
        inFlight -= 1;
        if (signal?.aborted) throw new RetryableError('aborted');
        return {
          status: 200,
          body: Buffer.from(transitSeconds === undefined ? '{}' : `{"service_seconds":${SERVICE_SECONDS}}`),
        };
      },
    },
    results: store,
    reader,
    clock: time.clock,
    sleep: time.sleep,
    random: () => 0.5,
    logger,
    concurrency,
    capacity,
    maxModelFailures: 5,
    recordFields,
    maxRecordBytes: 1024 * 1024,
    publish: () => Promise.resolve(),
    publishBacklog: (_stream, backlog) => {
      published.push({ ...backlog, atSeconds: backlog.atSeconds - begin, publishedAt: second() });
      return Promise.resolve();
    },
  });
  const batch = Array.from({ length: records }, (_, index) => ({
    sequenceNumber: sequenceNumber(index),
    partitionKey: `key-${index % keys}`,
    payload: `{"id":"r-${index}"}`,
  }));
  const run = async (): Promise<void> => {
    for (let from = 0; from < batch.length;) {
      const { batchItemFailures } = await handler(kinesisEvent(batch.slice(from)), time.context(120_000));
      const [first] = batchItemFailures;
      from = first === undefined ? batch.length : batch.findIndex((one) => one.sequenceNumber === first.itemIdentifier);
    }
  };
  await time.until(run());
  const peak = (from: number, to: number): number =>
    Math.max(0, ...inFlightAt.slice(from, to).filter((one) => one > 0));
  return { peak, published, warnings, looks, answered: store.lines().length };
}

describe('the requests in flight of the consumer', () => {
  test('are what the replicas in service hold, and more as soon as more are in service', async () => {
    const { peak, answered } = await play({ replicas: (second) => (second < 30 ? 2 : 6) });
    expect(answered).toBe(400);
    expect(peak(0, 29)).toBe(2 * TESTED);
    expect(peak(0, 40)).toBeLessThanOrEqual(6 * TESTED);
    expect(peak(42, 50)).toBe(6 * TESTED);
  });

  test('fall when replicas leave', async () => {
    const { peak, answered } = await play({ replicas: (second) => (second < 20 ? 6 : 1) });
    expect(answered).toBe(400);
    expect(peak(0, 20)).toBe(6 * TESTED);
    expect(peak(36, 200)).toBe(TESTED);
  });

  test('are the share of the shard', async () => {
    const { peak } = await play({
      replicas: () => 2,
      shards: ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002'],
      records: 60,
    });
    // 8 places over three shards, the remainder to the first two.
    expect(peak(0, 100)).toBe(3);
  });

  test('are at most the concurrency that is given', async () => {
    const { peak, published } = await play({ replicas: () => 20, concurrency: 5, records: 60 });
    expect(peak(0, 100)).toBe(5);
    // The records wait for the consumer and not for the fleet.
    expect(published).toEqual([]);
  });

  test('fill the instances where a part of them is on its way, as the times in the responses tell', async () => {
    const { peak } = await play({ replicas: () => 4, transitSeconds: 4, records: 800 });
    expect(peak(0, 8)).toBe(4 * TESTED);
    // Half of the 32 in flight are at the instances. Those of one moment come together.
    expect(peak(60, 90)).toBeGreaterThanOrEqual(4 * TESTED);
    const { peak: unread, answered } = await play({ replicas: () => 4, records: 800 });
    expect(unread(60, 90)).toBe(4 * TESTED);
    expect(answered).toBe(800);
  });

  test('are one while the fleet is at zero', async () => {
    const { peak } = await play({ replicas: () => 0, records: 10 });
    expect(peak(0, 100)).toBe(1);
  });

  test('go down while the endpoint is busy, and up again afterwards', async () => {
    const { peak, answered } = await play({
      replicas: () => 8,
      isBusy: (second) => second > 21 && second < 26,
      records: 800,
    });
    expect(answered).toBe(800);
    expect(peak(0, 20)).toBe(8 * TESTED);
    expect(peak(35, 40)).toBeLessThan(8 * TESTED);
    expect(peak(80, 120)).toBe(8 * TESTED);
  });

  test('stay while the endpoint is not read, for five minutes, and are then those that are given', async () => {
    const { peak, warnings, answered } = await play({
      replicas: (second) => (second < 15 ? 1 : new Error('throttled')),
      records: 500,
      concurrency: 16,
    });
    expect(answered).toBe(500);
    expect(warnings).toContain('cannot read the capacity of the endpoint');
    expect(peak(0, 290)).toBe(TESTED);
    expect(peak(330, 400)).toBe(16);
  });

  test('are those that are given while SageMaker reports no instances', async () => {
    const { peak } = await play({ replicas: () => null, records: 60, concurrency: 16 });
    expect(peak(0, 100)).toBe(16);
  });
});

describe('the backlog that the consumer publishes', () => {
  test('is that of all records with a key of their own, every ten seconds, while they wait', async () => {
    const { published, looks } = await play({ replicas: () => 2, records: 80 });
    // 8 at a time, 4 s each: the last begin after 36 s.
    expect(published.map(({ atSeconds }) => atSeconds % 10)).toEqual(published.map(() => 0));
    const first = published[0]!;
    expect(first.perInstance).toBeGreaterThan(20);
    expect(first.perInstance).toBeLessThanOrEqual(40);
    expect(published.at(-1)!.atSeconds).toBeLessThanOrEqual(40);
    for (const { atSeconds, publishedAt } of published) expect(publishedAt - atSeconds).toBeLessThanOrEqual(11);
    expect(looks).toBeLessThanOrEqual(6);
  });

  test('leaves out records that wait for an earlier one of their key, which no further replica helps', async () => {
    const { published, peak } = await play({ replicas: () => 2, records: 40, keys: 3 });
    expect(peak(0, 100)).toBe(3);
    expect(published).toEqual([]);
  });
});
