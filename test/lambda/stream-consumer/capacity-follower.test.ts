import { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';

const place = { streamArn: 'arn', shardId: 's-0' };
const { signal } = new AbortController();

/** Follower of two fleets with 3 and 5 tested requests a replica, whose replicas and shards the test sets. */
function follower(given: { concurrency?: number; parallelizationFactor?: number } = {}) {
  const { concurrency = 40, parallelizationFactor = 1 } = given;
  const world = {
    seconds: 1_000,
    replicas: [2, 1] as (number | null | Error)[],
    shards: ['s-0'],
    looks: [] as string[],
  };
  const warn = jest.fn();
  const capacity = new CapacityFollower({
    fleets: [3, 5].map((maxConcurrencyPerReplica, index) => ({
      resourceId: `fleet-${index}`,
      fleetName: `fleet-${index}`,
      maxConcurrencyPerReplica,
    })),
    states: {
      fleetState: ({ fleetName }) => {
        world.looks.push(fleetName);
        const current = world.replicas[Number(fleetName.slice(-1))]!;
        if (current instanceof Error) return Promise.reject(current);
        return Promise.resolve({ status: 'InService', configName: null, desired: current, current });
      },
      variantCapacity: () => Promise.reject(new Error('not called')),
    },
    shards: { list: () => Promise.resolve(world.shards) },
    parallelizationFactor,
    concurrency,
    clock: { now: () => world.seconds },
    logger: { info: () => undefined, warn, error: () => undefined },
  });
  const observeAfter = async (seconds: number): Promise<number> => {
    world.seconds += seconds;
    await capacity.observe(place, signal);
    return capacity.limit;
  };
  const answer = (body: object | string, requestSeconds: number): void =>
    capacity.answered({
      answer: { status: 200, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) },
      answeredAt: world.seconds,
      requestSeconds,
    });
  return { world, warn, capacity, observeAfter, answer };
}

describe('the requests in flight that follow a capacity', () => {
  test('are the given ones until it is known, then what the replicas of all fleets were tested with', async () => {
    const { capacity, observeAfter } = follower();
    expect([capacity.isKnown, capacity.limit, capacity.awaitedReplicas]).toEqual([false, 40, undefined]);
    expect(await observeAfter(0)).toBe(2 * 3 + 5);
    expect([capacity.isKnown, capacity.awaitedReplicas]).toEqual([true, 3]);
  });

  test('are the share of a shard, and of its concurrent invocations', async () => {
    const { world, observeAfter } = follower({ parallelizationFactor: 2 });
    world.shards = ['s-1', 's-0'];
    // 11 over two shards are 6 and 5, over two invocations of the second 2.
    expect(await observeAfter(0)).toBe(2);
  });

  test('are at most the given ones, for which no replica is awaited', async () => {
    const { capacity, observeAfter } = follower({ concurrency: 10 });
    expect(await observeAfter(0)).toBe(10);
    expect(capacity.awaitedReplicas).toBeUndefined();
    const just = follower({ concurrency: 11 });
    await just.observeAfter(0);
    expect(just.capacity.awaitedReplicas).toBe(3);
  });

  test('change every ten seconds at most; later where many invocations look', async () => {
    const { world, observeAfter } = follower();
    await observeAfter(0);
    world.replicas = [4, 1];
    expect(await observeAfter(9.9)).toBe(11);
    expect(world.looks).toHaveLength(2);
    expect(await observeAfter(0.1)).toBe(17);
    world.shards = ['s-0', ...Array.from({ length: 39 }, (_, index) => `t-${index}`)];
    await observeAfter(10);
    expect(world.looks).toHaveLength(6);
    await observeAfter(19);
    expect(world.looks).toHaveLength(6);
    await observeAfter(1);
    expect(world.looks).toHaveLength(8);
  });

  test.each([
    ['returns an error', new Error('throttled')],
    ['tells no number', null],
  ])('stay for five minutes where the endpoint %s', async (_, nothing) => {
    const { world, warn, capacity, observeAfter } = follower();
    await observeAfter(0);
    world.replicas = [2, nothing];
    expect(await observeAfter(300)).toBe(11);
    expect(warn).toHaveBeenCalledTimes(nothing === null ? 0 : 1);
    expect(await observeAfter(10)).toBe(40);
    expect([capacity.isKnown, capacity.awaitedReplicas]).toEqual([false, undefined]);
    world.replicas = [0, 0];
    expect(await observeAfter(10)).toBe(1);
  });

  test('say nothing of a look that the end of the invocation ends', async () => {
    const { world, warn, capacity } = follower();
    world.replicas = [new Error('aborted'), 1];
    await capacity.observe(place, AbortSignal.abort());
    expect([warn.mock.calls, capacity.limit]).toEqual([[], 40]);
  });

  test('are halved by a busy endpoint, and grow again where it answers', async () => {
    const { capacity, observeAfter, answer } = follower();
    await observeAfter(0);
    capacity.refused();
    for (let count = 0; count < 18; count++) answer('', 1);
    expect(await observeAfter(10)).toBe(5);
    // One in twenty is no busy endpoint.
    capacity.refused();
    for (let count = 0; count < 19; count++) answer('', 1);
    expect(await observeAfter(10)).toBe(7);
    expect(await observeAfter(10)).toBe(9);
    expect(await observeAfter(10)).toBe(11);
  });

  test('are more where a part of them is on its way, as the times in short responses tell', async () => {
    const { observeAfter, answer } = follower();
    answer({ service_seconds: 1, text: 'x'.repeat(16 * 1024) }, 4);
    answer({ text: 'no time' }, 4);
    expect(await observeAfter(0)).toBe(11);
    answer({ service_seconds: 1, queue_seconds: 1 }, 4);
    expect(await observeAfter(10)).toBe(22);
    for (let count = 0; count < 999; count++) answer({ service_seconds: 2 }, 2);
    expect(await observeAfter(10)).toBe(11);
  });

  test('read a response of 16 KiB', async () => {
    const { observeAfter, answer } = follower();
    const body = (length: number): string => `{"service_seconds":1,"text":"${'x'.repeat(length)}"}`;
    answer(body(16 * 1024 - body(0).length), 2);
    expect(await observeAfter(0)).toBe(22);
  });
});
