import type { KafkaMessage, RequestTopic, TopicArrival } from '../../../lambda/clients/request-topic';
import type { PutOutcome } from '../../../lambda/clients/request-stream';
import { topicTarget } from '../../../lambda/kafka-redrive/topic-target';
import { createRedriver } from '../../../lambda/redrive/handler';
import type { RedriveTarget } from '../../../lambda/redrive/target';
import { createLogger } from '../../../lambda/support/logger';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  formatResultLine,
  type KafkaEventRecord,
  kafkaPosition,
  resultObjectKey,
} from '../../../lib/ingestion/contract';
import { parseRedriveMarker, REDRIVE_TAG } from '../../../lib/ingestion/decide/redrive';
import { MemoryStore } from '../stream-consumer/memory-store';

const GROUP = 'chat';
const TOPIC = 'requests';
const CONSUMER = 'Chat-Consumer-1';
const AT = 1_700_000_000_000;

class Bucket extends MemoryStore {
  public override keysAfter(prefix: string, after: string): Promise<readonly string[]> {
    return Promise.resolve(
      this.keysBelow(prefix)
        .filter((key) => key > after)
        .slice(0, 1000),
    );
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Record of the topic as Lambda delivers it. */
const recordOf = (partition: number, offset: number, key: string | null, over = {}): KafkaEventRecord => ({
  topic: TOPIC,
  partition,
  offset,
  timestamp: AT + offset,
  timestampType: 'CREATE_TIME',
  key: key === null ? null : base64(key),
  value: base64(`${key ?? 'none'}-${partition}-${offset}`),
  headers: [{ trace: [1, -1] }],
  ...over,
});

const markerKey = (partition: number, offset: number, generation = 0): string =>
  `redriven/${GROUP}/${TOPIC}-${partition}/${kafkaPosition({ offset, timestamp: AT + offset })}.${generation}.json`;

/** Redrive function with a bucket and a topic in memory; time passes only in its sleeps. */
function rehearsal(given: Pick<RedriveTarget, 'failures'> = {}) {
  const store = new Bucket();
  const sent: KafkaMessage[] = [];
  const state = { now: AT / 1000 + 100, looks: [] as (readonly number[])[] };
  /** Records of other producers, which have no name of a redrive. */
  const others: TopicArrival[] = [];
  const faults = { put: (_message: KafkaMessage): PutOutcome['kind'] | 'stored-silently' | Error => 'stored' };
  const topic: RequestTopic = {
    topicName: TOPIC,
    partitions: () => Promise.resolve(13),
    put(message) {
      const kind = faults.put(message);
      if (kind instanceof Error) return Promise.reject(kind);
      if (kind === 'stored' || kind === 'stored-silently') sent.push(message);
      const offset = String(1000 + sent.length);
      if (kind === 'stored')
        return Promise.resolve({ kind, shardId: `${TOPIC}-${message.partition}`, sequenceNumber: offset });
      if (kind === 'throttled') return Promise.resolve({ kind });
      if (kind === 'too-large') return Promise.resolve({ kind, detail: 'MESSAGE_TOO_LARGE' });
      return Promise.resolve({ kind: 'unknown', error: new Error('silence') });
    },
    arrivals(partitions) {
      state.looks.push(partitions);
      return Promise.resolve(
        [
          ...others,
          ...sent.map(({ partition = 0, headers }, index) => ({
            partition,
            offset: String(1001 + index),
            headers: Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]])),
          })),
        ].filter(({ partition }) => partitions.includes(partition)),
      );
    },
    close: () => Promise.resolve(),
  };
  const environment = () =>
    createRedriver({
      target: topicTarget({ topic, consumerGroupId: GROUP, consumerName: CONSUMER, ...given }),
      store,
      clock: { now: () => state.now },
      sleep: (milliseconds) => {
        state.now += Math.max(0, milliseconds) / 1000;
        return Promise.resolve();
      },
      random: () => 0.5,
      logger: createLogger(() => undefined),
      retentionSeconds: 7 * 86_400,
    });
  return {
    store,
    sent,
    others,
    state,
    faults,
    redrive: (event: object = {}) => environment()(event, { getRemainingTimeInMillis: () => 300_000 }),
    /** Writes a dead letter as the consumer does. */
    letter(record: KafkaEventRecord, kafkaRecord: KafkaEventRecord | undefined = record): string {
      const { partition, key, value } = record;
      const source = deadLetterObjectKey(GROUP, `${record.topic}-${partition}`, kafkaPosition(record));
      const text = formatDeadLetter({
        sequenceNumber: String(record.offset),
        partitionKey: key === null || key === undefined ? '' : Buffer.from(key, 'base64').toString(),
        payloadBase64: value ?? '',
        error: 'the model returned 500',
        at: state.now,
        ...(kafkaRecord !== undefined && { kafkaRecord }),
      });
      store.objects.set(source, text);
      return source;
    },
    /** Writes a failed batch as Lambda does. */
    batch(
      records: readonly KafkaEventRecord[],
      {
        folder = `${records[0]!.topic}-${records[0]!.partition}/2023/11/14/`,
        name = '2023-11-14T22.13.20-a',
        arn = `arn:aws:lambda:us-east-1:123456789012:function:${CONSUMER}:$LATEST`,
        payload = true,
      } = {},
    ): string {
      const source = `aws/lambda/mapping-1/${folder}${name}`;
      const byPartition: { [name: string]: KafkaEventRecord[] } = {};
      for (const record of records) (byPartition[`${record.topic}-${record.partition}`] ??= []).push(record);
      const event = { eventSource: 'aws:kafka', bootstrapServers: 'b-1:9098', records: byPartition };
      store.objects.set(
        source,
        JSON.stringify({
          requestContext: { requestId: 'r', functionArn: arn, condition: 'RetryAttemptsExhausted' },
          responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
          version: '1.0',
          timestamp: new Date(state.now * 1000).toISOString(),
          KafkaBatchInfo: { batchSize: records.length, bootstrapServers: 'b-1:9098', recordsInfo: {} },
          ...(payload && { payload: JSON.stringify(event) }),
        }),
      );
      return source;
    },
    values: (): string[] => sent.map(({ value }) => String(value)),
  };
}

describe('the redrive function of a topic', () => {
  test('puts dead letters and failed batches into their partitions in order, with key, value and headers unchanged', async () => {
    const { letter, batch, redrive, sent } = rehearsal();
    letter(recordOf(1, 7, 'a'));
    batch([recordOf(1, 3, 'a'), recordOf(1, 9, 'a')]);
    letter(recordOf(2, 4, 'b'));
    expect(await redrive()).toEqual({
      streamName: GROUP,
      dryRun: false,
      found: 4,
      redriven: 4,
      skipped: {},
      named: [],
    });
    expect(sent.filter(({ partition }) => partition === 1).map(({ value }) => String(value))).toEqual([
      'a-1-3',
      'a-1-7',
      'a-1-9',
    ]);
    expect(sent.find(({ partition }) => partition === 2)).toEqual({
      partition: 2,
      key: Buffer.from('b'),
      value: Buffer.from('b-2-4'),
      headers: { trace: [Buffer.from([1, 255])], [REDRIVE_TAG]: [Buffer.from(markerKey(2, 4))] },
    });
  });

  test('puts records of messages in another topic again, as those of objects, each once', async () => {
    const elsewhere = new Bucket();
    const { batch, letter, redrive, sent, store } = rehearsal({ failures: elsewhere });
    // A message has the event as an object, and one record.
    for (const record of [recordOf(1, 9, 'a'), recordOf(1, 3, 'a')]) {
      const source = batch([record], { name: `2023-11-14T22.13.20-000000-${record.offset}` });
      const { payload, ...rest } = JSON.parse(store.objects.get(source)!) as { payload: string };
      store.objects.delete(source);
      elsewhere.objects.set(source, JSON.stringify({ ...rest, payload: JSON.parse(payload) as object }));
    }
    letter(recordOf(1, 7, 'a'));
    expect(await redrive()).toMatchObject({ found: 3, redriven: 3, skipped: {}, named: [] });
    expect(sent.map(({ value }) => String(value))).toEqual(['a-1-3', 'a-1-7', 'a-1-9']);
    expect(await redrive()).toMatchObject({ found: 3, redriven: 0, skipped: { redriven: 3 } });
    expect(elsewhere.keysBelow('redriven/')).toEqual([]);
  });

  test('puts a record once, however often it is redriven, and writes where it is', async () => {
    const { letter, batch, redrive, sent, store } = rehearsal();
    letter(recordOf(0, 1, 'a'));
    batch([recordOf(0, 1, 'a'), recordOf(0, 2, 'a')]);
    expect(await redrive()).toMatchObject({ found: 2, redriven: 2, skipped: {} });
    expect(await redrive()).toMatchObject({ found: 2, redriven: 0, skipped: { redriven: 2 }, named: [] });
    expect(sent).toHaveLength(2);
    expect(parseRedriveMarker(store.objects.get(markerKey(0, 2))!, 'm')).toMatchObject({
      state: 'sent',
      shardId: `${TOPIC}-0`,
      sequenceNumber: '1002',
    });
  });

  test('counts in a dry run, and changes nothing', async () => {
    const { letter, redrive, sent, store } = rehearsal();
    letter(recordOf(0, 1, 'a'));
    expect(await redrive({ dryRun: true })).toMatchObject({ dryRun: true, found: 1, redriven: 1 });
    expect(sent).toEqual([]);
    expect(store.keysBelow('redriven/')).toEqual([]);
  });

  test('finds the records of several partitions in one batch, wherever Lambda puts it', async () => {
    const { batch, redrive, values } = rehearsal();
    batch([recordOf(2, 5, 'c'), recordOf(0, 1, 'a'), recordOf(2, 6, 'c')], { folder: '2023/11/14/' });
    expect(await redrive()).toMatchObject({ found: 3, redriven: 3 });
    expect(values()).toEqual(['a-0-1', 'c-2-5', 'c-2-6']);
  });

  test('leaves batches of another consumer, of another topic and of a stream, and those without payload', async () => {
    const { batch, redrive, sent, store } = rehearsal();
    batch([recordOf(0, 1, 'a')], { arn: 'arn:aws:lambda:us-east-1:123456789012:function:Other' });
    batch([recordOf(0, 2, 'a', { topic: 'requests-0' })], { folder: '' });
    batch([recordOf(0, 3, 'a')], { payload: false, name: '2023-11-14T22.13.21-a' });
    const arn = 'arn:aws:kinesis:us-east-1:123456789012:stream/s';
    const stream = { timestamp: new Date(AT).toISOString(), KinesisBatchInfo: { streamArn: arn }, payload: '' };
    store.objects.set(`aws/lambda/mapping-2/shardId-000000000000/2023/x`, JSON.stringify(stream));
    expect(await redrive()).toMatchObject({ found: 0, redriven: 0, skipped: {} });
    expect(sent).toEqual([]);
  });

  test('does not put a record of a failed batch that was answered after all', async () => {
    const { batch, redrive, store, values } = rehearsal();
    const [one, other] = [recordOf(0, 1, 'a'), recordOf(0, 2, 'b')];
    batch([one, other]);
    const position = kafkaPosition(one);
    const line = { id: 'x', key: 'a', position, arrivedAt: 1, answeredAt: 2, requestSeconds: 1, status: 200 };
    const empty = { model: null, variant: null, contentType: null, inputTokens: null, outputTokens: null };
    const rest = { responseBytes: 2, response: '{}', responseObject: null, error: null, deadLetter: null };
    store.objects.set(
      resultObjectKey(GROUP, `${TOPIC}-0`, position, position),
      `${formatResultLine({ ...line, ...empty, ...rest })}\n`,
    );
    expect(await redrive()).toMatchObject({ found: 2, redriven: 1, skipped: { answered: 1 } });
    expect(values()).toEqual(['b-0-2']);
  });

  test('names what it cannot put: a letter without its record, one of another topic, an object that is damaged', async () => {
    const { letter, batch, redrive, store } = rehearsal();
    const without = letter(recordOf(0, 1, 'a'));
    const { kafkaRecord: _gone, ...text } = JSON.parse(store.objects.get(without)!) as { kafkaRecord?: unknown };
    store.objects.set(without, JSON.stringify(text));
    const strange = letter(recordOf(0, 2, 'a', { topic: 'others' }));
    const damaged = batch([recordOf(1, 3, 'a')]);
    store.objects.set(damaged, store.objects.get(damaged)!.replace('\\"offset\\":3', '\\"offset\\":\\"x\\"'));
    const { skipped, named } = await redrive();
    expect(skipped).toEqual({ unreadable: 3 });
    expect(named.map(({ object }) => object).sort()).toEqual([damaged, strange, without].sort());
    expect(named.find(({ object }) => object === without)!.detail).toMatch(/kafkaRecord/);
    expect(named.find(({ object }) => object === strange)!.detail).toMatch(/others-0 is no partition of the topic/);
  });

  test('holds back what follows a record that may be in the topic, and finds it there later by its header', async () => {
    const { letter, redrive, faults, sent, others, state, store } = rehearsal();
    others.push({ partition: 1, offset: '999', headers: {} });
    letter(recordOf(1, 1, 'a'));
    letter(recordOf(1, 2, 'a'));
    letter(recordOf(1, 3, null));
    letter(recordOf(1, 4, null));
    let count = 0;
    faults.put = ({ key }) => (String(key) === 'a' && count++ === 0 ? 'stored-silently' : 'stored');
    expect(await redrive()).toMatchObject({ redriven: 2, skipped: { unconfirmed: 1, behind: 1 } });
    expect(await redrive()).toMatchObject({ skipped: { 'in-progress': 1, behind: 1, redriven: 2 } });
    state.now += 1000;
    expect(await redrive()).toMatchObject({ redriven: 1, skipped: { redriven: 3 } });
    expect(state.looks).toEqual([[1]]);
    expect(sent).toHaveLength(4);
    expect(parseRedriveMarker(store.objects.get(markerKey(1, 1))!, 'm')).toMatchObject({
      state: 'sent',
      shardId: `${TOPIC}-1`,
      sequenceNumber: '1001',
    });
  });

  test.each([
    ['is null', null],
    ['is left out', undefined],
  ])('holds nothing back behind a record whose key %s, as it has no order', async (_, key) => {
    const { letter, redrive, faults, sent } = rehearsal();
    for (const offset of [1, 2]) letter(recordOf(1, offset, null, { key }));
    let count = 0;
    faults.put = () => (count++ === 0 ? 'stored-silently' : 'stored');
    expect(await redrive()).toMatchObject({ redriven: 1, skipped: { unconfirmed: 1 } });
    expect(sent.map((message) => message.key)).toEqual([null, null]);
  });

  test.each(['requests-old', 'requests-0', 'requests-0x', 'archived', 'request'])(
    'puts no record of the topic %s into this one',
    async (topic) => {
      const { letter, redrive, sent } = rehearsal();
      const source = letter(recordOf(0, 1, 'a', { topic }));
      const { named } = await redrive();
      expect(named).toEqual([
        expect.objectContaining({ object: source, detail: `${topic}-0 is no partition of the topic ${TOPIC}` }),
      ]);
      expect(sent).toEqual([]);
    },
  );

  test('finds the records of a partition with a number of two digits', async () => {
    const { batch, redrive, sent } = rehearsal();
    batch([recordOf(12, 5, 'c')]);
    expect(await redrive()).toMatchObject({ found: 1, redriven: 1 });
    expect(sent.map(({ partition }) => partition)).toEqual([12]);
  });

  test('puts a record without headers with its name alone', async () => {
    const { letter, redrive, sent } = rehearsal();
    letter(recordOf(0, 1, 'a', { headers: undefined }));
    await redrive();
    expect(sent[0]!.headers).toEqual({ [REDRIVE_TAG]: [Buffer.from(markerKey(0, 1))] });
  });

  test('tries again while a leader moves, and gives a record back that the topic takes at no size', async () => {
    const { letter, redrive, faults, values, store } = rehearsal();
    letter(recordOf(0, 1, 'a'));
    letter(recordOf(0, 2, 'a'));
    let count = 0;
    faults.put = ({ value }) => (String(value) === 'a-0-1' ? 'too-large' : count++ < 2 ? 'throttled' : 'stored');
    const { redriven, skipped, named } = await redrive();
    expect([redriven, skipped]).toEqual([1, { 'too-large': 1 }]);
    expect(named[0]!.detail).toBe('MESSAGE_TOO_LARGE');
    expect(values()).toEqual(['a-0-2']);
    expect(parseRedriveMarker(store.objects.get(markerKey(0, 1))!, 'm').state).toBe('released');
  });

  test('fails on a refusal that concerns every record, which may be claimed again', async () => {
    const { letter, redrive, faults, sent } = rehearsal();
    letter(recordOf(0, 1, 'a'));
    faults.put = () => new Error('TOPIC_AUTHORIZATION_FAILED');
    await expect(redrive()).rejects.toThrow('TOPIC_AUTHORIZATION_FAILED');
    faults.put = () => 'stored';
    expect(await redrive()).toMatchObject({ redriven: 1 });
    expect(sent).toHaveLength(1);
  });

  test('names a record anew that was redriven before and failed again', async () => {
    const { letter, redrive, sent } = rehearsal();
    letter(recordOf(0, 1, 'a', { headers: [{ [REDRIVE_TAG]: [111, 108, 100] }, { trace: [7] }, { trace: [8] }] }));
    await redrive();
    expect(sent[0]!.headers).toEqual({
      trace: [Buffer.from([7]), Buffer.from([8])],
      [REDRIVE_TAG]: [Buffer.from(markerKey(0, 1))],
    });
  });

  test('puts a record without value again as one', async () => {
    const { letter, redrive, sent } = rehearsal();
    letter(recordOf(0, 1, 'a', { value: null }));
    await redrive();
    expect(sent[0]).toMatchObject({ key: Buffer.from('a'), value: null });
  });
});
