import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { RetryableError } from '../../../lib/core/errors';
import { controlRequestObjectKey } from '../../../lib/ingestion/contract';
import { type Behaviour, rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, pollShard, sequenceNumber, streamName } from './poller-model';

const MINUTE_MS = 60_000;
const TIMEOUT_MS = 2 * MINUTE_MS;
const failure = (status: number): RequestFailedError => new RequestFailedError(`the model returned ${status}`, status);
const busy = new RetryableError('ServiceUnavailable: busy');

const batch = (keys: string, from = 0): PutRecord[] => [...keys].map((key, index) => requestRecord(from + index, key));

function consumer(behaviour: Behaviour) {
  const made = rehearsal(behaviour, { maxModelFailures: 5 });
  const handler = made.environment();
  const seconds = (): number => made.time.clock.now() - 1_700_000_000;
  return {
    ...made,
    seconds,
    deliver: (records: readonly PutRecord[]) =>
      made.time.until(handler(kinesisEvent(records), made.time.context(TIMEOUT_MS))),
  };
}

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

  test('for an hour answers everything afterwards at its full speed', async () => {
    let downUntil = Infinity;
    const { deliver, seconds, store, peakInFlight } = consumer(() => (seconds() < downUntil ? { error: busy } : {}));
    const records = Array.from({ length: 100 }, (_, index) => requestRecord(index, `key-${index}`));
    while (seconds() < 3_600) await deliver(records.slice(0, 70));
    downUntil = 0;
    expect(await deliver(records)).toEqual(allDone);
    expect(store.resultIds()).toHaveLength(100);
    expect(peakInFlight()).toBe(64);
  });

  test('for 23 hours loses nothing and sets nothing aside: every record is answered in its order', async () => {
    const HOURS = 3_600;
    const made = rehearsal(() => {
      const at = made.time.clock.now() - 1_700_000_000;
      return at > 60 && at < 23 * HOURS ? { error: failure(500) } : {};
    });
    // Retries without a maximum number, as the event source mapping has them: bounded by the age of a day.
    const handler = made.environment();
    const records = Array.from({ length: 600 }, (_, index) => requestRecord(index, `key-${index % 7}`));
    const { toFailureDestination } = await pollShard(
      records,
      { batchSize: 100, bisectBatchOnFunctionError: true, maximumRetryAttempts: 1_000_000 },
      async (event) => {
        // Records arrive slowly enough that the outage begins between them.
        await made.time.until(made.time.sleep(20_000));
        return made.time.until(handler(event, made.time.context(15 * MINUTE_MS)));
      },
    );
    expect(made.time.clock.now() - 1_700_000_000).toBeGreaterThan(23 * HOURS);
    expect(made.time.clock.now() - 1_700_000_000).toBeLessThan(24 * HOURS);
    expect(toFailureDestination).toEqual([]);
    expect(made.store.keysBelow('dead-letters/')).toEqual([]);
    expect(made.store.resultIds()).toEqual(records.map((_, index) => `r-${index}`));
  });

  test('in one of two variants, with a tenth of the traffic, sets no record aside', async () => {
    let draw = 0;
    const random = (): number => ((draw = (draw * 16_807 + 11) % 2_147_483_647), draw / 2_147_483_647);
    const { deliver, store } = consumer(() => (random() < 0.1 ? { error: failure(404) } : {}));
    const records = Array.from({ length: 500 }, (_, index) => requestRecord(index, `key-${index}`));
    for (let from = 0; from < 500; from += 100) expect(await deliver(records.slice(from, from + 100))).toEqual(allDone);
    expect(store.resultIds()).toHaveLength(500);
  });

  test('that is full until requests time out sets none of them aside', async () => {
    // What takes longer times out in the queue; the rest is answered after a wait of 50 s.
    let isFull = true;
    const { deliver, store } = consumer((id) => {
      if (!isFull) return {};
      return id === 'r-0' ? { error: failure(0), milliseconds: MINUTE_MS } : { milliseconds: 50_000 };
    });
    for (let from = 0; from < 40; from += 4) {
      const others = Array.from({ length: 4 }, (_, index) => requestRecord(1 + from + index, `key-${index}`));
      await deliver([requestRecord(0, 'long'), ...others]);
    }
    expect(store.deadLetterIds()).toEqual([]);
    isFull = false;
    await deliver([requestRecord(0, 'long')]);
    expect(store.resultIds()).toContain('r-0');
  });
});
