/**
 * A problem in input: a file, a property, a command-line flag, an environment variable.
 *
 * The message names the value received, the values allowed and the way out; commands print it unchanged and exit with 2.
 */
export class InputError extends Error {
  public constructor(message: string) {
    super(message);
    this.name = 'InputError';
  }
}

/** Throws one {@link InputError} that lists every problem; returns when there is none. */
export function throwProblems(where: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new InputError(
    problems.length === 1 ? `${where}: ${problems[0]}` : `${where}:\n  - ${problems.join('\n  - ')}`,
  );
}

/** A transient failure (throttling, a server error, a timeout): a retry may succeed. */
export class RetryableError extends Error {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RetryableError';
  }
}

/** A permanent failure (a denied permission, an invalid request): a retry cannot succeed. */
export class PermanentError extends Error {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'PermanentError';
  }
}
