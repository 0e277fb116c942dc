import type { Random } from '../../lib/simulation/random';
import { mutated, NUMBERS, pick, upTo, WORDS } from './mutations';

// Settings of constructs as JSON. What JSON does not have is an object of one member, whose name begins with $.

interface Place {
  readonly parent: { [name: string]: unknown };
  readonly name: string;
}

function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const parent = value as Place['parent'];
  return Object.keys(parent).flatMap((name) => [{ parent, name }, ...placesOf(parent[name])]);
}

const FINITE = NUMBERS.filter((text) => Number.isFinite(Number(text)));

/** Returns a value of the same type that a construct does not expect. */
function hostile(value: unknown, random: Random): unknown {
  if (typeof value === 'number') {
    if (random.uniform() < 0.15) return { $number: pick(random, ['NaN', 'Infinity', '-Infinity']) };
    return random.uniform() < 0.3 ? value * pick(random, [2, 10, 0.5, -1, 1000]) : Number(pick(random, FINITE));
  }
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') {
    const kind = upTo(random, 3);
    if (kind === 0) return pick(random, WORDS);
    return kind === 1
      ? pick(random, ['x'.repeat(300), 'é'.repeat(70), '-x', 'x-', 'a--b', ' x '])
      : mutated(value, random).slice(0, 5000);
  }
  if (Array.isArray(value)) {
    const kind = upTo(random, 3);
    if (kind === 0) return [];
    if (kind === 1) return [...value, ...value];
    return kind === 2 ? value.slice(1) : Array.from({ length: 150 }, () => structuredClone(value[0] as unknown));
  }
  return value;
}

/** Changes good settings in one to three places: values within their type, members left out that nobody has to give, names of members. */
export function mutatedSettings(good: unknown, required: readonly string[], random: Random): unknown {
  const settings = structuredClone(good);
  for (let round = 1 + upTo(random, 2); round > 0; round--) {
    const places = placesOf(settings);
    if (places.length === 0) return settings;
    const { parent, name } = pick(random, places);
    const isMark = name.startsWith('$');
    const kind = upTo(random, 9);
    if (kind === 0 && !isMark && !Array.isArray(parent) && !required.includes(name)) delete parent[name];
    else if (kind === 1 && isMap(parent)) parent[pick(random, WORDS) || 'x'] = parent[name];
    else if (!isMark || typeof parent[name] !== 'boolean') parent[name] = hostile(parent[name], random);
  }
  return settings;
}

/** True for an object whose names its user chooses: its values are of one type, and no mark. */
function isMap(parent: object): boolean {
  const values: unknown[] = Object.values(parent);
  const names = Object.keys(parent);
  return (
    !Array.isArray(parent) &&
    values.every((value) => typeof value === typeof values[0] && typeof value !== 'object') &&
    names.some((name) => /[^A-Za-z]/.test(name)) &&
    !names.some((name) => name.startsWith('$'))
  );
}

/** Returns settings with values in place of marks. */
export function valueOfSetting(value: unknown, marks: { readonly [mark: string]: (given: never) => unknown }): unknown {
  if (Array.isArray(value)) return value.map((item) => valueOfSetting(item, marks));
  if (typeof value !== 'object' || value === null) return value;
  const [[name, given] = ['', undefined], ...others] = Object.entries(value);
  if (others.length === 0 && Object.hasOwn(marks, name)) return marks[name]!(valueOfSetting(given, marks) as never);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, valueOfSetting(member, marks)]));
}
