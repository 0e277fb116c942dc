import { formatResultLine, RESULT_COLUMNS, type RecordResult } from '../../lib/ingestion/contract';
import { resultMessage, resultReference, sinkRequests } from '../../lib/ingestion/decide/result-messages';

const result = (over: Partial<RecordResult> = {}): RecordResult => ({
  id: 'r-1',
  key: 'user-1',
  position: '17',
  arrivedAt: 1,
  answeredAt: 2,
  requestSeconds: 1,
  status: 200,
  model: 'chat',
  variant: 'main',
  contentType: 'application/json',
  inputTokens: 1,
  outputTokens: 2,
  responseBytes: 5,
  response: '"yes"',
  responseObject: null,
  error: null,
  deadLetter: null,
  ...over,
});
const OBJECT = 'results/requests/shard/17-17.jsonl';
const parsed = (line: string, maxBytes = 1000) => {
  const { key, body } = resultMessage(line, OBJECT, { maxMessageBytes: maxBytes, maxKeyLength: 256 });
  return { key, bytes: Buffer.byteLength(body), fields: JSON.parse(body) as Record<string, unknown> };
};

describe('the message of a result', () => {
  test('is the line with the object that has it', () => {
    const line = formatResultLine(result());
    const { key, fields } = parsed(line);
    expect(key).toBe('user-1');
    expect(fields).toEqual({ ...(JSON.parse(line) as object), result_object: OBJECT });
  });

  test('refers to the line where the response is too large', () => {
    const { fields, bytes } = parsed(formatResultLine(result({ response: 'x'.repeat(1000), responseBytes: 1000 })));
    expect(fields).toMatchObject({ id: 'r-1', response: null, response_bytes: 1000, is_reference: true });
    expect(fields.result_object).toBe(OBJECT);
    expect(bytes).toBeLessThanOrEqual(1000);
  });

  test('counts bytes, not characters', () => {
    expect(parsed(formatResultLine(result({ response: 'ü'.repeat(450) }))).fields.response).toBeNull();
  });

  test('is the place alone where the id and the key are too large', () => {
    const { key, fields } = parsed(formatResultLine(result({ id: 'x'.repeat(2000), key: 'k'.repeat(2000) })));
    expect(fields).toEqual({ sequence_number: '17', result_object: OBJECT, is_reference: true });
    expect(key).toBe('k'.repeat(256));
  });

  test('has a partition key where the record has none', () => {
    expect(parsed(formatResultLine(result({ key: '' }))).key).toBe('-');
  });

  test('has the fields of a table', () => {
    const spilled = { mapped: 'x'.repeat(1000), mappingError: null, spilledAt: 1 };
    const { fields } = parsed(formatResultLine(result(spilled)));
    expect(Object.keys(fields)).toEqual(Object.keys(RESULT_COLUMNS));
    expect(fields).toMatchObject({ mapped: null, mapping_error: null, is_reference: true });
  });
});

describe('a smaller message of a result', () => {
  const message = (over: Partial<RecordResult>) =>
    resultMessage(formatResultLine(result(over)), OBJECT, { maxMessageBytes: 1e6, maxKeyLength: 256 });

  test('has no texts of the line, then the place alone, and there is none below that', () => {
    const first = resultReference(message({ response: 'x'.repeat(500), error: 'y'.repeat(500) }))!;
    expect(first.key).toBe('user-1');
    expect(JSON.parse(first.body)).toMatchObject({ id: 'r-1', response: null, error: null, is_reference: true });
    const second = resultReference(first)!;
    expect(JSON.parse(second.body)).toEqual({ sequence_number: '17', result_object: OBJECT, is_reference: true });
    expect(resultReference(second)).toBeUndefined();
  });

  test('is the place where the line has no texts to leave out', () => {
    const reference = resultReference(message({ response: null }))!;
    expect(JSON.parse(reference.body)).toEqual({ sequence_number: '17', result_object: OBJECT, is_reference: true });
  });
});

describe('the requests of a sink', () => {
  const message = (bytes: number) => ({ key: '', body: 'x'.repeat(bytes) });

  test('have all messages in their order, within both limits', () => {
    const messages = [3, 3, 5, 9, 1, 1, 1, 1].map(message);
    const requests = sinkRequests(messages, { maxMessages: 3, maxBytes: 10 });
    expect(requests.flat()).toEqual(messages);
    expect(requests.map((each) => each.map(({ body }) => body.length))).toEqual([[3, 3], [5], [9, 1], [1, 1, 1]]);
  });

  test('are none without a message', () => {
    expect(sinkRequests([], { maxMessages: 3, maxBytes: 10 })).toEqual([]);
  });
});
