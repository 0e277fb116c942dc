import { InputError } from '../../lib/core/errors';

/** Returns the value of a required environment variable; throws an {@link InputError} when it is unset or empty. */
export function requiredEnv(
  name: string,
  environment: { readonly [name: string]: string | undefined } = process.env,
): string {
  const value = environment[name];
  if (value === undefined || value === '') {
    throw new InputError(`environment variable ${name} is not set; the construct that creates this handler sets it`);
  }
  return value;
}

/** Returns the value of an environment variable; `undefined` when it is unset or empty. */
export function optionalEnv(
  name: string,
  environment: { readonly [name: string]: string | undefined } = process.env,
): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

/** Returns the number in an environment variable; throws an {@link InputError} when it is unset or not a finite number. */
export function requiredNumberEnv(
  name: string,
  environment: { readonly [name: string]: string | undefined } = process.env,
): number {
  const text = requiredEnv(name, environment);
  const value = Number(text);
  if (!Number.isFinite(value)) throw new InputError(`environment variable ${name} is '${text}'; expected a number`);
  return value;
}
