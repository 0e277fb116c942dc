import { MappingFunctionError } from '../../../lambda/clients/mapping-function';
import { createHandler } from '../../../lambda/stream-consumer/handler';
import {
  expressionMapper,
  functionMapper,
  mappedEndpoint,
  type PayloadMapper,
} from '../../../lambda/stream-consumer/mapped-endpoint';
import { compileExpression } from '../../../lambda/support/json-expression';
import { PermanentError, RetryableError } from '../../../lib/core/errors';
import { parseDeadLetter, parseResultLine } from '../../../lib/ingestion/contract';
import { type Behaviour, rehearsal, requestRecord } from './fakes';
import { kinesisEvent, type PutRecord, sequenceNumber } from './poller-model';

const MINUTE_MS = 60_000;
const MAX_REQUEST_BYTES = 4_096;

const expression = (text: string): PayloadMapper => expressionMapper(compileExpression(text));
const returning = (map: (body: string) => string | Promise<string>): PayloadMapper =>
  functionMapper({ map: async (body) => Buffer.from(await map(Buffer.from(body).toString())) }, 'application/json');

/** Consumer of a stream whose endpoint is behind mappings. */
function mapped(
  mappers: { readonly request?: PayloadMapper; readonly response?: PayloadMapper },
  behaviour: Behaviour = () => ({}),
) {
  const played = rehearsal(behaviour);
  const { dependencies, time } = played;
  const endpoint = mappedEndpoint(dependencies.endpoint, {
    ...mappers,
    maxRequestBytes: MAX_REQUEST_BYTES,
    sleep: time.sleep,
    random: () => 0.5,
  });
  const handler = createHandler({ ...dependencies, endpoint });
  const deliver = (records: readonly PutRecord[]) =>
    time.until(handler(kinesisEvent(records), time.context(2 * MINUTE_MS)));
  return { ...played, deliver };
}

const record = (index: number, payload: unknown, key = `k-${index}`): PutRecord => ({
  ...requestRecord(index, key),
  payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
});
const texts = (payloads: readonly Uint8Array[]): string[] => payloads.map((one) => Buffer.from(one).toString());

describe('a request mapping', () => {
  test('gives the endpoint what it makes of a record, whose id and key are those of the record', async () => {
    const { deliver, payloads, store } = mapped({ request: expression('{id: id, inputs: prompt}') });
    expect(await deliver([record(0, { id: 'r-0', prompt: 'hi', more: 1 }, 'user-1')])).toEqual({
      batchItemFailures: [],
    });
    expect(texts(payloads)).toEqual(['{"id":"r-0","inputs":"hi"}']);
    const [line] = store.lines();
    expect(line).toMatchObject({ id: 'r-0', key: 'user-1', status: 200, error: null });
    expect(line).not.toHaveProperty('mapped');
  });

  test.each<[string, unknown, string]>([
    ['is no JSON', 'tide', 'requestMapping: the payload is not JSON'],
    [
      'it fails on',
      { id: 'r-1', prompt: 7 },
      'requestMapping: the expression failed: Invalid argument type for function join()',
    ],
    [
      'it makes null of',
      { id: 'r-1', prompt: null, skip: true },
      'requestMapping: the expression failed: its result is null',
    ],
    [
      'it makes too large',
      { id: 'r-1', prompt: Array(2_000).fill('ab') },
      'requestMapping: the expression failed: its result is larger than 4096 bytes',
    ],
  ])('sets a record aside that %s, with the reason and the payload as it came', async (_, payload, reason) => {
    const mapping = expression("(!skip || `null`) && {id: id, inputs: join(' ', prompt)}");
    const { deliver, store } = mapped({ request: mapping });
    const bad = record(1, payload);
    const good = [0, 2, 3].map((index) => record(index, { id: `r-${index}`, prompt: ['a'] }));
    expect(await deliver([good[0]!, bad, good[1]!, good[2]!])).toEqual({ batchItemFailures: [] });
    expect(store.lines()).toHaveLength(4);
    const line = store.lines().find(({ position }) => position === sequenceNumber(1))!;
    expect(line.error).toContain(reason);
    expect(line.error).toContain('while other requests were answered');
    expect(line).toMatchObject({ status: null, response: null });
    const letter = parseDeadLetter(store.objects.get(line.deadLetter!)!);
    expect(Buffer.from(letter.payloadBase64, 'base64').toString()).toBe(bad.payload);
  });

  test('that suits no record makes no dead letter: the records wait', async () => {
    const { deliver, store, sent } = mapped({ request: expression('inputs') });
    const records = [0, 1, 2].map((index) => record(index, { id: `r-${index}` }));
    expect(await deliver(records)).toEqual({ batchItemFailures: [{ itemIdentifier: sequenceNumber(0) }] });
    expect(store.lines()).toEqual([]);
    expect(sent).toEqual([]);
  });

  test('by a function that throws on a record sets this one aside', async () => {
    const request = returning((body) => {
      if (body.includes('bad')) throw new MappingFunctionError("KeyError: 'prompt'");
      return body;
    });
    const { deliver, store } = mapped({ request });
    await deliver([record(0, { id: 'r-0' }), record(1, { id: 'bad' }), record(2, { id: 'r-2' })]);
    expect(store.lines().filter(({ error }) => error !== null)).toEqual([
      expect.objectContaining({
        id: 'bad',
        error: expect.stringContaining("requestMapping: the function failed: KeyError: 'prompt'") as string,
      }),
    ]);
  });

  test('by a function that returns too much sets the record aside', async () => {
    const request = returning((body) => (body.includes('bad') ? 'x'.repeat(MAX_REQUEST_BYTES + 1) : body));
    const { deliver, store } = mapped({ request });
    await deliver([record(0, { id: 'r-0' }), record(1, { id: 'bad' }), record(2, { id: 'r-2' })]);
    expect(store.lines().find(({ id }) => id === 'bad')!.error).toContain(
      'the function returned 4097 bytes; at most 4096 are allowed',
    );
  });

  test('by a function that is out of reach for a while holds the records until it is back', async () => {
    let calls = 0;
    const request = returning((body) => {
      if (++calls <= 12) throw new RetryableError('TooManyRequestsException: slow down');
      return body;
    });
    const { deliver, store } = mapped({ request });
    await deliver([record(0, { id: 'r-0' }), record(1, { id: 'r-1' })]);
    expect(store.lines().map(({ error }) => error)).toEqual([null, null]);
  });

  test('by a function that may not be invoked fails the batch', async () => {
    const request = returning(() => Promise.reject(new PermanentError('AccessDeniedException: no')));
    await expect(mapped({ request }).deliver([record(0, { id: 'r-0' })])).rejects.toThrow('AccessDeniedException: no');
  });
});

describe('a response mapping', () => {
  test('stands beside the response as the model gave it', async () => {
    const { deliver, store } = mapped({ response: expression('{tokens: generated_tokens}') });
    await deliver([requestRecord(0, 'a')]);
    const [line] = store.lines();
    expect(line).toMatchObject({ mapped: '{"tokens":20}', mappingError: null, outputTokens: 20 });
    expect(JSON.parse(line!.response!)).toMatchObject({ id: 'r-0', generated_tokens: 20 });
    const [key] = store.keysBelow('results/');
    const written = JSON.parse(store.objects.get(key!)!) as object;
    expect(written).toMatchObject({ mapped: '{"tokens":20}', mapping_error: null });
    expect(parseResultLine(JSON.stringify(written))).toEqual(line);
  });

  test('that fails leaves the answer, with the reason', async () => {
    const { deliver, store, sent } = mapped({ response: expression('usage') });
    await deliver([requestRecord(0, 'a')]);
    expect(sent).toEqual(['r-0']);
    const [line] = store.lines();
    expect(line).toMatchObject({
      status: 200,
      error: null,
      mapped: null,
      mappingError: 'responseMapping: the expression failed: its result is null',
    });
    expect(parseResultLine(store.objects.get(store.keysBelow('results/')[0]!)!.trim())).toEqual(line);
  });

  test('by a function is tried three times, and the model works once', async () => {
    let calls = 0;
    const response = returning(() => {
      if (++calls < 3) throw new RetryableError('busy');
      return 'mapped';
    });
    const { deliver, store, sent } = mapped({ response });
    await deliver([requestRecord(0, 'a')]);
    expect(calls).toBe(3);
    expect(sent).toEqual(['r-0']);
    expect(store.lines()[0]).toMatchObject({ mapped: 'mapped', mappingError: null });
  });

  test.each<[string, Error, number, string]>([
    ['out of reach', new RetryableError('TimeoutError: late'), 3, 'responseMapping: TimeoutError: late'],
    ['forbidden', new PermanentError('AccessDeniedException: no'), 1, 'responseMapping: AccessDeniedException: no'],
    ['broken', new MappingFunctionError('Boom'), 1, 'responseMapping: the function failed: Boom'],
  ])('by a function that is %s holds nothing back', async (_, error, expected, reason) => {
    let calls = 0;
    const response = returning(() => {
      calls += 1;
      throw error;
    });
    const { deliver, store } = mapped({ response });
    expect(await deliver([requestRecord(0, 'a')])).toEqual({ batchItemFailures: [] });
    expect(calls).toBe(expected);
    expect(store.lines()[0]).toMatchObject({ status: 200, mapped: null, mappingError: reason });
  });

  test('whose result is no text is told in the line', async () => {
    const response = functionMapper({ map: () => Promise.resolve(Buffer.from([0xff])) }, 'image/png');
    const { deliver, store } = mapped({ response });
    await deliver([requestRecord(0, 'a')]);
    expect(store.lines()[0]).toMatchObject({
      mapped: null,
      mappingError: 'responseMapping: the result is not UTF-8 text',
    });
  });
});
