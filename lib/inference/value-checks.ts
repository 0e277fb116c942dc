import { Token } from 'aws-cdk-lib';

/** Settings with their defaults filled in, and the problems of the props behind them; meant to be used once there are no problems. */
export interface Resolved<T> {
  readonly value: T;
  readonly problems: readonly string[];
}

/** Every problem of several settings, in their order. */
export function problemsOf(...settings: readonly Resolved<unknown>[]): string[] {
  return settings.flatMap(({ problems }) => problems);
}

/** Names of endpoints, variants and components, in the API reference of SageMaker. */
const NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;

/** Problems of a name of an endpoint, a variant or a component. */
export function checkName(property: string, name: string | undefined): string[] {
  if (name === undefined || Token.isUnresolved(name) || NAME.test(name)) return [];
  return [
    `${property} '${name}' must be 1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit`,
  ];
}

/** Problems of a number that must be whole and within limits; the unit is shown behind it. */
export function checkWhole(property: string, value: number, min: number, max: number, unit = ''): string[] {
  if (Token.isUnresolved(value)) return [];
  if (Number.isInteger(value) && value >= min && value <= max) return [];
  const range = max === Infinity ? `${min} or more` : `${min} to ${max}`;
  return [`${property} (${[value, unit].join(' ').trim()}) must be a whole number, ${range}`];
}
