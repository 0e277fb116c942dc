import { ModelFailedError, RecordRejectedError } from '../../../lambda/clients/endpoint-runtime';
import { SeenRecords } from '../../../lambda/stream-consumer/seen-records';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { parseDeadLetter, parseResultLine } from '../../../lib/ingestion/contract';
import { rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber } from './poller-model';

const MINUTE_MS = 60_000;
const busy = new RetryableError('ServiceUnavailable: busy');

const resultKey = (first: number, last: number): string =>
  `results/requests/shardId-000000000000/${sequenceNumber(first)}-${sequenceNumber(last)}.jsonl`;
const letterKey = (index: number): string => `dead-letters/requests/shardId-000000000000/${sequenceNumber(index)}.json`;
const failuresFrom = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceNumber(index) }] });
const allDone = { batchItemFailures: [] };

/** One record for each key letter: `batch('aab')` is r-0 and r-1 of key a, r-2 of key b. */
const batch = (keys: string): PutRecord[] => [...keys].map((key, index) => requestRecord(index, key));

describe('the stream consumer', () => {
  test('writes the results of a batch as one object named for its first and last record', async () => {
    const { time, store, environment } = rehearsal(() => ({ milliseconds: 250 }));
    const records = batch('ab');
    expect(await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect([...store.objects.keys()]).toEqual([resultKey(0, 1)]);
    const [first, second] = store.objects.get(resultKey(0, 1))!.trimEnd().split('\n').map(parseResultLine);
    expect(first).toEqual({
      id: 'r-0',
      key: 'a',
      contextTokens: 100,
      generatedTokens: 20,
      sentAt: 1_700_000_000,
      answeredAt: 1_700_000_000.25,
      serviceSeconds: 0.25,
      queueSeconds: 0,
    });
    expect(second!.id).toBe('r-1');
  });

  test('measures the service time when the response does not contain it', async () => {
    const { time, store, environment } = rehearsal(() => ({}));
    const handler = environment();
    const records = [requestRecord(0, 'a')];
    await time.until(handler(kinesisEvent(records), time.context(MINUTE_MS)));
    expect(parseResultLine(store.objects.get(resultKey(0, 0))!.trim()).serviceSeconds).toBeCloseTo(0.1);
  });

  test('does nothing with an event without records', async () => {
    const { time, store, environment } = rehearsal(() => ({}));
    expect(await environment()({ Records: [] }, time.context(MINUTE_MS))).toEqual(allDone);
    expect(store.objects.size).toBe(0);
  });

  test('sends records of one key one after the other and those of different keys side by side', async () => {
    const { time, sent, peakInFlight, environment } = rehearsal((id) => ({ milliseconds: id === 'r-0' ? 500 : 10 }));
    await time.until(environment()(kinesisEvent(batch('aabbb')), time.context(MINUTE_MS)));
    expect(sent).toEqual(['r-0', 'r-2', 'r-3', 'r-4', 'r-1']);
    expect(peakInFlight()).toBe(2);
  });

  test('never has more keys in flight than its concurrency', async () => {
    const { time, sent, peakInFlight, environment } = rehearsal(() => ({}), { concurrency: 3 });
    await time.until(environment()(kinesisEvent(batch('abcdefgh')), time.context(MINUTE_MS)));
    expect(peakInFlight()).toBe(3);
    expect(sent).toHaveLength(8);
  });

  test('tries again with growing waits while the endpoint is busy', async () => {
    const { time, sent, environment } = rehearsal((_, attempt) => (attempt < 4 ? { error: busy } : {}));
    const startedAt = time.clock.now();
    expect(await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toHaveLength(4);
    // 4 attempts of 0.1 s; waits of 0.55 x (0.4 + 0.8 + 1.6) s at a random number of 0.5
    expect(time.clock.now() - startedAt).toBeCloseTo(0.4 + 0.55 * 2.8);
  });

  test('reports the lowest open record when the time runs out, and sends nothing after it in its key', async () => {
    const { time, store, sent, environment } = rehearsal((id) => (id === 'r-1' ? { error: busy } : {}));
    const response = await time.until(environment()(kinesisEvent(batch('abba')), time.context(MINUTE_MS)));
    expect(response).toEqual(failuresFrom(1));
    expect([...store.objects.keys()]).toEqual([resultKey(0, 0)]);
    expect(sent).not.toContain('r-2');
  });

  test('reserves time to write the results', async () => {
    const { time, store, environment } = rehearsal((id) => (id === 'r-1' ? { milliseconds: 10 * MINUTE_MS } : {}));
    const context = time.context(MINUTE_MS);
    expect(await time.until(environment()(kinesisEvent(batch('ab')), context))).toEqual(failuresFrom(1));
    expect(context.getRemainingTimeInMillis()).toBeCloseTo(5_000);
    expect(store.objects.has(resultKey(0, 0))).toBe(true);
  });

  test('does not invoke the model again for results behind a failure, in the same environment', async () => {
    let well = false;
    const { time, sent, store, environment } = rehearsal((id) => (id === 'r-0' && !well ? { error: busy } : {}));
    const handler = environment();
    const records = batch('abc');
    expect(await time.until(handler(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(failuresFrom(0));
    expect(store.objects.size).toBe(0);
    well = true;
    sent.length = 0;
    expect(await time.until(handler(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toEqual(['r-0']);
    expect(store.resultIds()).toEqual(['r-0', 'r-1', 'r-2']);
  });

  test('writes a dead letter with the payload of a record that does not parse, and the results of its neighbours', async () => {
    const { time, store, deadLettersCounted, logLines, environment } = rehearsal(() => ({}));
    const records = batch('aaa');
    records[1] = { ...records[1]!, payload: '{"id":"r-1","key":"a","context_tokens":"many","generated_tokens":1}' };
    expect(await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.resultIds()).toEqual(['r-0', 'r-2']);
    const letter = parseDeadLetter(store.objects.get(letterKey(1))!);
    expect(letter).toMatchObject({ sequenceNumber: sequenceNumber(1), partitionKey: 'a' });
    expect(letter.error).toBe('the request: context_tokens is "many"; expected a whole number of at least 0');
    expect(Buffer.from(letter.payloadBase64, 'base64').toString()).toBe(records[1].payload);
    expect(deadLettersCounted()).toBe(1);
    expect(logLines.map(({ message }) => message)).toContain('dead letter written');
  });

  test('writes a dead letter for a record that the model rejects, without a retry', async () => {
    const refusal = new RecordRejectedError('the model returned 422: too long');
    const { time, store, sent, environment } = rehearsal((id) => (id === 'r-0' ? { error: refusal } : {}));
    expect(await time.until(environment()(kinesisEvent(batch('aa')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toEqual(['r-0', 'r-1']);
    expect(parseDeadLetter(store.objects.get(letterKey(0))!).error).toBe('the model returned 422: too long');
  });

  test('writes a dead letter for a record on which the model keeps failing while others succeed', async () => {
    const broken = new ModelFailedError('the model returned 500: boom');
    const { time, store, sent, environment } = rehearsal((id) => (id === 'r-0' ? { error: broken } : {}));
    expect(await time.until(environment()(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent.filter((id) => id === 'r-0')).toHaveLength(3);
    expect(store.keysBelow('dead-letters/')).toEqual([letterKey(0)]);
  });

  test('writes no dead letter while the model fails on every record', async () => {
    const broken = new ModelFailedError('the model returned 500: boom');
    const { time, store, environment } = rehearsal(() => ({ error: broken }));
    expect(await time.until(environment()(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).toEqual(
      failuresFrom(0),
    );
    expect(store.objects.size).toBe(0);
  });

  test('fails at once when the call is not allowed', async () => {
    const denied = new PermanentError('AccessDeniedException: not authorized to perform: sagemaker:InvokeEndpoint');
    const { time, environment } = rehearsal(() => ({ error: denied }));
    const context = time.context(MINUTE_MS);
    await expect(time.until(environment()(kinesisEvent(batch('ab')), context))).rejects.toThrow('InvokeEndpoint');
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(0.9 * MINUTE_MS);
  });

  test('writes the results from before the call was denied', async () => {
    const denied = new PermanentError('AccessDeniedException');
    const { time, store, logLines, environment } = rehearsal((id) =>
      id === 'r-1' ? { error: denied, milliseconds: 300 } : {},
    );
    expect(await time.until(environment()(kinesisEvent(batch('aab')), time.context(MINUTE_MS)))).toEqual(
      failuresFrom(1),
    );
    expect(store.resultIds()).toEqual(['r-0']);
    expect(logLines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  test('fails the batch when results cannot be written, and does not invoke the model twice', async () => {
    const { time, store, sent, environment } = rehearsal(() => ({}));
    const handler = environment();
    store.beforePut = () => {
      throw new Error('SlowDown');
    };
    await expect(time.until(handler(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).rejects.toThrow('SlowDown');
    store.beforePut = () => undefined;
    expect(await time.until(handler(kinesisEvent(batch('ab')), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toEqual(['r-0', 'r-1']);
  });

  test('goes on when dead letters cannot be counted', async () => {
    const { time, store, environment } = rehearsal(() => ({}), {
      countDeadLetters: () => Promise.reject(new Error('Throttling')),
    });
    const records = [{ ...requestRecord(0, 'a'), payload: '' }];
    expect(await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.keysBelow('dead-letters/')).toEqual([letterKey(0)]);
  });

  test('logs one line for a batch, with the reason when it is repeated', async () => {
    const { time, logLines, environment } = rehearsal(() => ({ error: busy }));
    await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)));
    expect(logLines).toEqual([
      {
        level: 'info',
        message: 'batch',
        shardId: 'shardId-000000000000',
        records: 1,
        succeeded: 0,
        deadLetters: 0,
        retryFrom: sequenceNumber(0),
        reason: 'ServiceUnavailable: busy',
      },
    ]);
  });
});

describe('seen records', () => {
  const result = parseResultLine(
    '{"id":"r","key":"k","context_tokens":1,"generated_tokens":1,"sent_at":null,"answered_at":1,"service_seconds":1,"queue_seconds":0}',
  );

  test('drops the oldest results beyond its maximum', () => {
    const seen = new SeenRecords(2);
    ['1', '2', '3'].forEach((sequence) => seen.add('shard', sequence, result));
    expect(['1', '2', '3'].map((sequence) => seen.get('shard', sequence))).toEqual([undefined, result, result]);
  });

  test('keeps shards apart', () => {
    const seen = new SeenRecords();
    seen.add('shard-1', '1', result);
    expect(seen.get('shard-2', '1')).toBeUndefined();
  });
});
