import { finite, isObject, type Json } from '../core/parse';
import type { EpochSeconds } from '../core/time';
import { parseDateTime } from '../simulation/traffic/timestamps';

/** Returns text that is not empty; undefined for anything else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns the objects of a list; none for anything else. */
export function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : [];
}

/** Returns an object; an empty one for anything else. */
export function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

/** Returns a moment from its ISO 8601 text or from epoch seconds, the two forms in which the AWS CLI prints it. */
export function timeOf(value: unknown): EpochSeconds | undefined {
  const number = finite(value);
  if (number !== undefined) return number;
  return typeof value === 'string' ? parseDateTime(value) : undefined;
}

/** Returns a value whose objects have their members in alphabetical order: the AWS CLI and the SDKs each have another one. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map(ordered);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, ordered(value[name])]),
  );
}

/** Returns the named members of an object in their order, without those that are absent or null. */
export function membersOf(value: unknown, names: readonly string[]): Json {
  const object = objectOf(value);
  return Object.fromEntries(
    names
      .filter((name) => object[name] !== undefined && object[name] !== null)
      .map((name) => [name, ordered(object[name])]),
  );
}
