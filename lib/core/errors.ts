/**
 * A problem in something that came from outside: a file, a property, a command-line flag, an environment variable.
 *
 * The message names what was received, what is allowed and the way out; commands print it as it is and exit with 2.
 */
export class InputError extends Error {
  public constructor(message: string) {
    super(message);
    this.name = 'InputError';
  }
}

/** Throws one {@link InputError} that lists every problem, or returns when there is none. */
export function throwProblems(where: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new InputError(
    problems.length === 1 ? `${where}: ${problems[0]}` : `${where}:\n  - ${problems.join('\n  - ')}`,
  );
}

/** A failure that is expected to pass by itself (throttling, a server error, a time-out): trying again helps. */
export class RetryableError extends Error {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'RetryableError';
  }
}

/** A failure that comes again however often it is tried (a refused permission, an invalid request). */
export class PermanentError extends Error {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'PermanentError';
  }
}
