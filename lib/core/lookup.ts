/** True if an object has no properties. */
export function isEmpty(entries: object): boolean {
  for (const _name in entries) return false;
  return true;
}

/**
 * Returns a table that is asked for names from outside, such as those of a template. A name that it does not have gives undefined, also
 * `constructor` and the other names that every object inherits.
 */
export function lookup<T extends object>(entries: T): T {
  return Object.assign(Object.create(null) as object, entries) as T;
}
