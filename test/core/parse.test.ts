import { InputError } from '../../lib/core/errors';
import { finite, isObject, parseJson, parseValue } from '../../lib/core/parse';

interface Fleet {
  readonly name: string;
  readonly limits: readonly number[];
  readonly prices: { readonly [type: string]: number };
  readonly note?: string;
}

const parseFleet = (text: string): Fleet =>
  parseJson('FLEET', text, 'a fleet', (root) => ({
    name: root.at('name').text(),
    limits: root
      .at('limits')
      .items()
      .map((limit) => limit.count()),
    prices: root.at('prices').map((price) => price.number('a price above 0', (value) => value > 0)),
    note: root.at('note').optional((note) => note.anyText()),
  }));

describe('parseJson', () => {
  test('returns the typed value', () => {
    expect(parseFleet('{"name": "chat", "limits": [1, 8], "prices": {"a": 1.5}, "note": ""}')).toEqual({
      name: 'chat',
      limits: [1, 8],
      prices: { a: 1.5 },
      note: '',
    });
    expect(parseFleet('{"name": "chat", "limits": [], "prices": {}, "note": null}').note).toBeUndefined();
  });

  test('lists every problem with its path, and an absent object once', () => {
    expect(() => parseFleet('{"name": "", "limits": [1, 2.5, "3"], "prices": {"a": 0}, "note": 7}')).toThrow(
      new InputError(
        'FLEET:\n' +
          '  - name is ""; expected non-empty text\n' +
          '  - limits[1] is 2.5; expected a whole number of at least 0\n' +
          '  - limits[2] is "3"; expected a whole number of at least 0\n' +
          '  - prices.a is 0; expected a price above 0\n' +
          '  - note is 7; expected text',
      ),
    );
    const nested = (): unknown =>
      parseValue('EVENT', {}, (root) => [root.at('detail').at('from').number(), root.at('detail').at('to').number()]);
    expect(nested).toThrow(new InputError('EVENT: detail is missing; expected an object'));
  });

  test.each([
    ['{', /^FLEET is not valid JSON; expected a fleet \(.+\)$/],
    ['', /^FLEET is not valid JSON; expected a fleet \(.+\)$/],
    ['[]', /^FLEET: the value is \[\]; expected an object$/],
    ['null', /the value is null; expected an object/],
  ])('refuses %j', (text, message) => {
    expect(() => parseFleet(text)).toThrow(InputError);
    expect(() => parseFleet(text)).toThrow(message);
  });

  test('cuts long values in messages', () => {
    const text = JSON.stringify({ name: ['x'.repeat(500)], limits: [], prices: {} });
    expect(() => parseFleet(text)).toThrow(/^FLEET: name is \["x{58}\.\.\.; expected non-empty text$/);
  });
});

describe('the types of a node', () => {
  const read = (value: unknown) => ({
    flag: () => parseValue('v', value, (node) => node.flag()),
    time: () => parseValue('v', value, (node) => node.time()),
    level: () => parseValue('v', value, (node) => node.oneOf(['ok', 'warn'])),
    number: () => parseValue('v', value, (node) => node.number()),
  });

  test('true and false', () => {
    expect(read(true).flag()).toBe(true);
    expect(read('true').flag).toThrow('v: the value is "true"; expected true or false');
  });

  test('times', () => {
    expect(read('2026-11-23T14:05:00Z').time()).toBe(1_795_442_700);
    expect(read('noon').time).toThrow('v: the value is "noon"; expected an ISO 8601 time');
  });

  test('names', () => {
    expect(read('warn').level()).toBe('warn');
    expect(read('panic').level).toThrow(`v: the value is "panic"; expected 'ok' or 'warn'`);
  });

  test('numbers', () => {
    expect(read(-0.5).number()).toBe(-0.5);
    expect(read(Infinity).number).toThrow('v: the value is Infinity; expected a number');
  });
});

test.each([
  [4, 4],
  ['4.5', 4.5],
  ['', undefined],
  [' ', undefined],
  ['four', undefined],
  [NaN, undefined],
  [null, undefined],
])('finite(%j) is %p', (value, number) => {
  expect(finite(value)).toBe(number);
});

test('a list and null are no objects', () => {
  expect([{}, [], null, 'text'].map(isObject)).toEqual([true, false, false, false]);
});
