import { InputError, throwProblems } from './errors';
import type { EpochSeconds } from './time';

/** A JSON object. */
export interface Json {
  readonly [name: string]: unknown;
}

/** True if a value is an object and no list. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON text into a typed value.
 *
 * @param name name of the text in messages, for example an environment variable
 * @param expected form of the text in words, for example `a list of fleets`
 * @param read builds the value; see {@link parseValue}
 * @throws InputError when the text is not valid JSON, or one that lists every problem with its path
 */
export function parseJson<T>(name: string, text: string, expected: string, read: (root: JsonNode) => T): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${name} is not valid JSON; expected ${expected} (${syntaxProblem(cause)})`);
  }
  return parseValue(name, value, read);
}

/**
 * Builds a typed value from parsed JSON.
 *
 * Reading continues after a problem, with a substitute of the right type, so that all problems are found; the value that `read` returns
 * is used only when there are none.
 *
 * @throws InputError that lists every problem with its path
 */
export function parseValue<T>(name: string, value: unknown, read: (root: JsonNode) => T): T {
  const problems: string[] = [];
  const parsed = read(new JsonNode(value, '', problems));
  throwProblems(name, problems);
  return parsed;
}

/** The message of a `SyntaxError` of `JSON.parse`, which may quote the text: without control characters, cut when long. */
export function syntaxProblem(cause: unknown): string {
  return cause instanceof Error ? cause.message.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 120) : 'unreadable';
}

/** Returns a number, also from its decimal text; undefined for anything else. */
export function finite(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** In place of a value whose absence is reported already. */
const REPORTED = Symbol('reported');

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A place in a JSON document, which is read as one type or reported as a problem. */
export class JsonNode {
  public constructor(
    private value: unknown,
    private readonly path: string,
    private readonly problems: string[],
  ) {}

  /** True if the place is empty or null. */
  public get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** Returns the member of an object. */
  public at(name: string): JsonNode {
    const members = this.object();
    const value = this.value === REPORTED ? REPORTED : members[name];
    return new JsonNode(value, joined(this.path, name), this.problems);
  }

  /** Returns the elements of a list. */
  public items(): JsonNode[] {
    const list = this.read<readonly unknown[]>(Array.isArray, [], 'a list');
    return list.map((item, index) => new JsonNode(item, `${this.path}[${index}]`, this.problems));
  }

  /** Returns the members of an object that maps names to values of one type. */
  public map<T>(read: (member: JsonNode) => T): { readonly [name: string]: T } {
    return Object.fromEntries(Object.keys(this.object()).map((name) => [name, read(this.at(name))]));
  }

  /** Returns the value that `read` builds; undefined where the place is empty or null. */
  public optional<T>(read: (node: JsonNode) => T): T | undefined {
    return this.isAbsent ? undefined : read(this);
  }

  /** Returns an object as it is. */
  public object(): Json {
    return this.read(isObject, {}, 'an object');
  }

  /** Returns text that is not empty. */
  public text(): string {
    return this.read((value): value is string => typeof value === 'string' && value !== '', '', 'non-empty text');
  }

  /** Returns text that may be empty. */
  public anyText(): string {
    return this.read((value): value is string => typeof value === 'string', '', 'text');
  }

  /** Returns text in base64, which may be empty: what a decoder would pass over is damage. */
  public base64(): string {
    const isBase64 = (value: unknown): value is string => typeof value === 'string' && BASE64.test(value);
    return this.read(isBase64, '', 'base64');
  }

  /** Returns a finite number; `accepts` and `expected` narrow what is allowed. */
  public number(expected = 'a number', accepts: (value: number) => boolean = () => true): number {
    const isAccepted = (value: unknown): value is number =>
      typeof value === 'number' && Number.isFinite(value) && accepts(value);
    return this.read(isAccepted, NaN, expected);
  }

  /** Returns a whole number of at least 0. */
  public count(): number {
    return this.number('a whole number of at least 0', (value) => Number.isSafeInteger(value) && value >= 0);
  }

  /** Returns true or false. */
  public flag(): boolean {
    return this.read((value): value is boolean => typeof value === 'boolean', false, 'true or false');
  }

  /** Returns one of some texts. */
  public oneOf<T extends string>(allowed: readonly T[]): T {
    return this.read((value): value is T => allowed.includes(value as T), allowed[0]!, quoted(allowed));
  }

  /** Returns the moment of an ISO 8601 time. */
  public time(): EpochSeconds {
    const isTime = (value: unknown): value is string => typeof value === 'string' && Number.isFinite(Date.parse(value));
    return Date.parse(this.read(isTime, '', 'an ISO 8601 time such as 2026-11-23T14:05:00Z')) / 1000;
  }

  private read<T>(isWanted: (value: unknown) => value is T, substitute: T, expected: string): T {
    if (isWanted(this.value)) return this.value;
    if (this.value !== REPORTED) {
      const place = this.path === '' ? 'the value' : this.path;
      const problem = `${place} is ${shown(this.value)}; expected ${expected}`;
      if (!this.problems.includes(problem)) this.problems.push(problem);
      this.value = REPORTED;
    }
    return substitute;
  }
}

function quoted(names: readonly string[]): string {
  const [last, ...others] = names.map((name) => `'${name}'`).reverse();
  return others.length === 0 ? last! : `${others.reverse().join(', ')} or ${last}`;
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** Returns a value for a message: cut when long. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
