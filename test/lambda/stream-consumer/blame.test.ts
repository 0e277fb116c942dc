import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { controlRequestObjectKey } from '../../../lib/ingestion/contract';
import { deliveringConsumer as consumer, rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber, streamName } from './poller-model';

const MINUTE_MS = 60_000;
const TIMEOUT_MS = 2 * MINUTE_MS;
const failure = (status: number): RequestFailedError => new RequestFailedError(`the model returned ${status}`, status);

const batch = (keys: string, from = 0): PutRecord[] => [...keys].map((key, index) => requestRecord(from + index, key));

const allDone = { batchItemFailures: [] };
const failuresFrom = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceNumber(index) }] });

describe('a record that fails', () => {
  test.each([400, 401, 403, 404, 413, 422, 500, 501])(
    'with %d while others are answered becomes a dead letter within 15 seconds, and holds nobody back',
    async (status) => {
      const { deliver, seconds, store } = consumer((id) => (id === 'r-0' ? { error: failure(status) } : {}));
      expect(await deliver(batch('abcb'))).toEqual(allDone);
      expect(store.deadLetterIds()).toEqual(['r-0']);
      expect(store.lines()[0]).toMatchObject({ status });
      expect(store.resultIds()).toEqual(['r-1', 'r-2', 'r-3']);
      expect(seconds()).toBeLessThan(15);
    },
  );

  test('alone in its batch is found out by the request that was answered last', async () => {
    const { deliver, seconds, sent, store } = consumer((id) => (id === 'r-1' ? { error: failure(500) } : {}));
    await deliver(batch('a'));
    expect(await deliver([requestRecord(1, 'b')])).toEqual(allDone);
    expect(store.deadLetterIds()).toEqual(['r-1']);
    expect(sent.filter((id) => id === 'r-1')).toHaveLength(5);
    expect(sent.filter((id) => id === 'r-0')).toHaveLength(1 + 5);
    expect(store.resultIds()).toEqual(['r-0']);
    expect(seconds()).toBeLessThan(15);
  });

  test('alone in a new environment is found out by the request that another environment stored', async () => {
    const { time, store, environment } = rehearsal((id) => (id === 'r-1' ? { error: failure(400) } : {}));
    await time.until(environment()(kinesisEvent(batch('a')), time.context(TIMEOUT_MS)));
    expect(store.objects.has(controlRequestObjectKey(streamName))).toBe(true);
    const next = environment()(kinesisEvent([requestRecord(1, 'b')]), time.context(TIMEOUT_MS));
    expect(await time.until(next)).toEqual(allDone);
    expect(store.deadLetterIds()).toEqual(['r-1']);
  });

  test('beside 29 others that fail becomes a dead letter as soon as alone: the endpoint answers the control request', async () => {
    const { deliver, seconds, store } = consumer((id) => (id === 'r-0' ? {} : { error: failure(400) }));
    await deliver(batch('a'));
    const keys = Array.from({ length: 30 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join('');
    expect(await deliver(batch(keys, 1))).toEqual(allDone);
    expect(store.deadLetterIds()).toHaveLength(30);
    expect(seconds()).toBeLessThan(30);
  });

  test('with a hundred of its key behind it delays them by less than a minute', async () => {
    const { deliver, seconds, store } = consumer((id) => (id === 'r-1' ? { error: failure(500) } : {}));
    await deliver(batch('a'));
    expect(await deliver(batch('k'.repeat(100), 1))).toEqual(allDone);
    expect(store.deadLetterIds()).toEqual(['r-1']);
    expect(store.resultIds()).toHaveLength(100);
    // 99 requests of 0.1 s each, one after the other
    expect(seconds()).toBeLessThan(10 + MINUTE_MS / 1000);
  });

  test('only now and then is answered in the end', async () => {
    const { deliver, store } = consumer((id, attempt) => (id === 'r-0' && attempt < 5 ? { error: failure(500) } : {}));
    expect(await deliver(batch('ab'))).toEqual(allDone);
    expect(store.resultIds()).toEqual(['r-0', 'r-1']);
    expect(store.keysBelow('dead-letters/')).toEqual([]);
  });

  test('by hanging until its time is up becomes a dead letter after a minute while others are answered', async () => {
    const { deliver, seconds, sent, store } = consumer((id) =>
      id === 'r-0' ? { error: failure(0), milliseconds: MINUTE_MS } : {},
    );
    await deliver(batch('b', 1));
    const begin = seconds();
    for (let delivery = 0; store.deadLetterIds().length === 0 && delivery < 6; delivery++) await deliver(batch('a'));
    expect(store.deadLetterIds()).toEqual(['r-0']);
    expect(sent.filter((id) => id === 'r-0')).toHaveLength(2);
    expect(seconds() - begin).toBeLessThan(62);
  });

  test('keeps its count when the time of a batch runs out', async () => {
    const timedOut = failure(0);
    const { deliver, store } = consumer((id) => (id === 'r-0' ? { error: timedOut, milliseconds: MINUTE_MS } : {}));
    await deliver(batch('b', 1));
    for (let delivery = 0; store.deadLetterIds().length === 0; delivery++) {
      expect(delivery).toBeLessThan(6);
      await deliver(batch('a'));
    }
    expect(store.deadLetterIds()).toEqual(['r-0']);
  });
});

describe('an endpoint that fails', () => {
  test.each([400, 401, 403, 404, 422, 500])(
    'with %d for everything makes no dead letter, and is asked one request at a time',
    async (status) => {
      let isWell = true;
      const { deliver, sent, store, published } = consumer(() => (isWell ? {} : { error: failure(status) }));
      await deliver(batch('a'));
      isWell = false;
      sent.length = 0;
      const keys = Array.from({ length: 100 }, (_, index) => requestRecord(index + 1, `key-${index}`));
      expect(await deliver(keys)).toEqual(failuresFrom(1));
      expect(store.keysBelow('dead-letters/')).toEqual([]);
      // 64 at once, then one with its control in pauses that grow to 20 s; the pauses of a few began before
      expect(sent.length).toBeLessThan(64 + 2 * 20);
      expect(published).toEqual([{ deadLetters: 0, unanswered: 1 }]);
      isWell = true;
      expect(await deliver(keys)).toEqual(allDone);
      expect(store.resultIds()).toHaveLength(101);
    },
  );

  test('from the first record on makes no dead letter', async () => {
    const { deliver, store } = consumer(() => ({ error: failure(404) }));
    expect(await deliver(batch('abc'))).toEqual(failuresFrom(0));
    expect(store.objects.size).toBe(0);
  });
});
