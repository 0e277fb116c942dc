/**
 * A problem in input: a file, a property, a command-line flag, an environment variable.
 *
 * The message names the value received, the values allowed and the way out; commands print it unchanged and exit with 2.
 */
export class InputError extends Error {
  public constructor(message: string) {
    super(printable(message));
    this.name = 'InputError';
  }
}

/** Message of an error with that of its cause, which `fetch failed` alone does not tell. */
export function messageWithCause(error: unknown): string {
  const { message, cause } = error as { readonly message: string; readonly cause?: unknown };
  const { message: reason, code } = (cause ?? {}) as { readonly message?: string; readonly code?: string };
  // Of several addresses that were tried there is a code alone.
  const told = reason === undefined || reason === '' ? code : reason;
  return told === undefined || message.includes(told) ? message : `${message} (${told})`;
}

/** Maximum characters of a line of a message, of which the beginning names the place and the end the way out, and of all lines. */
const MAX_LINE_LENGTH = 2000;
const MAX_LENGTH = 16_000;

/**
 * Returns a message that a terminal can show: values from outside may be as long as a file, and hold characters that move the cursor, set
 * colours or turn the direction of the text.
 */
function printable(message: string): string {
  const lines = message
    .replace(/[^\P{C}\n\t]/gu, '\ufffd')
    .split('\n')
    .map((line) =>
      line.length <= MAX_LINE_LENGTH
        ? line
        : `${line.slice(0, MAX_LINE_LENGTH / 2)} ... ${line.slice(-MAX_LINE_LENGTH / 2)}`,
    );
  let shown = 0;
  for (let length = 0; shown < lines.length; shown++) if ((length += lines[shown]!.length) > MAX_LENGTH) break;
  return [...lines.slice(0, shown), ...(shown < lines.length ? [`(${lines.length - shown} more lines)`] : [])].join(
    '\n',
  );
}

/** Number by which CDK stands for one that CloudFormation fills in (`Token.asNumber`), or a product of it: in a message it means nothing to its reader. */
const DEPLOY_TIME_NUMBER = /-\d(?:\.\d+)?e\+(?:28|29)\d/g;

/** Returns the problem in words: a number that is not known yet is named as such, with the way out. */
function worded(problem: string): string {
  const text = problem.replace(DEPLOY_TIME_NUMBER, 'known at deploy time only');
  return text === problem ? problem : `${text}; give a number that is known at synthesis`;
}

/** Throws one {@link InputError} that lists every problem; returns when there is none. */
export function throwProblems(where: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const texts = problems.map(worded);
  throw new InputError(texts.length === 1 ? `${where}: ${texts[0]}` : `${where}:\n  - ${texts.join('\n  - ')}`);
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
