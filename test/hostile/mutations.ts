import type { Random } from '../../lib/simulation/random';

type Mutation = (text: string, random: Random) => string;

export const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)]!;
export const upTo = (random: Random, most: number): number => Math.floor(random.uniform() * (most + 1));

/** Numbers that break arithmetic, loops and allocations. */
export const NUMBERS = [
  ...['0', '-0', '-1', '1e308', '-1e308', '1e309', '5e-324', '1e-160', '0.1', '100.1', '0.30000000000000004'],
  ...[
    '2147483648',
    '4294967296',
    '9007199254740993',
    '99999999999999999999',
    '1e15',
    '1e12',
    '1e9',
    '31622400',
    '86400',
  ],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '0x10',
    '1_000',
    '1,000',
    '١٢',
    '1e',
    '.',
    '-',
    '+1',
    '00012',
    '1767571200',
    '1e-7',
  ],
];

/** Words that mean something to a parser, a shell, a database, a terminal or JavaScript. */
export const WORDS = [
  ...[
    '',
    ' ',
    '\u0000',
    '\ufeff',
    '\u001b[2J',
    '\u202e',
    '\ud800',
    '"',
    "'",
    '`',
    ',',
    ',,,',
    ';',
    '\t',
    '\r',
    '\n',
    '\n\n',
  ],
  ...[
    'null',
    'true',
    'undefined',
    '[]',
    '{}',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '#',
    '%s',
    '${x}',
  ],
  ...[
    '../../etc/passwd',
    '<script>alert(1)</script>',
    '$(id)',
    '*',
    '&a',
    '*a',
    '!Ref',
    '!!js/function',
    '---',
    '- - - -',
  ],
  ...['9999-12-31T23:59:59Z', '0000-00-00', '0001-01-01T00:00:00Z', '2026-02-30', '2026-01-31T12:00:00+99:99'],
  ...['Fn::If', 'Fn::GetAtt', 'Ref', 'AWS::NoValue', 'arn:aws:x', 'ml.g5.xlarge', 'endpoint/chat/variant/main'],
];

/** Sizes above which nothing is repeated: repetitions of repetitions exceed what a text may hold. */
const MAX_CHARACTERS = 2_000_000;
const MAX_VALUES = 20_000;

const LONG = ['x'.repeat(70_000), '9'.repeat(400), '['.repeat(5_000), '{"a":'.repeat(2_000), 'é'.repeat(5_000)];

const lines = (text: string): string[] => text.split('\n');

/** Changes of a text that know nothing of its form. */
const MUTATIONS: readonly Mutation[] = [
  // Numbers and words.
  (text, random) => atMatch(text, random, /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, () => pick(random, NUMBERS)),
  (text, random) => atMatch(text, random, /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, () => pick(random, NUMBERS)),
  (text, random) => atMatch(text, random, /[A-Za-z_:]+/g, () => pick(random, WORDS)),
  (text, random) => atMatch(text, random, /"[^"]*"/g, () => JSON.stringify(pick(random, WORDS))),
  (text, random) => atMatch(text, random, /"[^"]*"/g, () => pick(random, [...NUMBERS, 'null', '[]', '{}', 'true'])),
  // Characters.
  (text, random) => splice(text, random, 0, () => pick(random, WORDS)),
  (text, random) => splice(text, random, 3, () => ''),
  (text, random) => splice(text, random, 1, () => String.fromCharCode(upTo(random, 0x2ff))),
  (text, random) => text.slice(0, upTo(random, text.length)),
  (text, random) => text.slice(upTo(random, text.length)),
  (text, random) => splice(text, random, 0, () => pick(random, LONG)),
  // Lines.
  (text, random) => atLine(text, random, () => []),
  (text, random) => atLine(text, random, (line) => [line, line]),
  (text, random) => atLine(text, random, (line) => [line, '']),
  (text, random) =>
    atLine(text, random, (line) => {
      const copies = Math.min(1 + upTo(random, 300), Math.ceil(MAX_CHARACTERS / (line.length + 1)));
      return Array.from({ length: copies }, () => line);
    }),
  (text, random) => atLine(text, random, (line) => [`${line}${pick(random, [',', ',1', ' ', '\t#', ':'])}`]),
  (text, random) => atLine(text, random, (line) => [` ${line}`]),
  (text, random) => {
    const all = lines(text);
    const [from, to] = [upTo(random, all.length - 1), upTo(random, all.length - 1)];
    [all[from], all[to]] = [all[to]!, all[from]!];
    return all.join('\n');
  },
  // Whole files.
  (text) => text.replaceAll('\n', '\r\n'),
  (text) => text.replaceAll('\n', '\r'),
  (text) => `\ufeff${text}`,
  (text) => `${text}${text}`,
  (text) => `${text}\n\n\n`,
  () => '',
];

function atMatch(text: string, random: Random, pattern: RegExp, put: () => string): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return `${text}${put()}`;
  const match = pick(random, found);
  return text.slice(0, match.index) + put() + text.slice(match.index + match[0].length);
}

function splice(text: string, random: Random, most: number, put: () => string): string {
  const at = upTo(random, text.length);
  return text.slice(0, at) + put() + text.slice(at + upTo(random, most));
}

function atLine(text: string, random: Random, put: (line: string) => readonly string[]): string {
  const all = lines(text);
  const at = upTo(random, all.length - 1);
  all.splice(at, 1, ...put(all[at]!));
  return all.join('\n');
}

/** Changes a good text one to four times. */
export function mutated(text: string, random: Random): string {
  let result = text;
  for (let round = 1 + upTo(random, 3); round > 0 && result.length <= MAX_CHARACTERS; round--)
    result = pick(random, MUTATIONS)(result, random);
  return result;
}

/** Changes bytes one to eight times: bits, numbers of four bytes, cuts, repetitions. */
export function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes);
  for (let round = 1 + upTo(random, 7); round > 0; round--) {
    const at = upTo(random, Math.max(0, result.length - 1));
    const kind = upTo(random, 6);
    if (kind <= 2 && result.length > 0) result[at] = upTo(random, 255);
    else if (kind === 3 && result.length > 4)
      result.writeUInt32LE(pick(random, [0, 1, 0xffffffff, 0x7fffffff]), Math.min(at, result.length - 4));
    else if (kind === 4) result = result.subarray(0, at);
    else if (kind === 5) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + upTo(random, 8))]);
    else
      result = Buffer.concat([result.subarray(0, at), result.subarray(Math.max(0, at - 16), at), result.subarray(at)]);
  }
  return result;
}

/** Values that a place of a JSON document does not expect. */
function hostileValue(random: Random): unknown {
  const kind = upTo(random, 11);
  if (kind <= 3)
    return Number(
      pick(random, ['0', '-1', '1e308', '5e-324', '0.1', '1e15', '4294967296', '1e9', '-1e308', '1.5', '100']),
    );
  if (kind === 4) return pick(random, [...WORDS, ...NUMBERS]);
  if (kind === 5) return pick(random, [null, true, false, '', [], {}]);
  if (kind === 6)
    return pick<unknown>(random, [
      { toString: 1 },
      { valueOf: null },
      { constructor: {} },
      { length: 1e9 },
      { then: 1 },
    ]);
  if (kind === 7) return JSON.parse('{"__proto__": {"polluted": 1}}');
  if (kind === 8) return { Ref: pick(random, ['AWS::NoValue', 'Nothing', 'Config', '']) };
  if (kind === 9)
    return pick<unknown>(random, [
      { 'Fn::If': ['C', 1, 2] },
      { 'Fn::Sub': '${A}${B' },
      { 'Fn::GetAtt': [] },
      { 'Fn::Select': [9, []] },
      { 'Fn::Join': 1 },
    ]);
  if (kind === 10) return nested(50 + upTo(random, 3000));
  return Array.from({ length: 1 + upTo(random, 300) }, (_, index) => index);
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

interface Place {
  readonly parent: { [name: string]: unknown };
  readonly name: string;
}

function placesOf(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return places;
  for (const name of Object.keys(value)) {
    places.push({ parent: value as Place['parent'], name });
    placesOf((value as Place['parent'])[name], places);
  }
  return places;
}

/** Changes a good document in one to three places, knowing its structure. */
export function mutatedJson(document: unknown, random: Random): unknown {
  const root = { document: structuredClone(document) } as { [name: string]: unknown };
  for (let round = 1 + upTo(random, 2); round > 0; round--) {
    const places = placesOf(root);
    const { parent, name } = pick(random, places);
    const other = pick(random, places);
    const kind = upTo(random, 9);
    if (kind <= 4) parent[name] = hostileValue(random);
    else if (kind === 5 && parent !== root) delete parent[name];
    else if (kind === 6) parent[name] = structuredClone(other.parent[other.name]);
    else if (kind === 7) parent[name] = [parent[name]];
    else if (kind === 8 && Array.isArray(parent[name])) {
      const most = Math.ceil(MAX_VALUES / (placesOf(parent[name]).length + 1));
      parent[name] = (parent[name] as unknown[]).flatMap((one) =>
        Array.from({ length: Math.min(1 + upTo(random, 40), most) }, () => structuredClone(one)),
      );
    } else parent[pick(random, WORDS) || 'x'] = structuredClone(parent[name]);
  }
  return root.document;
}

/** Text of a changed document; now and then its text is changed too. */
export function mutatedJsonText(document: unknown, random: Random): string {
  const changed = mutatedJson(document, random) ?? null;
  const text = JSON.stringify(changed, null, random.uniform() < 0.5 ? 2 : 0);
  return random.uniform() < 0.25 ? mutated(text, random) : text;
}
