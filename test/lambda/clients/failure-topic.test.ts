import fc from 'fast-check';
import type { Kafka } from 'kafkajs';
import { createFailureTopic, type FailedBatches } from '../../../lambda/clients/failure-topic';
import { InputError } from '../../../lib/core/errors';

const TOPIC = 'failed';
const AT = Date.UTC(2026, 11, 1, 12);

interface Stored {
  readonly offset: string;
  readonly timestamp: string;
  readonly value: Buffer | null;
}

/** Message of Lambda for one record of a partition of the requests. */
const message = (source: string, name: string): string =>
  JSON.stringify({
    requestContext: { functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:consumer' },
    timestamp: '2026-12-01T12:00:00.000Z',
    KafkaBatchInfo: { batchSize: 1 },
    payload: { records: { [source]: [{ value: name }] } },
  });

/** Topic in memory, whose consumers are counted. */
class Cluster {
  public consumers = 0;
  public readonly partitions = new Map<number, Stored[]>();
  public readonly kafka = {
    admin: () => ({
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      fetchTopicOffsets: () =>
        Promise.resolve(
          [...this.partitions].map(([partition, stored]) => ({
            partition,
            low: stored[0]?.offset ?? '0',
            high: String(Number(stored.at(-1)?.offset ?? '-1') + 1),
          })),
        ),
    }),
    consumer: () => {
      this.consumers += 1;
      const positions = new Map<number, number>();
      const paused = new Set<number>();
      return {
        events: { CRASH: 'crash' },
        on: () => undefined,
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(),
        subscribe: () => Promise.resolve(),
        pause: ([{ partitions }]: [{ partitions: number[] }]) => partitions.forEach((one) => paused.add(one)),
        seek: ({ partition, offset }: { partition: number; offset: string }) =>
          void positions.set(partition, Number(offset)),
        run: async ({ eachBatch }: { eachBatch: (given: object) => Promise<void> }) => {
          await new Promise((resolve) => setImmediate(resolve));
          for (const [partition, stored] of this.partitions) {
            const rest = stored.filter(({ offset }) => Number(offset) >= (positions.get(partition) ?? 0));
            while (rest.length > 0 && !paused.has(partition)) {
              const messages = rest.splice(0, 3);
              await eachBatch({ batch: { partition, messages, lastOffset: () => messages.at(-1)!.offset } });
            }
          }
        },
      };
    },
  };

  public put(partition: number, text: string | null, timestamp = AT): void {
    const stored = this.partitions.get(partition) ?? [];
    this.partitions.set(partition, stored);
    const value = text === null ? null : Buffer.from(text);
    stored.push({ offset: String(7 + stored.length), timestamp: String(timestamp), value });
  }

  public read(heldBytes?: number): FailedBatches {
    return createFailureTopic({
      topicName: TOPIC,
      requestTopicName: 'requests',
      groupPrefix: 'chat-redrive-',
      connect: () => Promise.resolve(this.kafka as unknown as Kafka),
      ...(heldBytes !== undefined && { heldBytes }),
    });
  }
}

describe('failed batches in a topic', () => {
  test('have keys by the partition of the record, in the order of their failure', async () => {
    const cluster = new Cluster();
    cluster.put(1, message('requests-3', 'second'), AT + 5_000);
    cluster.put(0, message('requests-3', 'first'), AT);
    cluster.put(0, message('requests-0', 'other'), AT);
    const store = cluster.read();
    const keys = await store.keysAfter('aws/lambda/failed/requests-3/', '');
    expect(keys).toEqual([
      'aws/lambda/failed/requests-3/2026-12-01T12.00.00-000000-00000000000000000007',
      'aws/lambda/failed/requests-3/2026-12-01T12.00.05-000001-00000000000000000007',
    ]);
    expect(await store.keysAfter('aws/lambda/', keys[0]!)).toEqual([keys[1]]);
    expect(await store.get(keys[0]!)).toBe(message('requests-3', 'first'));
    expect(await store.get('aws/lambda/failed/requests-3/none')).toBeUndefined();
    // Read once for all.
    expect(cluster.consumers).toBe(1);
  });

  test('that Lambda did not write are named once, with the first partition', async () => {
    const cluster = new Cluster();
    cluster.put(0, 'hello');
    cluster.put(0, null);
    const store = cluster.read();
    const keys = await store.keysAfter('aws/lambda/', '');
    expect(keys.map((key) => key.split('/')[3])).toEqual(['requests-0', 'requests-0']);
    expect(await Promise.all(keys.map((key) => store.get(key)))).toEqual(['hello', '']);
  });

  test('are none in an empty topic, which no consumer reads', async () => {
    const cluster = new Cluster();
    cluster.partitions.set(0, []);
    expect(await cluster.read().keysAfter('aws/lambda/', '')).toEqual([]);
    expect(cluster.consumers).toBe(0);
  });

  test('are looked for anew after the cluster could not be reached', async () => {
    let isThere = false;
    const cluster = new Cluster();
    cluster.put(0, message('requests-0', 'one'));
    const store = createFailureTopic({
      topicName: TOPIC,
      requestTopicName: 'requests',
      groupPrefix: 'chat-redrive-',
      connect: () =>
        isThere ? Promise.resolve(cluster.kafka as unknown as Kafka) : Promise.reject(new InputError('no broker')),
    });
    await expect(store.keysAfter('aws/lambda/', '')).rejects.toThrow('no broker');
    isThere = true;
    expect(await store.keysAfter('aws/lambda/', '')).toHaveLength(1);
  });

  test('have all their texts, however few are held between two reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            partition: fc.nat(2),
            source: fc.nat(2),
            second: fc.nat(3),
            size: fc.nat(200),
          }),
          { maxLength: 25 },
        ),
        fc.integer({ min: 1, max: 2_000 }),
        async (messages, heldBytes) => {
          const cluster = new Cluster();
          const texts = messages.map(({ source, size }, index) =>
            message(`requests-${source}`, `${index}-${'x'.repeat(size)}`),
          );
          for (const [index, { partition, second }] of messages.entries())
            cluster.put(partition, texts[index]!, AT + second * 1000);
          const store = cluster.read(heldBytes);
          const found: (string | undefined)[] = [];
          for (const key of await store.keysAfter('aws/lambda/', '')) found.push(await store.get(key));
          expect([...found].sort()).toEqual([...texts].sort());
        },
      ),
      { numRuns: 60 },
    );
  });
});
