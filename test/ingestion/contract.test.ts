import * as fc from 'fast-check';
import { InputError } from '../../lib/core/errors';
import {
  deadLetterObjectKey,
  formatDeadLetter,
  formatInferenceAnswer,
  formatInferenceRequest,
  formatResultLine,
  parseDeadLetter,
  parseInferenceAnswer,
  parseInferenceRequest,
  parseResultLine,
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
    ['is no JSON', 'hello', 'the request is no JSON: '],
    ['is empty', '', 'the request is no JSON: '],
    ['is a list', '[]', 'the request is no JSON object'],
    ['is null', 'null', 'the request is no JSON object'],
    ['has no id', JSON.stringify({ ...well, id: undefined }), 'the request has no id'],
    ['has an empty key', JSON.stringify({ ...well, key: '' }), 'the request has no key'],
    ['has a number as key', JSON.stringify({ ...well, key: 7 }), 'the request has no key'],
    ['has half a token', JSON.stringify({ ...well, context_tokens: 0.5 }), 'the request has context_tokens 0.5'],
    ['has negative tokens', JSON.stringify({ ...well, generated_tokens: -1 }), 'the request has generated_tokens -1'],
    ['has tokens as text', JSON.stringify({ ...well, context_tokens: '5' }), 'the request has context_tokens "5"'],
    ['has endless tokens', '{"id":"r","key":"k","context_tokens":1e999,"generated_tokens":1}', 'context_tokens null'],
    ['has a time as text', JSON.stringify({ ...well, sent_at: 'now' }), 'the request has sent_at "now"'],
  ])('that %s is refused', (_, body, message) => {
    expect(() => parseInferenceRequest(body)).toThrow(InputError);
    expect(() => parseInferenceRequest(body)).toThrow(message);
  });
});

describe('an answer', () => {
  test('reads back as it was written', () => {
    const answer = { generatedTokens: 44, queueSeconds: 0.5, serviceSeconds: 1.25, instance: 'i-1' };
    expect(parseInferenceAnswer(formatInferenceAnswer('r-1', answer))).toEqual(answer);
  });

  test.each(['plain text', '[1]', '{"service_seconds":"fast","queue_seconds":-1}'])(
    'of another shape (%s) tells nothing',
    (body) => {
      expect(Object.values(parseInferenceAnswer(body)).filter((value) => value !== undefined)).toEqual([]);
    },
  );
});

describe('a result line', () => {
  test('reads back as it was written', () => {
    const result = fc.record({
      id: text,
      key: text,
      contextTokens: tokens,
      generatedTokens: tokens,
      sentAt: fc.option(seconds),
      answeredAt: seconds,
      serviceSeconds: seconds,
      queueSeconds: seconds,
    });
    fc.assert(fc.property(result, (given) => expect(parseResultLine(formatResultLine(given))).toEqual(given)));
  });

  test('without an answer time is refused', () => {
    const line = '{"id":"r","key":"k","context_tokens":1,"generated_tokens":1}';
    expect(() => parseResultLine(line)).toThrow('the result line has no answered_at');
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
});

describe('object names', () => {
  test('depend on the records alone', () => {
    expect(resultObjectKey('requests', 'shardId-000000000000', '10', '19')).toBe(
      'results/requests/shardId-000000000000/10-19.jsonl',
    );
    expect(deadLetterObjectKey('requests', 'shardId-000000000000', '12')).toBe(
      'dead-letters/requests/shardId-000000000000/12.json',
    );
  });
});
