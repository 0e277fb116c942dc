import { describeWith } from '../../support/needs';
import { eventually } from '../engine/support/local-aws';
import { KafkaAccount, type Invocation } from './kafka-account';
import { MISSING_KAFKA } from './local-kafka';

/** Records of the long run. */
const RECORDS = Number(process.env.KAFKA_RECORDS ?? 100_000);
/** Records that are sent at once: few enough that records follow each of the changes, which come between two of them. */
const SENT_AT_ONCE = Math.min(1_000, Math.ceil(RECORDS / 20));

describeWith(MISSING_KAFKA, 'Kafka event source mappings on a real broker', () => {
  let account: KafkaAccount;

  beforeAll(async () => {
    account = await KafkaAccount.start();
  }, 400_000);
  afterAll(() => account?.stop());
  beforeEach(() => {
    account.invocations.length = 0;
    account.onInvocation = () => undefined;
  });

  const send = async (topic: string, messages: { key: string; value: string; partition?: number }[]): Promise<void> => {
    const producer = (await account.kafka()).producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const timestamp = String(Math.floor(account.clock.now() * 1000));
    await producer.send({ topic, messages: messages.map((message) => ({ ...message, timestamp })) });
    await producer.disconnect();
  };

  const drained = (topic: string): Promise<unknown> =>
    eventually(
      () => account.emulator.kafkaBacklog(topic),
      (backlog) => backlog !== undefined && backlog.put > 0 && backlog.queued === 0,
      120_000,
    );

  const values = (invocations: readonly Invocation[]): string[] =>
    invocations.flatMap(({ records }) => records.map(({ value }) => value));

  test('deliver each partition in order, from the lowest offset that the function reports on, in batches of the size that is set', async () => {
    await account.deploy('ordered', { partitions: 2, mapping: { BatchSize: 20 } });
    const messages = Array.from({ length: 120 }, (_, i) => ({
      key: `user-${i % 7}`,
      value: `${i % 25 === 3 ? 'flaky ' : ''}${i}`,
      partition: (i % 7) % 2,
    }));
    await send('ordered-topic', messages);
    await drained('ordered-topic');

    expect(values(account.invocations).sort()).toEqual(messages.map(({ value }) => value).sort());
    for (const partition of ['ordered-topic-0', 'ordered-topic-1']) {
      const own = account.invocations.filter((invocation) => invocation.partition === partition);
      const offsets = own.flatMap(({ records }) => records.map(({ offset }) => offset));
      expect(offsets).toEqual(offsets.map((_, place) => place));
      for (const { records } of own) expect(records.length).toBeLessThanOrEqual(20);
    }
    expect((await account.failures('ordered')).notices).toEqual([]);
  });

  test('begin a new group at the first record of a time, in each partition, and go on from its offsets after that', async () => {
    const now = Math.floor(account.clock.now());
    const mapping = {
      Enabled: false,
      StartingPosition: 'AT_TIMESTAMP',
      StartingPositionTimestamp: now - 1800,
    };
    await account.deploy('timed', { partitions: 3, mapping });
    const producer = (await account.kafka()).producer();
    await producer.connect();
    // The third partition has nothing that is as young.
    const ages = [
      [0, 7200],
      [0, 1800],
      [0, 60],
      [1, 3600],
      [1, 1799],
      [2, 5400],
    ];
    const put = (partition: number, age: number) => ({
      partition,
      key: `p${partition}`,
      value: `${partition}-${age}`,
      timestamp: String((now - age) * 1000),
    });
    for (const [partition, age] of ages)
      await producer.send({ topic: 'timed-topic', messages: [put(partition!, age!)] });
    await account.deploy('timed', { partitions: 3, mapping: { ...mapping, Enabled: true } }, 'update');
    await drained('timed-topic');
    expect(values(account.invocations).sort()).toEqual(['0-1800', '0-60', '1-1799']);

    // Offsets of the group count from here on, and not the time: older records that come later are delivered.
    await account.restartServices();
    await producer.send({ topic: 'timed-topic', messages: [put(2, 9000), put(0, 8000)] });
    await producer.disconnect();
    await eventually(
      () => Promise.resolve(account.invocations.flatMap(({ records }) => records).length),
      (count) => count >= 5,
      120_000,
    );
    await drained('timed-topic');
    expect(values(account.invocations).sort()).toEqual(['0-1800', '0-60', '0-8000', '1-1799', '2-9000']);
  }, 300_000);

  test('isolate a poison record by halves, keep its payload, and deliver its neighbours', async () => {
    const mapping = { BatchSize: 20, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 1 };
    await account.deploy('poisoned', { partitions: 1, mapping });
    await send(
      'poisoned-topic',
      Array.from({ length: 20 }, (_, i) => ({ key: 'k', value: i === 7 ? 'poison' : String(i) })),
    );
    await drained('poisoned-topic');

    const neighbours = Array.from({ length: 20 }, (_, i) => String(i)).filter((value) => value !== '7');
    expect(values(account.invocations)).toEqual(neighbours);
    const { notices, records } = await account.failures('poisoned');
    expect(notices).toHaveLength(1);
    expect(notices[0]!.requestContext.condition).toBe('RetryAttemptsExhausted');
    expect(notices[0]!.KafkaBatchInfo).toMatchObject({
      batchSize: 1,
      recordsInfo: { 'poisoned-topic-0': { firstRecordOffset: '7', lastRecordOffset: '7' } },
    });
    expect(records.map(({ offset, value }) => [offset, Buffer.from(value, 'base64').toString()])).toEqual([
      [7, 'poison'],
    ]);
  });

  test('send what is older than the maximum age of records to the destination without another invocation', async () => {
    await account.deploy('aged', { partitions: 1, mapping: { MaximumRecordAgeInSeconds: 60 } });
    const producer = (await account.kafka()).producer();
    await producer.connect();
    const now = Math.floor(account.clock.now() * 1000);
    await producer.send({
      topic: 'aged-topic',
      messages: [
        { key: 'k', value: 'old', timestamp: String(now - 120_000) },
        { key: 'k', value: 'new', timestamp: String(now + 3_600_000) },
      ],
    });
    await producer.disconnect();
    await drained('aged-topic');

    expect(values(account.invocations)).toEqual(['new']);
    const { notices } = await account.failures('aged');
    expect(notices.map(({ requestContext }) => requestContext.condition)).toEqual(['RecordAgeExceeded']);
  });

  test(`lose no record, and keep the order of keys, while the function is killed, the broker is killed, the consumer is replaced and partitions are added`, async () => {
    const stack = (partitions: number) => ({
      partitions,
      mapping: { BatchSize: 1_000, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 2 },
    });
    await account.deploy('long', stack(4));
    let answered = 0;
    let doomed = true;
    account.onInvocation = ({ pid, records }) => {
      if (doomed && answered > RECORDS * 0.2) {
        doomed = false;
        process.kill(pid, 'SIGKILL');
        // Time for the kernel to close the connection of the handler, so that nothing of it counts.
        return new Promise((resolve) => setTimeout(resolve, 500));
      }
      answered += records.length;
      return undefined;
    };

    const connect = async () => {
      const connected = (await account.kafka()).producer({ idempotent: true, maxInFlightRequests: 1 });
      await connected.connect();
      return connected;
    };
    let producer = await connect();
    const poison = new Set([0.1, 0.37, 0.73].map((share) => Math.floor(RECORDS * share)));
    const steps = [
      { at: 0.4, run: () => account.restartBroker() },
      { at: 0.6, run: () => account.deploy('long', stack(6), 'update') },
      { at: 0.8, run: () => account.restartServices() },
    ];
    let acting: Promise<void> = Promise.resolve();
    let partitions = 4;
    const counts = new Map<string, number>();
    for (let sent = 0; sent < RECORDS;) {
      const messages = Array.from({ length: Math.min(SENT_AT_ONCE, RECORDS - sent) }, (_, i) => {
        const index = sent + i;
        // Keys that came with the new partitions are in these; no key ever changes its partition.
        const partition = index % partitions;
        const key = `key-${partition}-${index % 97}`;
        const number = counts.get(key) ?? 0;
        counts.set(key, number + 1);
        return { key, value: poison.has(index) ? 'poison' : String(number), partition };
      });
      await producer.send({ topic: 'long-topic', messages });
      sent += messages.length;
      const step = steps[0];
      if (step !== undefined && sent >= RECORDS * step.at) {
        steps.shift();
        await acting;
        acting = step.run();
        if (step.at !== 0.6) continue;
        await acting;
        partitions = 6;
        // kafkajs drops records of partitions that it has not heard of.
        await producer.disconnect();
        producer = await connect();
      }
    }
    await acting;
    await producer.disconnect();
    await drained('long-topic');
    expect(await account.emulator.kafkaBacklog('long-topic')).toEqual({ put: RECORDS, queued: 0 });

    const { records: dead } = await account.failures('long');
    expect(dead.map(({ value }) => Buffer.from(value, 'base64').toString())).toEqual(['poison', 'poison', 'poison']);
    const places = new Set<string>();
    const last = new Map<string, number>();
    const disordered: string[] = [];
    let delivered = 0;
    for (const { partition, records } of account.invocations) {
      for (const { offset, key, value } of records) {
        delivered += 1;
        if (places.has(`${partition}:${offset}`)) continue;
        places.add(`${partition}:${offset}`);
        if (Number(value) <= (last.get(key) ?? -1)) disordered.push(`${key}: ${value} after ${last.get(key)}`);
        last.set(key, Number(value));
      }
    }
    expect(doomed).toBe(false);
    expect(places.size + dead.length).toBe(RECORDS);
    expect(disordered).toEqual([]);
    // Batches that were in flight when the consumer was replaced come again, and no others.
    expect(delivered - places.size).toBeLessThanOrEqual(6 * 1_000);
    expect(
      [...new Set(account.invocations.map(({ partition }) => partition))].filter((one) => one.startsWith('long')),
    ).toHaveLength(6);
  }, 300_000);

  test('invoke nothing for a role that may not read the topic, and name the denied action', async () => {
    await account.engine.enforceIam();
    const statements = [{ Effect: 'Allow', Action: ['kafka:*', 'ec2:*', 'kafka-cluster:Connect'], Resource: '*' }];
    await account.deploy('denied', { partitions: 1, mapping: {}, statements });
    await send('denied-topic', [{ key: 'k', value: 'v' }]);
    const denied = await eventually(
      () => account.engine.deniedCalls(),
      (calls) => calls.some(({ action }) => action === 'kafka-cluster:ReadData'),
    );
    expect(denied.find(({ action }) => action === 'kafka-cluster:ReadData')!.resource).toMatch(
      /^arn:aws:kafka:us-east-1:123456789012:topic\/denied-cluster\/[^/]+\/denied-topic$/,
    );
    expect(account.invocations).toEqual([]);
    await account.deploy('denied', { partitions: 1, mapping: {} }, 'update');
    await drained('denied-topic');
    expect(values(account.invocations)).toEqual(['v']);
  });

  test('write what fails to a topic of the cluster once the role may, record by record, and count it', async () => {
    const mapping = {
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: 'kafka://lettered-failed' } },
      MetricsConfig: { Metrics: ['EventCount'] },
    };
    const admin = (await account.kafka()).admin();
    await admin.createTopics({ topics: [{ topic: 'lettered-failed', numPartitions: 1 }] });
    const statements = [
      { Effect: 'Allow', Action: ['kafka:*', 'kafka-cluster:*', 'ec2:*', 'logs:*'], Resource: '*' },
      { Effect: 'Deny', Action: 'kafka-cluster:WriteData', Resource: '*' },
    ];
    await account.deploy('lettered', { partitions: 1, mapping, statements });
    await send('lettered-topic', [
      { key: 'a', value: 'poison' },
      { key: 'b', value: 'neighbour' },
    ]);
    const denials = async () => (await account.engine.deniedCalls()).map(({ action }) => action);
    await eventually(denials, (actions) => actions.includes('kafka-cluster:WriteData'));
    // The partition waits for the destination, as it does for the function.
    expect(await account.emulator.kafkaBacklog('lettered-topic')).toEqual({ put: 2, queued: 2 });

    await account.deploy('lettered', { partitions: 1, mapping }, 'update');
    await drained('lettered-topic');
    const messages: { key: string; content: FailureMessage }[] = [];
    const consumer = (await account.kafka()).consumer({ groupId: 'reader' });
    await consumer.connect();
    await consumer.subscribe({ topics: ['lettered-failed'], fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message: { key, value } }) => {
        messages.push({ key: key!.toString(), content: JSON.parse(value!.toString()) as FailureMessage });
        return Promise.resolve();
      },
    });
    await eventually(
      () => Promise.resolve(messages.length),
      (count) => count >= 2,
      60_000,
    );
    await consumer.disconnect();
    await admin.disconnect();
    expect(messages.map(({ key }) => key)).toEqual(['a', 'b']);
    for (const [offset, value] of ['poison', 'neighbour'].entries()) {
      const { content } = messages[offset]!;
      expect(content.requestContext.condition).toBe('RetryAttemptsExhausted');
      expect(content.payload.records['lettered-topic-0']).toMatchObject([
        { offset, value: Buffer.from(value).toString('base64') },
      ]);
    }
    expect(
      await eventually(
        () => account.failuresCounted(),
        (count) => count >= 2,
        60_000,
      ),
    ).toBe(2);
  }, 300_000);

  test('are not made with a topic of the source as destination', async () => {
    const DestinationConfig = { OnFailure: { Destination: 'kafka://looped-topic' } };
    await expect(account.deploy('looped', { partitions: 1, mapping: { DestinationConfig } })).rejects.toThrow(
      'the on-failure destination kafka://looped-topic is a topic of the event source',
    );
  });
});

/** Message of Lambda in a topic of failures. */
interface FailureMessage {
  readonly requestContext: { readonly condition: string };
  readonly payload: { readonly records: { readonly [partition: string]: readonly object[] } };
}
