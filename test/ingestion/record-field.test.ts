import { InputError } from '../../lib/core/errors';
import { RecordField } from '../../lib/ingestion';
import { parseRecordField, readPath } from '../../lib/ingestion/decide/record-field';

const read = (path: string, value: unknown): string | undefined => {
  const field = parseRecordField(path);
  return field.kind === 'json' ? readPath(value, field.path, () => JSON.stringify(value)) : undefined;
};

describe('a path into a payload', () => {
  test.each<[string, unknown, string | undefined]>([
    ['$.id', { id: 'r-1' }, 'r-1'],
    ['$.user.id', { user: { id: 7 } }, '7'],
    ["$['user-id'][1].a", { 'user-id': [{}, { a: 'x' }] }, 'x'],
    ['$[0]', ['first'], 'first'],
    ['$.user-id', { 'user-id': 'u' }, 'u'],
    ['$.id', { id: '' }, undefined],
    ['$.id', { id: { deep: 1 } }, undefined],
    ['$.id', 'text', undefined],
    ['$.id', undefined, undefined],
    ['$.length', [1, 2], undefined],
    ['$.constructor', {}, undefined],
    ['$.toString.name', {}, undefined],
  ])('%s of %j is %s', (path, value, expected) => {
    expect(read(path, value)).toBe(expected);
  });

  test.each<[string, string, string | undefined]>([
    ['$.id', '{"id":12345678901234567890}', '12345678901234567890'],
    ['$.id', '{"id":-9007199254740993,"other":1.12345678901234567890}', '-9007199254740993'],
    ["$['a\"1'][1]", '{"text":"\\"9007199254740993\\\\","n":9007199254740993}', undefined],
    ['$.ids[1]', '{"9007199254740993":"{\\"x\\":9007199254740993}","ids":[1,9007199254740993]}', '9007199254740993'],
    ['$.id', '{"id":1e300}', '1e+300'],
    ['$.id', '{"id":1e999}', undefined],
    ['$.id', '{"id":90071992547409931.0}', '90071992547409940'],
  ])('%s of %s has every digit: %s', (path, json, expected) => {
    const field = parseRecordField(path);
    expect(field.kind === 'json' && readPath(JSON.parse(json), field.path, () => json)).toBe(expected);
  });

  test.each(['', '$', 'id', '$.', '$..id', '$.*', '$.a[', '$.a b', '$.a[-1]'])("cannot be '%s'", (path) => {
    expect(() => RecordField.jsonPath(path)).toThrow(InputError);
    expect(() => RecordField.jsonPath(path)).toThrow('such as $.id');
  });
});

test('the other fields are named as the consumer reads them', () => {
  const fields = [RecordField.partitionKey(), RecordField.sequenceNumber(), RecordField.payloadHash()];
  expect(fields.map(({ expression }) => parseRecordField(expression).kind)).toEqual([
    'partition-key',
    'sequence-number',
    'payload-hash',
  ]);
});
