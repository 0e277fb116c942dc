import type { Kafka } from 'kafkajs';
import { createRequestTopic, type KafkaMessage, type RequestTopic } from '../../../lambda/clients/request-topic';
import { RetryableError } from '../../../lib/core/errors';

const TOPIC = 'requests';
const NOW = 1_700_000_000.5;

interface Stored {
  readonly offset: string;
  readonly timestamp: string;
  readonly headers?: { readonly [name: string]: Buffer };
}

/** Cluster in memory, of which each call is noted. */
class Cluster {
  public readonly calls: string[] = [];
  public readonly sent: unknown[] = [];
  public readonly clients: unknown[] = [];
  public partitions: { readonly [partition: number]: readonly Stored[] } = {};
  public send: () => unknown = () => [{ partition: 2, baseOffset: '41' }];
  public connectFails = false;
  /** Batches that a consumer is given, beside those of the partitions: silence is none at all. */
  public silent = false;
  public crash: Error | undefined;
  public runFails: Error | undefined;
  public names: readonly string[] = [TOPIC];
  /** Number of records in a batch. */
  public batchSize = 2;

  public readonly topic: RequestTopic = createRequestTopic({
    topicName: TOPIC,
    groupPrefix: 'chat-redrive-',
    connect: () => {
      this.calls.push('cluster');
      return Promise.resolve(this.kafka as unknown as Kafka);
    },
    clock: { now: () => NOW },
  });

  private readonly kafka = {
    producer: (options: unknown) => {
      this.clients.push(options);
      return {
        connect: () => {
          this.calls.push('connect');
          return this.connectFails ? Promise.reject(new Error('no broker')) : Promise.resolve();
        },
        send: (message: unknown) => {
          this.sent.push(message);
          // Errors of a client come as rejections.
          return Promise.resolve().then(this.send);
        },
        disconnect: () => Promise.resolve(void this.calls.push('disconnect')),
      };
    },
    admin: () => ({
      connect: () => Promise.resolve(void this.calls.push('admin')),
      disconnect: () => Promise.resolve(void this.calls.push('admin gone')),
      fetchTopicMetadata: ({ topics }: { topics: string[] }) => {
        this.calls.push(`metadata of ${topics.join()}`);
        const partitions = Object.keys(this.partitions).map(Number);
        return Promise.resolve({ topics: this.names.map((name) => ({ name, partitions })) });
      },
      fetchTopicOffsetsByTimestamp: (_: string, timestamp: number) => {
        this.calls.push(`offsets from ${timestamp}`);
        return Promise.resolve(
          Object.entries(this.partitions).map(([partition, stored]) => ({
            partition: Number(partition),
            // The broker tells -1 where no record is as young.
            offset: stored.find((one) => Number(one.timestamp) >= timestamp)?.offset ?? '-1',
          })),
        );
      },
      fetchTopicOffsets: () =>
        Promise.resolve(
          Object.entries(this.partitions).map(([partition, stored]) => ({
            partition: Number(partition),
            high: String(Number(stored.at(-1)?.offset ?? '-1') + 1),
          })),
        ),
    }),
    consumer: (options: { readonly groupId: string }) => {
      this.clients.push(options);
      const positions = new Map<number, number>();
      const paused = new Set<number>();
      let crashed: (event: { payload: { error: Error } }) => void = () => undefined;
      return {
        events: { CRASH: 'crash' },
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(void this.calls.push('consumer gone')),
        subscribe: (subscription: object) => Promise.resolve(void this.clients.push(subscription)),
        on: (_: string, listener: typeof crashed) => void (crashed = listener),
        pause: (which: { partitions: number[] }[]) =>
          which.forEach((one) => one.partitions.forEach((p) => paused.add(p))),
        seek: ({ partition, offset }: { partition: number; offset: string }) => {
          this.calls.push(`seek ${partition} ${offset}`);
          positions.set(partition, Number(offset));
        },
        run: async ({
          eachBatch,
        }: {
          eachBatch: (given: {
            batch: { partition: number; messages: Stored[]; lastOffset(): string };
          }) => Promise<void>;
        }) => {
          await new Promise((resolve) => setImmediate(resolve));
          if (this.runFails !== undefined) throw this.runFails;
          if (this.crash !== undefined) crashed({ payload: { error: this.crash } });
          if (this.silent) return;
          for (const [name, stored] of Object.entries(this.partitions)) {
            const partition = Number(name);
            const rest = stored.filter(({ offset }) => Number(offset) >= (positions.get(partition) ?? 0));
            while (rest.length > 0 && !paused.has(partition)) {
              const messages = rest.splice(0, this.batchSize);
              await eachBatch({ batch: { partition, messages, lastOffset: () => messages.at(-1)!.offset } });
            }
          }
        },
      };
    },
  };
}

const message: KafkaMessage = {
  partition: 2,
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: { trace: [Buffer.from('t')] },
};

/** Records at seconds, from an offset on. */
const at = (first: number, ...seconds: readonly number[]): Stored[] =>
  seconds.map((second, index) => ({
    offset: String(first + index),
    timestamp: String(second * 1000),
    headers: { at: Buffer.from(String(second)) },
  }));

describe('a message for a topic', () => {
  test('goes to its partition, in one attempt that all replicas acknowledge, and is told its place', async () => {
    const { topic, sent, clients, calls } = new Cluster();
    expect(await topic.put(message)).toEqual({ kind: 'stored', shardId: 'requests-2', sequenceNumber: '41' });
    expect(sent).toEqual([{ topic: TOPIC, acks: -1, messages: [{ ...message, timestamp: '1700000000500' }] }]);
    expect(clients).toEqual([{ allowAutoTopicCreation: false, retry: { retries: 0 } }]);
    await topic.put(message);
    expect(calls).toEqual(['cluster', 'connect']);
  });

  test('without a partition goes where its key leads', async () => {
    const { topic, sent } = new Cluster();
    await topic.put({ key: null, value: null, headers: {} });
    const [{ messages }] = sent as [{ messages: object[] }];
    expect(messages[0]).toEqual({ key: null, value: null, headers: {}, timestamp: '1700000000500' });
    expect(messages[0]).not.toHaveProperty('partition');
  });

  test.each(
    [
      'UNKNOWN_TOPIC_OR_PARTITION',
      'LEADER_NOT_AVAILABLE',
      'NOT_LEADER_FOR_PARTITION',
      'NOT_LEADER_OR_FOLLOWER',
      'NOT_ENOUGH_REPLICAS',
      'KAFKA_STORAGE_ERROR',
    ].map((type) => [type] as const),
  )('may be sent again after %s', async (type) => {
    const cluster = new Cluster();
    cluster.send = () => {
      // As kafkajs passes on an error that it would have repeated.
      throw new Error('retries', { cause: Object.assign(new Error('not now'), { type }) });
    };
    expect(await cluster.topic.put(message)).toEqual({ kind: 'throttled' });
  });

  test.each([['MESSAGE_TOO_LARGE'], ['RECORD_LIST_TOO_LARGE']])('is too large after %s', async (type) => {
    const cluster = new Cluster();
    cluster.send = () => {
      throw Object.assign(new Error('of 2 MiB'), { type });
    };
    expect(await cluster.topic.put(message)).toEqual({ kind: 'too-large', detail: 'of 2 MiB' });
  });

  test.each([['TOPIC_AUTHORIZATION_FAILED'], ['CLUSTER_AUTHORIZATION_FAILED'], ['SASL_AUTHENTICATION_FAILED']])(
    'is refused, as every other is, after %s',
    async (type) => {
      const cluster = new Cluster();
      cluster.send = () => {
        throw Object.assign(new Error('no'), { type });
      };
      await expect(cluster.topic.put(message)).rejects.toMatchObject({ type });
    },
  );

  test('may be in the topic after another error, and where the broker tells no offset', async () => {
    const cluster = new Cluster();
    const error = Object.assign(new Error('connection closed'), { type: 'REQUEST_TIMED_OUT' });
    cluster.send = () => {
      throw error;
    };
    expect(await cluster.topic.put(message)).toEqual({ kind: 'unknown', error });
    for (const reply of [[], [{ partition: 2 }]]) {
      cluster.send = () => reply;
      expect(await cluster.topic.put(message)).toEqual({
        kind: 'unknown',
        error: new Error('the broker told no offset'),
      });
    }
  });

  test('that finds no broker was not sent, and the next one connects anew', async () => {
    const cluster = new Cluster();
    cluster.connectFails = true;
    await expect(cluster.topic.put(message)).rejects.toThrow('no broker');
    expect(cluster.sent).toEqual([]);
    cluster.connectFails = false;
    expect(await cluster.topic.put(message)).toMatchObject({ kind: 'stored' });
    expect(cluster.calls).toEqual(['cluster', 'connect', 'cluster', 'connect']);
  });
});

describe('a topic', () => {
  test('tells the number of its partitions', async () => {
    const cluster = new Cluster();
    cluster.partitions = { 0: [], 1: [], 2: [] };
    cluster.names = ['others', TOPIC];
    expect(await cluster.topic.partitions()).toBe(3);
    expect(cluster.calls).toEqual(['cluster', 'admin', 'metadata of requests', 'admin gone']);
  });

  test('that is not there is named, and the connection ends', async () => {
    const cluster = new Cluster();
    await expect(cluster.topic.partitions()).rejects.toThrow("the cluster has no topic 'requests'");
    cluster.names = ['others'];
    cluster.partitions = { 0: [] };
    await expect(cluster.topic.partitions()).rejects.toThrow("the cluster has no topic 'requests'");
    expect(cluster.calls.at(-1)).toBe('admin gone');
  });

  test('ends its connections, and connects anew afterwards', async () => {
    const { topic, calls } = new Cluster();
    await topic.close();
    expect(calls).toEqual([]);
    await topic.put(message);
    await topic.close();
    await topic.put(message);
    expect(calls).toEqual(['cluster', 'connect', 'disconnect', 'cluster', 'connect']);
  });
});

describe('arrivals in a topic', () => {
  test('are the records of the partitions between two times, read from the first of them', async () => {
    const cluster = new Cluster();
    cluster.partitions = { 0: at(10, 50, 100, 150, 200, 250, 300), 1: at(0, 120), 2: at(5, 90, 140) };
    const found = await cluster.topic.arrivals([0, 2], 100, 200);
    expect(found).toEqual(
      [
        [0, '11', 100],
        [0, '12', 150],
        [0, '13', 200],
        [2, '6', 140],
      ].map(([partition, offset, second]) => ({ partition, offset, headers: { at: Buffer.from(String(second)) } })),
    );
    expect(cluster.calls).toContain('offsets from 100000');
    expect(cluster.calls.filter((call) => call.startsWith('seek'))).toEqual(['seek 0 11', 'seek 2 6']);
    expect(cluster.calls.at(-1)).toBe('consumer gone');
    expect(cluster.clients).toEqual([
      {
        groupId: expect.stringMatching(/^chat-redrive-[0-9a-f-]{36}$/),
        allowAutoTopicCreation: false,
        maxBytesPerPartition: 10 * 1024 * 1024,
        retry: { retries: 5 },
      },
      { topics: [TOPIC], fromBeginning: true },
    ]);
  });

  test('may have no headers, and end with the last record', async () => {
    const cluster = new Cluster();
    cluster.partitions = { 0: [{ offset: '0', timestamp: '100000' }] };
    expect(await cluster.topic.arrivals([0], 100, 200)).toEqual([{ partition: 0, offset: '0', headers: {} }]);
  });

  test('are none without a record that is as young, and without a consumer', async () => {
    const cluster = new Cluster();
    cluster.partitions = { 0: at(0, 50), 1: at(0, 150), 2: [] };
    expect(await cluster.topic.arrivals([0, 2], 100, 200)).toEqual([]);
    expect(cluster.clients).toEqual([]);
  });

  test('fail with the error of a consumer that crashes or cannot run, whose connection ends', async () => {
    for (const fault of ['crash', 'runFails'] as const) {
      const cluster = new Cluster();
      cluster.partitions = { 0: at(0, 150) };
      cluster.silent = true;
      cluster[fault] = new Error(`it has a ${fault}`);
      await expect(cluster.topic.arrivals([0], 100, 200)).rejects.toThrow(`it has a ${fault}`);
      expect(cluster.calls.at(-1)).toBe('consumer gone');
    }
  });

  test('fail after thirty seconds of silence, and may be looked for again', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
    try {
      const cluster = new Cluster();
      cluster.partitions = { 0: at(0, 150) };
      cluster.silent = true;
      const found = cluster.topic.arrivals([0], 100, 200);
      const message = expect(found).rejects.toThrow(new RetryableError('no record of requests could be read'));
      await jest.advanceTimersByTimeAsync(30_000);
      await message;
      expect(cluster.calls.at(-1)).toBe('consumer gone');
    } finally {
      jest.useRealTimers();
    }
  });
});
