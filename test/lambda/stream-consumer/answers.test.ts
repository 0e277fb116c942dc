import { answeredLine, measurementOf, rejectedLine } from '../../../lambda/stream-consumer/answers';

const shard = { streamName: 'requests', shardId: 's' };
const record = {
  sequenceNumber: '1',
  position: '1',
  partitionKey: 'a',
  payload: Buffer.from('{"context_tokens":5}'),
  arrivedAt: 10,
  id: 'r-1',
  key: 'a',
};
const answered = (body: string | Buffer, more: object = {}) =>
  answeredLine(shard, record, {
    answer: { status: 200, body: Buffer.from(body as string), ...more },
    answeredAt: 13,
    requestSeconds: 2,
  });

describe('the line of an answered record', () => {
  test('has what is known of the answer, and null for what is not', () => {
    expect(answered('hi').line).toEqual({
      id: 'r-1',
      key: 'a',
      position: '1',
      arrivedAt: 10,
      answeredAt: 13,
      requestSeconds: 2,
      status: 200,
      model: null,
      variant: null,
      contentType: null,
      inputTokens: null,
      outputTokens: null,
      responseBytes: 2,
      response: 'hi',
      responseObject: null,
      error: null,
      deadLetter: null,
    });
    const known = { variant: 'main', contentType: 'application/json' };
    const body = '{"model":"m","context_tokens":1,"generated_tokens":0}';
    expect(answered(body, known).line).toMatchObject({ ...known, model: 'm', inputTokens: 1, outputTokens: 0 });
  });

  test('has a response of 64 KiB at most; a longer one is an object, with bytes of no type where it tells none', () => {
    const most = answered(Buffer.alloc(64 * 1024, 'a'));
    expect([most.line.response?.length, most.object]).toEqual([64 * 1024, undefined]);
    const longer = Buffer.alloc(64 * 1024 + 1, 'a');
    const key = 'responses/requests/s/1';
    expect(answered(longer)).toMatchObject({
      line: { response: null, responseObject: key },
      object: { key, body: longer, contentType: 'application/octet-stream' },
    });
    expect(answered(longer, { contentType: 'text/plain' }).object!.contentType).toBe('text/plain');
  });

  test('counts the tokens of the request where the response tells those of the answer alone', () => {
    expect(answered('{"generated_tokens":3}').line).toMatchObject({ inputTokens: 5, outputTokens: 3 });
    expect(answered('{"generated_tokens":3,"context_tokens":4}').line.inputTokens).toBe(4);
    expect(answered('{"text":"hi"}').line).toMatchObject({ inputTokens: null, outputTokens: null });
  });

  test.each([
    ['[{"generated_tokens":3}]', 3],
    [' {"generated_tokens":3}', null],
    [`{"generated_tokens":3,"text":"${'x'.repeat(1024 * 1024 - 32)}"}`, 3],
    [`{"generated_tokens":3,"text":"${'x'.repeat(1024 * 1024 - 31)}"}`, null],
  ])('has the tokens of a JSON response of 1 MiB at most (%#)', (body, tokens) => {
    expect(answered(body).line.outputTokens).toBe(tokens);
  });

  test('tells what became of a mapping where there is one', () => {
    expect(answered('x')).not.toHaveProperty('line.mapped');
    expect(answered('x', { mapped: 'y' }).line).toMatchObject({ mapped: 'y', mappingError: null });
    expect(answered('x', { mappingError: 'no' }).line).toMatchObject({ mapped: null, mappingError: 'no' });
  });
});

describe('the measurement of an answered record', () => {
  test('has the times that the response tells; that of the request, and no queue, where it tells none', () => {
    const common = { id: 'r-1', key: 'a', contextTokens: 5, generatedTokens: 3, sentAt: 10, answeredAt: 13 };
    expect(answered('{"generated_tokens":3}').measurement).toEqual({ ...common, serviceSeconds: 2, queueSeconds: 0 });
    const { line, measurement } = answered('{"generated_tokens":3,"service_seconds":1.5,"queue_seconds":0.5}');
    expect(measurement).toEqual({ ...common, serviceSeconds: 1.5, queueSeconds: 0.5 });
    // Another environment has the line alone.
    expect(measurementOf(line)).toEqual(measurement);
    expect(measurementOf({ ...line, response: null })).toEqual({ ...common, serviceSeconds: 2, queueSeconds: 0 });
  });

  test('is none without tokens or a request', () => {
    expect(answered('{"text":"hi"}').measurement).toBeUndefined();
    const { line } = answered('{"generated_tokens":3}');
    for (const lacking of ['inputTokens', 'outputTokens', 'requestSeconds'])
      expect(measurementOf({ ...line, [lacking]: null })).toBeUndefined();
  });
});

test('the line of a record that is set aside has the reason and the place of its dead letter', () => {
  expect(rejectedLine(shard, record, { error: 'refused', status: 422, at: 12 })).toEqual({
    ...answered('').line,
    answeredAt: 12,
    requestSeconds: null,
    status: 422,
    responseBytes: null,
    response: null,
    error: 'refused',
    deadLetter: 'dead-letters/requests/s/1.json',
  });
});
