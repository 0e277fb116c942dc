import * as vm from 'node:vm';
import { IncompleteExpressionError, LexerError, ParseError, search } from '@aws-lambda-powertools/jmespath';

/** Maximum time of one evaluation, milliseconds: a record of 4 MiB takes some tens. */
const MAX_EVALUATION_MS = 1_000;

/** Functions of the specification (https://jmespath.org/specification.html#built-in-functions). */
const FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'abs avg ceil contains ends_with floor join keys length map max max_by merge min min_by not_null reverse sort sort_by starts_with sum to_array ' +
    'to_number to_string type values'
  ).split(' '),
);

/** Texts in an expression that name no function: raw strings, JSON literals and quoted names. */
const QUOTED = /'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"/g;

type SearchedValue = Parameters<typeof search>[1];

/** An expression has no usable result for a value. */
export class ExpressionError extends Error {
  public constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'ExpressionError';
  }
}

/**
 * Returns the problem of a JMESPath expression, with its place: a text that is none, or a function that does not exist; undefined for a sound
 * one.
 */
export function expressionProblem(expression: string): string | undefined {
  try {
    withinTime(expression)(() => search(expression, {}));
  } catch (error) {
    if (error instanceof LexerError) return at(error.lexerPosition, `'${error.lexerValue}' is no part of JMESPath`);
    if (error instanceof IncompleteExpressionError) return at(expression.length, 'it ends too early');
    if (error instanceof ParseError) {
      const isEnd = error.tokenType === 'eof';
      return at(error.lexPosition, isEnd ? 'it ends too early' : `'${String(error.tokenValue)}' is not expected here`);
    }
    // The types of values are known for those of records only.
    const { name } = error as Error;
    if (name !== 'JMESPathTypeError' && name !== 'UnknownFunctionError') return messageOf(error);
  }
  for (const { 1: name, index } of codeOf(expression).matchAll(/\b([A-Za-z_]\w*)\s*\(/g)) {
    if (!FUNCTIONS.has(name!))
      return at(index, `there is no function ${name}(); there are ${[...FUNCTIONS].join(', ')}`);
  }
  return undefined;
}

/** Returns an expression with blanks for its quoted texts. */
function codeOf(expression: string): string {
  return expression.replace(QUOTED, (quoted) => ' '.repeat(quoted.length));
}

function at(index: number, problem: string): string {
  return `column ${index + 1}: ${problem}`;
}

/** Returns the message of an error; the library appends the whole expression. */
function messageOf(error: unknown): string {
  const { message, code } = error as { readonly message: string; readonly code?: string };
  // Of a list or a text that is longer than those of JavaScript.
  if (error instanceof RangeError) return `its result grows too large (${message})`;
  if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return `it takes longer than ${MAX_EVALUATION_MS} ms`;
  return message.split(' in expression: ')[0]!;
}

/**
 * Returns a function that runs the evaluation of an expression in limited time. JMESPath has no loops, so that each evaluation ends; but lists that
 * are built and flattened again and again double each time. Other expressions are run without the clock, which takes 0.1 ms.
 */
function withinTime(expression: string): (evaluate: () => void) => void {
  if (!codeOf(expression).includes('[]')) return (evaluate) => evaluate();
  const sandbox: { run?: () => void } = {};
  const context = vm.createContext(sandbox);
  const script = new vm.Script('run()');
  return (evaluate) => {
    sandbox.run = evaluate;
    script.runInContext(context, { timeout: MAX_EVALUATION_MS });
  };
}

/** Evaluator of one expression. */
export type Evaluate = (value: unknown, maxBytes: number) => string;

/**
 * Returns a function that evaluates a JMESPath expression and returns the result as JSON, in limited time and up to a size.
 *
 * The function throws an {@link ExpressionError} where the expression fails on the value, its result is null, or a limit is exceeded.
 */
export function compileExpression(expression: string): Evaluate {
  const run = withinTime(expression);
  return (value, maxBytes) => {
    let text: string | undefined;
    try {
      run(() => (text = limitedJson(search(expression, value as SearchedValue), maxBytes)));
    } catch (error) {
      if (error instanceof ExpressionError) throw error;
      throw new ExpressionError(messageOf(error), { cause: error });
    }
    if (text === undefined || text === 'null') throw new ExpressionError('its result is null');
    return text;
  };
}

/** Returns the JSON of a value; throws an {@link ExpressionError} as soon as it is known to be too large. */
function limitedJson(value: unknown, maxBytes: number): string | undefined {
  let bytes = 0;
  const text = JSON.stringify(value, (key, member: unknown) => {
    bytes += 1 + key.length + (typeof member === 'string' ? member.length : 1);
    if (bytes > 2 * maxBytes) throw tooLarge(maxBytes);
    return member;
  });
  if (text !== undefined && Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes);
  return text;
}

const tooLarge = (maxBytes: number): ExpressionError =>
  new ExpressionError(`its result is larger than ${maxBytes} bytes`);
