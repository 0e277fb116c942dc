import { createHash } from 'node:crypto';
import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import { expressionMapper } from '../../../lambda/stream-consumer/mapped-endpoint';
import { RetryableError } from '../../../lib/core/errors';
import { parseSpilledRecord } from '../../../lib/ingestion/decide/spilled-record';
import { AsyncPlay } from '../spill-collector/async-play';
import { idOf, rehearsal, requestRecord, type Behaviour } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber, shardId } from './poller-model';

const MINUTE_MS = 60_000;
const busy = new RetryableError('ServiceUnavailable: busy');
const refusal = new RequestFailedError('the model returned 422: too long', 422);
const allDone = { batchItemFailures: [] };
const batch = (keys: string): PutRecord[] => [...keys].map((key, index) => requestRecord(index, key));
const spilledKey = (index: number): string => `spilled/requests/${shardId}/${sequenceNumber(index)}.json`;

function lagging(
  behaviour: Behaviour,
  over: { readonly concurrency?: number; readonly afterSeconds?: number; readonly spill?: object } = {},
) {
  const asynchronous = new AsyncPlay();
  const { concurrency = 64, afterSeconds = 60 } = over;
  const made = rehearsal(behaviour, { concurrency, spill: asynchronous.spill({ afterSeconds, ...over.spill }) });
  const startedAt = made.time.clock.now();
  const handed = () => asynchronous.invocations.map(({ inputUri }) => inputUri.split('/').at(-1)!);
  return {
    ...made,
    asynchronous,
    /** Records that the asynchronous endpoint got, in order. */
    handed: (): number[] => handed().map((position) => Number(position.slice(3))),
    seconds: () => made.time.clock.now() - startedAt,
    deliver: (keys: string, milliseconds = 2 * MINUTE_MS, handler = made.environment()) =>
      made.time.until(handler(kinesisEvent(batch(keys)), made.time.context(milliseconds))),
    pass: (seconds: number) => made.time.until(made.time.sleep(seconds * 1000)),
  };
}

describe('a record that is old', () => {
  test('goes to the asynchronous endpoint, with all that its result needs, and its batch is done', async () => {
    const { deliver, pass, sent, store, asynchronous, published, handed } = lagging(() => ({}));
    await pass(70);
    expect(await deliver('ab')).toEqual(allDone);
    expect(sent).toEqual([]);
    expect(handed()).toEqual([0, 1]);
    const place = `requests/${shardId}/${sequenceNumber(0)}`;
    expect(asynchronous.invocations[0]).toEqual({
      inputUri: `s3://films/requests/${place}`,
      inferenceId: createHash('sha256').update(place).digest('hex'),
    });
    expect(asynchronous.requests.get(`requests/${place}`)!.toString()).toBe(batch('a')[0]!.payload);
    expect(store.keysBelow('results/')).toEqual([]);
    expect(parseSpilledRecord(store.objects.get(spilledKey(0))!)).toEqual({
      id: 'r-0',
      key: 'a',
      position: sequenceNumber(0),
      sequenceNumber: sequenceNumber(0),
      partitionKey: 'a',
      payloadBase64: Buffer.from(batch('a')[0]!.payload as string).toString('base64'),
      arrivedAt: 1_700_000_000,
      spilledAt: 1_700_000_070,
      inferenceId: createHash('sha256').update(place).digest('hex'),
      responseUri: 's3://films/answers/1',
      failureUri: 's3://films/failures/1',
      deadlineAt: 1_700_000_070 + 3_600 + 900 + 900,
    });
    expect(published).toEqual([{ deadLetters: 0, unanswered: 0, spilled: 2 }]);
  });

  test('is sent to the real-time endpoint until then, and what is in flight is not taken back', async () => {
    const { deliver, sent, handed, store } = lagging(() => ({ milliseconds: 55_000 }), { afterSeconds: 50 });
    expect(await deliver('aab')).toEqual(allDone);
    expect(sent).toEqual(['r-0', 'r-2']);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-2']);
    // The second of its key has its turn after the first.
    expect(handed()).toEqual([1]);
  });

  test('does not wait for a slot that a slow request has', async () => {
    const { deliver, sent, handed, store } = lagging(() => ({ milliseconds: 50_000 }), {
      concurrency: 1,
      afterSeconds: 20,
    });
    expect(await deliver('abcd')).toEqual(allDone);
    expect(sent).toEqual(['r-0']);
    expect(handed()).toEqual([1, 2, 3]);
    const at = [1, 2, 3].map((index) => parseSpilledRecord(store.objects.get(spilledKey(index))!).spilledAt);
    for (const spilledAt of at) expect(spilledAt - 1_700_000_000).toBeLessThanOrEqual(21);
  });

  test('goes there between two requests, or while it waits for its turn, when the endpoint fails', async () => {
    const { deliver, sent, handed, store, seconds } = lagging(() => ({ error: busy }), { afterSeconds: 40 });
    const keys = Array.from({ length: 30 }, (_, index) => String.fromCharCode(97 + index)).join('');
    expect(await deliver(keys)).toEqual(allDone);
    expect(handed().sort((a, b) => a - b)).toEqual([...keys].map((_, index) => index));
    expect(store.lines()).toEqual([]);
    expect(sent.length).toBeLessThan(80);
    // Pauses grow to 20 seconds.
    expect(seconds()).toBeLessThan(65);
  });

  test('stays where it fails while others are answered, and becomes a dead letter', async () => {
    const { deliver, store, handed, pass } = lagging((id) => (id === 'r-0' ? { error: refusal } : {}), {
      afterSeconds: 100,
    });
    await pass(99);
    expect(await deliver('abc')).toEqual(allDone);
    expect(store.deadLetterIds()).toEqual(['r-0']);
    expect(handed()).toEqual([]);
  });

  test('goes there in the order of its key', async () => {
    const { deliver, pass, handed } = lagging(() => ({}));
    await pass(70);
    await deliver('abababaabb');
    const ofA = handed().filter((index) => 'abababaabb'[index] === 'a');
    expect(ofA).toEqual([0, 2, 4, 6, 7]);
    expect(handed()).toHaveLength(10);
  });

  test('is not sent anywhere when it is delivered again, by this environment or another', async () => {
    const { deliver, pass, handed, sent, environment } = lagging(() => ({}));
    const first = environment();
    await pass(70);
    await deliver('ab', MINUTE_MS, first);
    expect(await deliver('ab', MINUTE_MS, first)).toEqual(allDone);
    expect(await deliver('abc', MINUTE_MS, environment())).toEqual(allDone);
    expect(handed()).toEqual([0, 1, 2]);
    expect(sent).toEqual([]);
  });

  test('goes there as the request mapping makes it', async () => {
    const requestMapping = expressionMapper((value) => JSON.stringify({ only: (value as { id: string }).id }));
    const { deliver, pass, asynchronous } = lagging(() => ({}), { spill: { requestMapping } });
    await pass(70);
    await deliver('a');
    expect([...asynchronous.requests.values()].map(String)).toEqual(['{"only":"r-0"}']);
  });

  test('is for the real-time endpoint where it cannot be mapped or is too large, which decides about it', async () => {
    const requestMapping = expressionMapper(() => {
      throw new RetryableError('the function is busy');
    });
    const { deliver, pass, sent, handed } = lagging(() => ({}), { spill: { requestMapping } });
    await pass(70);
    expect(await deliver('a')).toEqual(allDone);
    expect([sent, handed()]).toEqual([['r-0'], []]);
    const small = lagging(() => ({}), { spill: { maxRequestBytes: 10 } });
    await small.pass(70);
    expect(await small.deliver('a')).toEqual(allDone);
    expect([small.sent, small.handed()]).toEqual([['r-0'], []]);
  });
});

describe('an asynchronous endpoint that takes nothing', () => {
  test('leaves the records to the real-time endpoint, and is asked again after half a minute', async () => {
    const { deliver, pass, sent, handed, asynchronous, logLines, store, environment } = lagging(() => ({}), {
      concurrency: 1,
    });
    const one = environment();
    let asked = 0;
    asynchronous.beforeInvoke = () => {
      asked += 1;
      throw new Error('ValidationError: endpoint films not found');
    };
    await pass(70);
    expect(await deliver('abcd', MINUTE_MS, one)).toEqual(allDone);
    expect(sent).toEqual(['r-0', 'r-1', 'r-2', 'r-3']);
    expect(store.resultIds()).toHaveLength(4);
    // Side by side, before the first was refused.
    expect(asked).toBe(4);
    expect(logLines.filter(({ message }) => message === 'a record could not be spilled')).toHaveLength(4);
    expect(await deliver('abcde', MINUTE_MS, one)).toEqual(allDone);
    expect(asked).toBe(4);
    await pass(31);
    expect(await deliver('abcdef', MINUTE_MS, one)).toEqual(allDone);
    expect(asked).toBe(5);
    expect(store.resultIds()).toHaveLength(6);
    expect(handed()).toEqual([]);
  });

  test('is noticed by a record without a slot, which waits for one', async () => {
    const { deliver, sent, asynchronous, store } = lagging(() => ({ milliseconds: 25_000 }), {
      concurrency: 1,
      afterSeconds: 10,
    });
    asynchronous.beforePut = () => {
      throw new Error('SlowDown');
    };
    expect(await deliver('abc')).toEqual(allDone);
    expect(sent).toEqual(['r-0', 'r-1', 'r-2']);
    expect(store.lines()).toHaveLength(3);
    expect(asynchronous.invocations).toEqual([]);
  });
});

describe('a write that decides about the owner of a record', () => {
  test('and has no answer leaves the record to the next delivery, which finds it', async () => {
    const { deliver, pass, sent, handed, store, environment } = lagging(() => ({}));
    let isLost = true;
    store.afterPut = (key) => {
      if (isLost && key.startsWith('spilled/')) throw new Error('socket hang up');
    };
    await pass(70);
    const first = { batchItemFailures: [{ itemIdentifier: sequenceNumber(0) }] };
    expect(await deliver('a')).toEqual(first);
    isLost = false;
    expect(await deliver('a', MINUTE_MS, environment())).toEqual(allDone);
    expect(handed()).toEqual([0]);
    expect(sent).toEqual([]);
  });

  test('and fails is repeated by the next delivery, with the same request and inference id', async () => {
    const { deliver, pass, sent, asynchronous, store } = lagging(() => ({}));
    let isFailing = true;
    store.beforePut = (key) => {
      if (isFailing && key.startsWith('spilled/')) throw new Error('InternalError');
    };
    await pass(70);
    await deliver('a');
    isFailing = false;
    await pass(31);
    expect(await deliver('a')).toEqual(allDone);
    expect(sent).toEqual([]);
    const [once, again] = asynchronous.invocations;
    expect(again).toEqual(once);
    expect(asynchronous.requests.size).toBe(1);
    expect(parseSpilledRecord(store.objects.get(spilledKey(0))!).responseUri).toBe('s3://films/answers/2');
  });
});

test('a consumer without a spill keeps old records for its endpoint', async () => {
  const made = rehearsal(() => ({}));
  await made.time.until(made.time.sleep(1e6));
  await made.time.until(made.environment()(kinesisEvent(batch('a')), made.time.context(MINUTE_MS)));
  expect(made.payloads.map(idOf)).toEqual(['r-0']);
});

test('a record that comes back from the asynchronous endpoint while no other is in flight has a slot at once', async () => {
  const { deliver, pass, sent, asynchronous, seconds } = lagging(() => ({}), { concurrency: 1 });
  asynchronous.beforeInvoke = () => {
    throw new Error('ServiceUnavailable');
  };
  await pass(70);
  expect(await deliver('aab')).toEqual(allDone);
  expect(sent).toHaveLength(3);
  expect(seconds()).toBeLessThan(75);
});
