import { RequestFailedError } from '../../../lambda/clients/endpoint-runtime';
import type { ShardReader } from '../../../lambda/clients/shard-reader';
import { SeenRecords } from '../../../lambda/stream-consumer/seen-records';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { parseDeadLetter, parseMeasurementLine, resultObjectKey } from '../../../lib/ingestion/contract';
import { parseRecordField } from '../../../lib/ingestion/decide/record-field';
import { rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber } from './poller-model';

const MINUTE_MS = 60_000;
const busy = new RetryableError('ServiceUnavailable: busy');
const refusal = new RequestFailedError('the model returned 422: too long', 422);

const SHARD = 'shardId-000000000000';
const resultKey = (first: number, last: number): string =>
  resultObjectKey('requests', SHARD, sequenceNumber(first), sequenceNumber(last));
const letterKey = (index: number): string => `dead-letters/requests/${SHARD}/${sequenceNumber(index)}.json`;
const failuresFrom = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceNumber(index) }] });
const allDone = { batchItemFailures: [] };

/** One record for each key letter: `batch('aab')` is r-0 and r-1 of key a, r-2 of key b. */
const batch = (keys: string): PutRecord[] => [...keys].map((key, index) => requestRecord(index, key));

describe('the stream consumer', () => {
  test('writes the outcomes of a batch as one object named for its last and first record', async () => {
    const { time, store, environment } = rehearsal(() => ({ milliseconds: 250 }));
    const records = batch('ab');
    expect(await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.keysBelow('results/')).toEqual([resultKey(0, 1)]);
    const [first, second] = store.lines();
    expect(first).toEqual({
      id: 'r-0',
      key: 'a',
      position: sequenceNumber(0),
      arrivedAt: 1_700_000_000,
      answeredAt: 1_700_000_000.25,
      requestSeconds: 0.25,
      status: 200,
      model: null,
      variant: 'main',
      contentType: 'application/json',
      inputTokens: 100,
      outputTokens: 20,
      responseBytes: 75,
      response: '{"id":"r-0","generated_tokens":20,"service_seconds":0.25,"queue_seconds":0}',
      responseObject: null,
      error: null,
      deadLetter: null,
    });
    expect(second!.id).toBe('r-1');
  });

  test('writes the measurements beside the results', async () => {
    const { time, store, environment } = rehearsal(() => ({ milliseconds: 250 }));
    await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)));
    const [key] = store.keysBelow('measurements/');
    expect(key).toBe(resultKey(0, 0).replace('results/', 'measurements/'));
    expect(parseMeasurementLine(store.objects.get(key!)!.trim())).toEqual({
      id: 'r-0',
      key: 'a',
      contextTokens: 100,
      generatedTokens: 20,
      sentAt: 1_700_000_000,
      answeredAt: 1_700_000_000.25,
      serviceSeconds: 0.25,
      queueSeconds: 0,
    });
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
    expect(store.resultIds()).toEqual(['r-0', 'r-3']);
    expect(sent).not.toContain('r-2');
  });

  test('reserves time to write the results', async () => {
    const { time, store, environment } = rehearsal((id) => (id === 'r-1' ? { milliseconds: 10 * MINUTE_MS } : {}));
    const context = time.context(MINUTE_MS);
    expect(await time.until(environment()(kinesisEvent(batch('ab')), context))).toEqual(failuresFrom(1));
    expect(context.getRemainingTimeInMillis()).toBeCloseTo(5_000);
    expect(store.objects.has(resultKey(0, 0))).toBe(true);
  });

  test('writes what is answered behind a failure, and does not invoke the model again for it', async () => {
    let well = false;
    const { time, sent, store, environment } = rehearsal((id) => (id === 'r-0' && !well ? { error: busy } : {}));
    const handler = environment();
    const records = batch('abc');
    expect(await time.until(handler(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(failuresFrom(0));
    expect(store.resultIds()).toEqual(['r-1', 'r-2']);
    well = true;
    sent.length = 0;
    expect(await time.until(handler(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(sent).toEqual(['r-0']);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1', 'r-2']);
  });

  test('writes a dead letter with the payload of a record that the model refuses, and the results of its neighbours', async () => {
    const { time, store, sent, published, logLines, environment } = rehearsal((id) =>
      id === 'r-1' ? { error: refusal, milliseconds: 5 } : {},
    );
    const records = batch('abb');
    expect(await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.resultIds()).toEqual(['r-0', 'r-2']);
    expect(store.deadLetterIds()).toEqual(['r-1']);
    expect(sent.filter((id) => id === 'r-1')).toHaveLength(3);
    expect(store.lines()[1]).toMatchObject({ status: 422, response: null, deadLetter: letterKey(1) });
    const letter = parseDeadLetter(store.objects.get(letterKey(1))!);
    expect(letter).toMatchObject({ sequenceNumber: sequenceNumber(1), partitionKey: 'b' });
    expect(letter.error).toBe('the model returned 422: too long (3 times, while other requests were answered)');
    expect(Buffer.from(letter.payloadBase64, 'base64').toString()).toBe(records[1]!.payload);
    expect(published).toEqual([{ deadLetters: 1, unanswered: 0 }]);
    expect(logLines.map(({ message }) => message)).toContain('dead letter written');
  });

  test('rejects a payload above the maximum size without a request', async () => {
    const { time, store, sent, environment } = rehearsal(() => ({}), { maxRecordBytes: 10 });
    await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)));
    expect(sent).toEqual([]);
    expect(parseDeadLetter(store.objects.get(letterKey(0))!).error).toMatch(
      /payload is \d+ bytes; at most 10 are allowed/,
    );
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
    expect(store.resultIds()).toEqual(['r-0', 'r-2']);
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
      maxRecordBytes: 10,
      publish: () => Promise.reject(new Error('Throttling')),
    });
    expect(await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)))).toEqual(allDone);
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

describe('an invocation that reads its shard ahead', () => {
  /** Reader of these records, all of which have arrived; errors come first. */
  const readerOf = (records: readonly PutRecord[], errors = 0): ShardReader => {
    let failing = errors;
    return {
      after: (_arn, _shard, sequence) => {
        let place = records.findIndex((record) => record.sequenceNumber === sequence) + 1;
        return {
          next(limit) {
            if (failing-- > 0) return Promise.reject(new Error('ProvisionedThroughputExceededException'));
            const page = records
              .slice(place, place + limit)
              .map(({ sequenceNumber: number, partitionKey, payload }) => ({
                sequenceNumber: number,
                partitionKey,
                payload: Buffer.from(payload as string),
                arrivedAt: 1_700_000_000,
              }));
            place += page.length;
            return Promise.resolve({ records: page, isBehind: false, isLast: false });
          },
        };
      },
    };
  };

  test('sends the records of other keys while a slow one is in flight, and writes them', async () => {
    const records = batch('aabcd');
    const { time, sent, store, environment } = rehearsal((id) => ({ milliseconds: id === 'r-0' ? 20_000 : 10 }), {
      reader: readerOf(records),
    });
    const response = environment()(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS));
    await time.until(time.sleep(10_000));
    expect(sent).toEqual(['r-0', 'r-2', 'r-3', 'r-4']);
    expect(store.resultIds()).toEqual(['r-2', 'r-3', 'r-4']);
    expect(await time.until(response)).toEqual(allDone);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1', 'r-2', 'r-3', 'r-4']);
  });

  test('finds what it has read ahead when Lambda delivers it: in its own memory, or in the results', async () => {
    const records = batch('abc');
    const { time, sent, store, environment } = rehearsal((id) => ({ milliseconds: id === 'r-0' ? 3_000 : 10 }), {
      reader: readerOf(records),
    });
    const handler = environment();
    await time.until(handler(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS)));
    const gets = store.gets;
    expect(await time.until(handler(kinesisEvent(records.slice(1)), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.gets).toBe(gets);
    expect(await time.until(environment()(kinesisEvent(records.slice(1)), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(store.gets).toBeGreaterThan(gets);
    expect(sent).toEqual(['r-0', 'r-1', 'r-2']);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1', 'r-2']);
  });

  test('does not wait for a slow record at its end: the next invocation awaits the same request', async () => {
    const records = batch('aaab');
    const { time, sent, store, environment } = rehearsal((id) => ({ milliseconds: id === 'r-3' ? 10 : 28_000 }), {
      reader: readerOf(records),
    });
    const handler = environment();
    const begin = time.clock.now();
    expect(await time.until(handler(kinesisEvent(records), time.context(90_000)))).toEqual(failuresFrom(2));
    // 85 s for requests; 75 s, and two more at the end
    expect(time.clock.now() - begin).toBeCloseTo(77, 0);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1', 'r-3']);
    expect(await time.until(handler(kinesisEvent(records.slice(2)), time.context(90_000)))).toEqual(allDone);
    expect(time.clock.now() - begin).toBeCloseTo(84, 0);
    expect(sent).toEqual(['r-0', 'r-3', 'r-1', 'r-2']);
    expect(store.resultIds().sort()).toEqual(['r-0', 'r-1', 'r-2', 'r-3']);
  });

  test('reads on after an error', async () => {
    const records = batch('ab');
    const { time, sent, logLines, environment } = rehearsal((id) => ({ milliseconds: id === 'r-0' ? 9_000 : 10 }), {
      reader: readerOf(records, 2),
    });
    await time.until(environment()(kinesisEvent(records.slice(0, 1)), time.context(MINUTE_MS)));
    expect(sent).toEqual(['r-0', 'r-1']);
    expect(logLines.filter(({ message }) => message === 'cannot read the shard ahead')).toHaveLength(2);
  });
});

describe('a payload', () => {
  const bytesOf = (...payloads: readonly (string | Buffer)[]): PutRecord[] =>
    payloads.map((payload, index) => ({ sequenceNumber: sequenceNumber(index), partitionKey: `p-${index}`, payload }));

  test.each<[string, string | Buffer]>([
    ['any JSON', '{"id":"1","key":"u","prompt":"Hello","max_tokens":10}'],
    ['a chat request', '{"model":"m","messages":[{"role":"user","content":"Grüße 🙂"}]}'],
    ['JSON lines', '{"a":1}\n{"a":2}\n'],
    ['JSON in Latin-1', Buffer.from('{"name":"J\xfcrgen"}', 'latin1')],
    ['no text', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255, 254])],
    ['empty', ''],
  ])('that is %s reaches the endpoint byte for byte', async (_, payload) => {
    const { time, payloads, store, environment } = rehearsal(() => ({}));
    expect(await time.until(environment()(kinesisEvent(bytesOf(payload)), time.context(MINUTE_MS)))).toEqual(allDone);
    expect(payloads.map((body) => Buffer.from(body))).toEqual([Buffer.from(payload as string)]);
    expect(store.lines()).toHaveLength(1);
  });

  test('without the configured id has its place in the stream as id, its partition key as key', async () => {
    const { time, store, environment } = rehearsal(() => ({}));
    await time.until(environment()(kinesisEvent(bytesOf('{"id":{}}', 'no JSON')), time.context(MINUTE_MS)));
    expect(store.lines().map(({ id, key }) => [id, key])).toEqual([
      [`${SHARD}:${sequenceNumber(0)}`, 'p-0'],
      [`${SHARD}:${sequenceNumber(1)}`, 'p-1'],
    ]);
  });

  test.each([
    ['the hash of its bytes', 'payload-hash', '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    ['the partition key', 'partition-key', 'p-0'],
    ['the place in the stream', 'sequence-number', `${SHARD}:${sequenceNumber(0)}`],
  ])('can have %s as id', async (_, field, id) => {
    const fields = { id: parseRecordField(field), key: parseRecordField('partition-key') };
    const { time, store, environment } = rehearsal(() => ({}), { recordFields: fields });
    await time.until(environment()(kinesisEvent(bytesOf('hello')), time.context(MINUTE_MS)));
    expect(store.lines().map((line) => line.id)).toEqual([id]);
  });

  test('can have its order key in it: records of one key are sent one after the other, whatever their partition keys', async () => {
    const fields = { id: parseRecordField('$.id'), key: parseRecordField('$.user.name') };
    const { time, peakInFlight, environment } = rehearsal(() => ({}), { recordFields: fields });
    const records = bytesOf('{"id":"1","user":{"name":"a"}}', '{"id":"2","user":{"name":"a"}}');
    await time.until(environment()(kinesisEvent(records), time.context(MINUTE_MS)));
    expect(peakInFlight()).toBe(1);
  });
});

describe('a response', () => {
  const writtenFor = async (body: Buffer, contentType = 'application/json') => {
    const { time, store, environment } = rehearsal(() => ({ answer: { body, contentType } }));
    await time.until(environment()(kinesisEvent(batch('a')), time.context(MINUTE_MS)));
    return { line: store.lines()[0]!, store };
  };

  test('is part of the line as it came, with the model and the tokens that it tells', async () => {
    const text =
      '{ "model": "llama", "choices": [{"message": {"content": "Paris \\ud83d"}}], "big": 12345678901234567890,\n "usage": {"prompt_tokens": 9, "completion_tokens": 3}}';
    const { line } = await writtenFor(Buffer.from(text));
    expect(line).toMatchObject({
      response: text,
      model: 'llama',
      inputTokens: 9,
      outputTokens: 3,
      responseObject: null,
    });
  });

  test.each([
    ['is no text', Buffer.from([0, 255, 1]), 'application/octet-stream'],
    ['is longer than 64 KiB', Buffer.alloc(64 * 1024 + 1, 'a'), 'text/plain'],
  ])('that %s is an object beside the line', async (_, body, contentType) => {
    const { line, store } = await writtenFor(body, contentType);
    expect(line).toMatchObject({ response: null, contentType, responseBytes: body.length });
    expect(Buffer.from(store.bytes.get(line.responseObject!)!)).toEqual(body);
  });

  test.each(['12.5', '1e300', '-1', '"7"', 'null'])(
    'with %s tokens has no measurement, and is kept',
    async (tokens) => {
      const { line, store } = await writtenFor(Buffer.from(`{"generated_tokens":${tokens}}`));
      expect(line).toMatchObject({ outputTokens: null, response: `{"generated_tokens":${tokens}}` });
      expect(store.keysBelow('measurements/')).toEqual([]);
    },
  );
});

describe('seen records', () => {
  const answer = (size: number) => ({
    answer: { status: 200, body: new Uint8Array(size) },
    answeredAt: 1,
    requestSeconds: 1,
  });

  test('drops the oldest answers beyond its maximum size', () => {
    const seen = new SeenRecords(4_000);
    ['1', '2', '3'].forEach((position) => seen.add('shard', position, answer(1_000)));
    expect(['1', '2', '3'].map((position) => seen.get('shard', position) !== undefined)).toEqual([false, true, true]);
  });

  test('keeps shards apart', () => {
    const seen = new SeenRecords();
    seen.add('shard-1', '1', answer(1));
    expect(seen.get('shard-2', '1')).toBeUndefined();
  });
});
