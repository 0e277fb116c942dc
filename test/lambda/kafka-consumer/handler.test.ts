import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { partitionsOf } from '../../../lambda/clients/open-shards';
import { CapacityFollower } from '../../../lambda/stream-consumer/capacity-follower';
import { createLogger } from '../../../lambda/support/logger';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import {
  controlRequestObjectKey,
  type KafkaEventRecord,
  kafkaPosition,
  parseDeadLetter,
} from '../../../lib/ingestion/contract';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { AT, GROUP, kafkaEvent, kafkaRecord, kafkaRehearsal } from './fakes';

const MINUTE_MS = 60_000;
const allDone = { batchItemFailures: [] };
const failure = (partition: string, offset: number) => ({ itemIdentifier: { partition, offset } });
const busy = new RetryableError('ServiceUnavailable: busy');
const refusal = new RequestFailedError('the model returned 422: too long', 422);
const FIELDS = { id: parseRecordField('sequence-number'), key: parseRecordField('partition-key') };

describe('the Kafka consumer', () => {
  test('writes one line for each record of each partition, below the consumer group', async () => {
    const { time, store, environment } = kafkaRehearsal(() => ({}), { recordFields: FIELDS });
    const event = kafkaEvent(kafkaRecord(0, 17), kafkaRecord(1, 5), kafkaRecord(1, 6));
    expect(await time.until(environment()(event, time.context(MINUTE_MS)))).toEqual(allDone);
    const place = (offset: number) => kafkaPosition({ offset, timestamp: AT });
    expect(store.keysBelow('results/')).toEqual([
      `results/${GROUP}/requests-0/${place(17)}-${place(17)}.jsonl`,
      `results/${GROUP}/requests-1/${place(6)}-${place(5)}.jsonl`,
    ]);
    expect(store.lines().map(({ id }) => id)).toEqual(['requests-0:17', 'requests-1:5', 'requests-1:6']);
    expect(store.lines()[0]).toMatchObject({ key: 'key-0-17', arrivedAt: AT / 1000, position: place(17) });
  });

  test('reports for each partition the first offset without an outcome, as an object of partition and offset', async () => {
    const { time, environment } = kafkaRehearsal((id) => (id === 'p1-6' ? { error: busy } : {}));
    const records = [kafkaRecord(0, 1), kafkaRecord(1, 5), kafkaRecord(1, 6), kafkaRecord(1, 7)];
    const response = await time.until(environment()(kafkaEvent(...records), time.context(MINUTE_MS)));
    expect(response).toEqual({ batchItemFailures: [failure('requests-1', 6)] });
  });

  test('sends nothing again for what an earlier delivery wrote, in another environment too', async () => {
    const { time, store, sent, environment } = kafkaRehearsal((id) => (id === 'p0-2' ? { error: busy } : {}));
    const event = kafkaEvent(kafkaRecord(0, 1), kafkaRecord(0, 2), kafkaRecord(0, 3));
    await time.until(environment()(event, time.context(10_000)));
    sent.length = 0;
    await time.until(environment()(event, time.context(10_000)));
    expect(new Set(sent)).toEqual(new Set(['p0-2']));
    expect(store.resultIds()).toEqual(['p0-1', 'p0-3']);
  });

  test('takes a record of a topic that was created anew for another one than its predecessor with the same offset', async () => {
    const { time, sent, environment } = kafkaRehearsal(() => ({}));
    const consumer = environment();
    await time.until(consumer(kafkaEvent(kafkaRecord(0, 0)), time.context(MINUTE_MS)));
    await time.until(consumer(kafkaEvent(kafkaRecord(0, 0, { timestamp: AT + 5_000 })), time.context(MINUTE_MS)));
    expect(sent).toEqual(['p0-0', 'p0-0']);
  });

  test('reads back what it wrote of records with an empty key, which are in order', async () => {
    const { time, store, sent, peakInFlight, environment } = kafkaRehearsal(
      (id) => (id === 'p0-3' ? { error: busy } : {}),
      { recordFields: { id: parseRecordField('partition-key'), key: parseRecordField('partition-key') } },
    );
    const event = kafkaEvent(kafkaRecord(0, 1, { key: '' }), kafkaRecord(0, 2, { key: '' }), kafkaRecord(0, 3));
    await time.until(environment()(event, time.context(10_000)));
    expect(peakInFlight()).toBe(2);
    sent.length = 0;
    expect(await time.until(environment()(event, time.context(10_000)))).toEqual({
      batchItemFailures: [failure('requests-0', 3)],
    });
    expect(new Set(sent)).toEqual(new Set(['p0-3']));
    expect(store.lines().map(({ id, key }) => ({ id, key }))).toEqual([
      { id: 'requests-0:1', key: '' },
      { id: 'requests-0:2', key: '' },
    ]);
  });

  test('keeps the order of a key and sends records without key side by side', async () => {
    const key = Buffer.from('user-1').toString('base64');
    const ordered = kafkaRehearsal(() => ({}));
    const three = [0, 1, 2].map((offset) => kafkaRecord(0, offset, { key }));
    await ordered.time.until(ordered.environment()(kafkaEvent(...three), ordered.time.context(MINUTE_MS)));
    expect(ordered.peakInFlight()).toBe(1);
    expect(ordered.sent).toEqual(['p0-0', 'p0-1', 'p0-2']);
    const free = kafkaRehearsal(() => ({}));
    const without = [0, 1, 2].map((offset) => kafkaRecord(0, offset, { key: null }));
    await free.time.until(free.environment()(kafkaEvent(...without), free.time.context(MINUTE_MS)));
    expect(free.peakInFlight()).toBe(3);
  });

  test('shares its concurrency among the partitions of an event', async () => {
    const { time, sent, peakInFlight, environment } = kafkaRehearsal(() => ({}), { concurrency: 3 });
    const records = [0, 1, 2, 3].flatMap((partition) => [0, 1].map((offset) => kafkaRecord(partition, offset)));
    expect(await time.until(environment()(kafkaEvent(...records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(peakInFlight()).toBe(3);
    expect(sent).toHaveLength(8);
  });

  test('sets a record aside that fails while others are answered, with the whole record of the topic', async () => {
    const { time, store, environment } = kafkaRehearsal((id) => (id === 'p0-2' ? { error: refusal } : {}));
    const poison = kafkaRecord(0, 2, {
      headers: [{ trace: [1, -1, 127] }],
      key: Buffer.from([0xff, 0]).toString('base64'),
    });
    const event = kafkaEvent(kafkaRecord(0, 1), poison, kafkaRecord(0, 3));
    expect(await time.until(environment()(event, time.context(MINUTE_MS)))).toEqual(allDone);
    const key = `dead-letters/${GROUP}/requests-0/${kafkaPosition(poison)}.json`;
    expect(store.keysBelow('dead-letters/')).toEqual([key]);
    const letter = parseDeadLetter(store.objects.get(key)!);
    expect(letter.kafkaRecord).toEqual(poison);
    expect(letter.payloadBase64).toBe(poison.value);
    expect(letter.sequenceNumber).toBe('2');
  });

  test('sets a record without value aside and sends nothing for it', async () => {
    const { time, store, sent, environment } = kafkaRehearsal(() => ({}), { recordFields: FIELDS });
    const event = kafkaEvent(kafkaRecord(0, 1, { value: null }));
    expect(await time.until(environment()(event, time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toEqual([]);
    expect(store.lines()[0]).toMatchObject({ id: 'requests-0:1', error: 'the record has no value (a tombstone)' });
  });

  test('sends a redriven record again, under the same id, and only once', async () => {
    const isMended = { now: false };
    const { time, store, sent, environment } = kafkaRehearsal(
      (id) => (id === 'p0-2' && !isMended.now ? { error: refusal } : {}),
      { recordFields: FIELDS },
    );
    await time.until(environment()(kafkaEvent(kafkaRecord(0, 1), kafkaRecord(0, 2)), time.context(MINUTE_MS)));
    isMended.now = true;
    sent.length = 0;
    const again = kafkaEvent(kafkaRecord(0, 2, { redrives: 1 }));
    await time.until(environment()(again, time.context(MINUTE_MS)));
    await time.until(environment()(again, time.context(MINUTE_MS)));
    expect(sent).toEqual(['p0-2']);
    expect(store.lines().filter(({ id }) => id === 'requests-0:2')).toHaveLength(2);
    expect(store.resultIds()).toEqual(['requests-0:1', 'requests-0:2']);
  });

  test('loses nothing in an outage: every partition is reported from its first record', async () => {
    const { time, store, published, environment } = kafkaRehearsal(() => ({ error: refusal }));
    store.objects.set(controlRequestObjectKey(GROUP), '{"payloadBase64":"Y29udHJvbA=="}');
    const event = kafkaEvent(kafkaRecord(0, 8), kafkaRecord(1, 3));
    expect(await time.until(environment()(event, time.context(MINUTE_MS)))).toEqual({
      batchItemFailures: [failure('requests-0', 8), failure('requests-1', 3)],
    });
    expect(store.keysBelow('dead-letters/')).toEqual([]);
    expect(published).toEqual([
      { deadLetters: 0, unanswered: 1 },
      { deadLetters: 0, unanswered: 1 },
    ]);
  });

  test('fails as a whole when a permission is denied', async () => {
    const { time, environment } = kafkaRehearsal(() => ({ error: new PermanentError('AccessDeniedException') }));
    const event = kafkaEvent(kafkaRecord(0, 1), kafkaRecord(1, 1));
    await expect(time.until(environment()(event, time.context(MINUTE_MS)))).rejects.toThrow('AccessDeniedException');
  });

  test('does nothing with an event without records', async () => {
    const { time, store, environment } = kafkaRehearsal(() => ({}));
    expect(await environment()({ ...kafkaEvent(), records: { 'requests-0': [] } }, time.context(MINUTE_MS))).toEqual(
      allDone,
    );
    expect(store.objects.size).toBe(0);
  });

  test('names what is wrong with an event that is none of Kafka', async () => {
    const { time, environment } = kafkaRehearsal(() => ({}));
    await expect(environment()({ Records: [] }, time.context(MINUTE_MS))).rejects.toThrow(
      'eventSource is missing; expected non-empty text',
    );
  });

  test('has in flight what the instances in service hold, in the shares of the partitions that were delivered', async () => {
    const peakOf = async (...records: readonly KafkaEventRecord[]): Promise<number> => {
      const { time, environment, peakInFlight } = kafkaRehearsal(() => ({}), {
        concurrency: 64,
        capacity: (clock) =>
          new CapacityFollower({
            fleets: [{ resourceId: 'endpoint/chat/variant/main', fleetName: 'chat', maxConcurrencyPerReplica: 8 }],
            states: {
              fleetState: () => Promise.resolve({ status: 'InService', configName: null, desired: 3, current: 3 }),
              variantCapacity: () => Promise.reject(new Error('not called')),
            },
            shards: partitionsOf('requests', 6),
            parallelizationFactor: 1,
            concurrency: 64,
            clock,
            logger: createLogger(() => undefined),
          }),
      });
      await time.until(environment()(kafkaEvent(...records), time.context(MINUTE_MS)));
      return peakInFlight();
    };
    const batch = (partition: number) => Array.from({ length: 40 }, (_, offset) => kafkaRecord(partition, offset));
    // 3 instances x 8 requests / 6 partitions
    expect(await peakOf(...batch(0))).toBe(4);
    expect(await peakOf(...batch(0), ...batch(3))).toBe(8);
  });
});
