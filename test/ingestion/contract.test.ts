import * as fc from 'fast-check';
import { InputError } from '../../lib/core/errors';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  formatInferenceResponse,
  formatInferenceRequest,
  formatMeasurementLine,
  formatResultLine,
  parseDeadLetter,
  parseInferenceResponse,
  parseInferenceRequest,
  parseMeasurementLine,
  parseResultLine,
  parseResultObjectKey,
  resultObjectKey,
} from '../../lib/ingestion/contract';

const text = fc.string({ minLength: 1 });
const tokens = fc.integer({ min: 0, max: 1_000_000 });
const seconds = fc.double({ min: 0, max: 4e9, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

describe('a request', () => {
  test('reads back as it was written', () => {
    const request = fc.record(
      { id: text, key: text, contextTokens: tokens, generatedTokens: tokens, sentAt: seconds },
      { requiredKeys: ['id', 'key', 'contextTokens', 'generatedTokens'] },
    );
    fc.assert(
      fc.property(request, (given) => {
        expect(parseInferenceRequest(formatInferenceRequest(given))).toEqual(given);
      }),
    );
  });

  test('has the field names of the wire', () => {
    expect(
      formatInferenceRequest({ id: 'r-1', key: 'user-17', contextTokens: 374, generatedTokens: 44, sentAt: 1.5 }),
    ).toBe('{"id":"r-1","key":"user-17","context_tokens":374,"generated_tokens":44,"sent_at":1.5}');
  });

  const well = { id: 'r-1', key: 'k', context_tokens: 1, generated_tokens: 2 };
  test.each<[string, string, string]>([
    ['is not JSON', 'hello', 'the request is not valid JSON; expected an object'],
    ['is empty', '', 'the request is not valid JSON; expected an object'],
    ['is a list', '[]', 'the request: the value is []; expected an object'],
    ['is null', 'null', 'the request: the value is null; expected an object'],
    ['has no id', JSON.stringify({ ...well, id: undefined }), 'the request: id is missing; expected non-empty text'],
    ['has an empty key', JSON.stringify({ ...well, key: '' }), 'the request: key is ""; expected non-empty text'],
    ['has a number as key', JSON.stringify({ ...well, key: 7 }), 'the request: key is 7; expected non-empty text'],
    [
      'has half a token',
      JSON.stringify({ ...well, context_tokens: 0.5 }),
      'the request: context_tokens is 0.5; expected a whole number of at least 0',
    ],
    [
      'has negative tokens',
      JSON.stringify({ ...well, generated_tokens: -1 }),
      'the request: generated_tokens is -1; expected',
    ],
    [
      'has tokens as text',
      JSON.stringify({ ...well, context_tokens: '5' }),
      'the request: context_tokens is "5"; expected',
    ],
    [
      'has endless tokens',
      '{"id":"r","key":"k","context_tokens":1e999,"generated_tokens":1}',
      'context_tokens is Infinity',
    ],
    [
      'has a time as text',
      JSON.stringify({ ...well, sent_at: 'now' }),
      'the request: sent_at is "now"; expected a number',
    ],
  ])('that %s is refused', (_, body, message) => {
    expect(() => parseInferenceRequest(body)).toThrow(InputError);
    expect(() => parseInferenceRequest(body)).toThrow(message);
  });
});

describe('a response', () => {
  test('reads back as it was written', () => {
    const answer = { generatedTokens: 44, queueSeconds: 0.5, serviceSeconds: 1.25, instance: 'i-1' };
    expect(parseInferenceResponse(formatInferenceResponse('r-1', answer))).toEqual(answer);
  });

  test('has the output of a model as it came', () => {
    const output = '{"outputs": [{"data": [1.0, 2e-3]}]}';
    const text = formatInferenceResponse('r-1', { generatedTokens: 44, output });
    expect(text).toBe(`{"id":"r-1","generated_tokens":44,"output":${output}}`);
    expect(parseInferenceResponse(text).output).toBe('{"outputs":[{"data":[1,0.002]}]}');
  });

  test.each(['plain text', '[1]', '{"service_seconds":"fast","queue_seconds":-1}'])(
    'of another format (%s) has no fields',
    (body) => {
      expect(Object.values(parseInferenceResponse(body)).filter((value) => value !== undefined)).toEqual([]);
    },
  );
});

describe('a result line', () => {
  const perhaps = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value);

  test('reads back as it was written, whatever the response', () => {
    const result = fc.record({
      id: text,
      key: text,
      position: text,
      arrivedAt: seconds,
      answeredAt: seconds,
      requestSeconds: perhaps(seconds),
      status: perhaps(tokens),
      model: perhaps(text),
      variant: perhaps(text),
      contentType: perhaps(text),
      inputTokens: perhaps(tokens),
      outputTokens: perhaps(tokens),
      responseBytes: perhaps(tokens),
      response: perhaps(fc.string({ unit: 'binary' })),
      responseObject: perhaps(text),
      error: perhaps(text),
      deadLetter: perhaps(text),
    });
    fc.assert(
      fc.property(result, (given) => {
        const line = formatResultLine(given);
        expect(line).not.toContain('\n');
        expect(parseResultLine(line)).toEqual(given);
      }),
    );
  });

  test('without its times is refused', () => {
    expect(() => parseResultLine('{"id":"r","key":"k","sequence_number":"1"}')).toThrow(
      'answered_at is missing; expected a number',
    );
  });
});

describe('a measurement line', () => {
  test('reads back as it was written', () => {
    const measurement = fc.record({
      id: text,
      key: text,
      contextTokens: tokens,
      generatedTokens: tokens,
      sentAt: fc.option(seconds),
      answeredAt: seconds,
      serviceSeconds: seconds,
      queueSeconds: seconds,
    });
    fc.assert(
      fc.property(measurement, (given) => expect(parseMeasurementLine(formatMeasurementLine(given))).toEqual(given)),
    );
  });
});

describe('a dead letter', () => {
  test('reads back as it was written, an empty payload included', () => {
    const letter = fc.record({
      sequenceNumber: text,
      partitionKey: text,
      payloadBase64: fc.base64String(),
      error: text,
      at: seconds,
    });
    fc.assert(fc.property(letter, (given) => expect(parseDeadLetter(formatDeadLetter(given))).toEqual(given)));
  });

  test.each(['eyJ9=', 'eyJ', 'ey J9', 'ey\u00e9x', '=', 'eyJ9\n'])(
    'whose payload is damaged (%j) is refused: nothing else is put in its place',
    (payloadBase64) => {
      const letter = { sequenceNumber: '1', partitionKey: 'k', payloadBase64, error: 'x', at: 1 };
      expect(() => parseDeadLetter(formatDeadLetter(letter))).toThrow(/payloadBase64 is .*; expected base64/);
    },
  );
});

describe('object names', () => {
  const shard = 'shardId-000000000000';

  test('depend on the records alone', () => {
    expect(resultObjectKey('requests', shard, '10', '19')).toBe('results/requests/shardId-000000000000/19-10.jsonl');
    expect(deadLetterObjectKey('requests', shard, '12')).toBe('dead-letters/requests/shardId-000000000000/12.json');
  });

  test('of results tell the first and the last record', () => {
    expect(parseResultObjectKey(resultObjectKey('requests', shard, '10.000001', '19'))).toEqual({
      first: '10.000001',
      last: '19',
    });
    expect(parseResultObjectKey('results/requests/notes.txt')).toBeUndefined();
  });
});
