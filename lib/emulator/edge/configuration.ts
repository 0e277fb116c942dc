import { at, partsOf } from './recipe';

export interface Configuration {
  readonly [name: string]: unknown;
}

/** Change of a component's configuration in a deployment. */
export interface ConfigurationUpdate {
  /** JSON pointers of values that get their defaults again; an empty text stands for all. */
  readonly reset?: readonly string[];
  /** Values to merge. */
  readonly merge?: Configuration;
}

/**
 * Returns a component's configuration after a deployment: values are reset, then merged; defaults of the version fill in what is missing. Values
 * of an earlier version stay.
 *
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/update-component-configurations.html
 */
export function updatedConfiguration(
  present: Configuration | undefined,
  defaults: Configuration,
  { reset = [], merge = {} }: ConfigurationUpdate = {},
): Configuration {
  let value: Configuration = present ?? {};
  for (const pointer of reset) {
    value = pointer === '' ? {} : (withValue(value, partsOf(pointer), at(defaults, pointer)) as Configuration);
  }
  return merged(defaults, merged(value, merge) as Configuration) as Configuration;
}

const isObject = (value: unknown): value is Configuration =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects are merged member by member; lists and plain values replace what was there. */
function merged(below: unknown, above: unknown): unknown {
  if (!isObject(below) || !isObject(above)) return above;
  const result: { [name: string]: unknown } = { ...below };
  for (const [name, value] of Object.entries(above)) {
    result[name] = Object.hasOwn(below, name) ? merged(below[name], value) : value;
  }
  return result;
}

function withValue(value: unknown, [part, ...rest]: readonly string[], wanted: unknown): unknown {
  if (part === undefined) return wanted;
  const { [part]: old, ...others } = isObject(value) ? value : {};
  const changed = withValue(old, rest, wanted);
  return changed === undefined ? others : { ...others, [part]: changed };
}
