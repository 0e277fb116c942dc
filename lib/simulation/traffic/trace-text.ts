import { InputError } from '../../core/errors';

/** Maximum characters of a row of a table or of JSON Lines. */
const MAX_ROW_LENGTH = 65_536;

/** Maximum characters of any line; a metric export may be one long line of JSON. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/**
 * Maximum time that a trace spans: as long as CloudWatch keeps metrics, 455 days, and the day around it. Every command walks through all of
 * it. Source: CloudWatch user guide, metrics retention.
 */
export const MAX_SPAN_SECONDS = 456 * 86_400;

/** Decimal number; other forms that JavaScript accepts, such as hexadecimal or blanks, do not match. */
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Returns an error at a line of a file, in the form that editors and terminals make clickable. */
export function traceError(name: string, line: number, message: string): InputError {
  return new InputError(`${name}:${line}: ${message}`);
}

/**
 * Checks that a trace ends soon enough after its start: one wild timestamp makes a trace of minutes one of a hundred years.
 *
 * @throws InputError naming both lines
 */
export function checkSpan(
  name: string,
  from: { readonly seconds: number; readonly line: number },
  to: { readonly seconds: number; readonly line: number },
): void {
  const span = to.seconds - from.seconds;
  if (span <= MAX_SPAN_SECONDS) return;
  const days = span / 86_400 > 1e6 ? (span / 86_400).toExponential(1) : String(Math.round(span / 86_400));
  throw traceError(
    name,
    to.line,
    `the trace reaches from line ${from.line} to here over ${days} days; the maximum is ${MAX_SPAN_SECONDS / 86_400} days. ` +
      'Correct the timestamp of one of the two lines, or give a part of the trace',
  );
}

/** Returns a value for a message: quoted, without control characters, shortened. */
export function shownValue(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}

/** Parses the number in a cell; it must be within the limits. */
export function readNumber(
  text: string,
  what: string,
  limits: { readonly minimum: number; readonly maximum: number },
  at: { readonly name: string; readonly line: number },
): number {
  const value = DECIMAL.test(text) ? Number(text) : NaN;
  return checkNumber(value, text, what, limits, at);
}

/** Checks a number; the error for one that is missing, not finite or outside its limits shows the value as written. */
export function checkNumber(
  value: unknown,
  written: unknown,
  what: string,
  limits: { readonly minimum: number; readonly maximum: number },
  at: { readonly name: string; readonly line: number },
): number {
  if (typeof value === 'number' && value >= limits.minimum && value <= limits.maximum) return value;
  const is = written === undefined ? 'is missing' : written === '' ? 'is empty' : `is ${shownValue(written)}`;
  throw traceError(
    at.name,
    at.line,
    `${what} ${is}; it must be a number from ${limits.minimum} to ${limits.maximum}. Correct the value or remove the row`,
  );
}

/** Rejects binary data and lines above the maximum length. */
export function checkRow(text: string, at: { readonly name: string; readonly line: number }): void {
  if (text.length > MAX_ROW_LENGTH) {
    throw traceError(
      at.name,
      at.line,
      `the line has ${text.length} characters; the maximum is ${MAX_ROW_LENGTH}. Check that the file has one row per line`,
    );
  }
  checkText(text, at);
}

/** Rejects binary data. */
export function checkText(text: string, at: { readonly name: string; readonly line: number }): void {
  if (at.line === 1 && text.startsWith('\u001f')) {
    throw traceError(
      at.name,
      at.line,
      'the file is compressed; give it a name that ends in .gz, or decompress it first',
    );
  }
  if (text.includes('\u0000')) {
    throw traceError(
      at.name,
      at.line,
      'the line contains a NUL character; a trace is UTF-8 text. Export the file again',
    );
  }
}

/** Characters between the cells of a row. */
export type Delimiter = ',' | ';' | '\t';

/** Patterns for each delimiter: the space and the quote that open a cell, the end of a quoted cell, and a plain cell. */
const CELLS: {
  readonly [delimiter in Delimiter]: { readonly open: RegExp; readonly end: RegExp; readonly plain: RegExp };
} = {
  ',': { open: /\s*"/y, end: /\s*(,|$)/y, plain: /([^",]*)(,|$)/y },
  ';': { open: /\s*"/y, end: /\s*(;|$)/y, plain: /([^";]*)(;|$)/y },
  '\t': { open: / *"/y, end: / *(\t|$)/y, plain: /([^"\t]*)(\t|$)/y },
};

interface Cell {
  readonly text: string;
  /** Place after the cell and its delimiter. */
  readonly next: number;
  readonly isLast: boolean;
}

/** Match of a pattern at a place of a text. */
function matchAt(pattern: RegExp, text: string, place: number): RegExpExecArray | null {
  pattern.lastIndex = place;
  return pattern.exec(text);
}

/** Cell in quotes at a place of a line; undefined if none is there. Cells may be long, so no pattern spans one. */
function quotedCell(text: string, start: number, delimiter: Delimiter): Cell | undefined {
  const open = matchAt(CELLS[delimiter].open, text, start);
  if (open === null) return undefined;
  const begin = start + open[0].length;
  let close = text.indexOf('"', begin);
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
  const end = close < 0 ? null : matchAt(CELLS[delimiter].end, text, close + 1);
  if (end === null) return undefined;
  return {
    text: text.slice(begin, close).replaceAll('""', '"'),
    next: close + 1 + end[0].length,
    isLast: end[1] === '',
  };
}

function plainCell(text: string, start: number, delimiter: Delimiter): Cell | undefined {
  const match = matchAt(CELLS[delimiter].plain, text, start);
  return match === null ? undefined : { text: match[1]!, next: start + match[0].length, isLast: match[2] === '' };
}

/** Splits one line of a table; a cell in double quotes may contain the delimiter, and doubled quotes. */
export function splitCells(
  text: string,
  at: { readonly name: string; readonly line: number },
  delimiter: Delimiter = ',',
): string[] {
  const cells: string[] = [];
  if (!text.includes('"')) {
    let start = 0;
    for (let end = text.indexOf(delimiter); end >= 0; end = text.indexOf(delimiter, start)) {
      cells.push(text.slice(start, end).trim());
      start = end + 1;
    }
    cells.push(text.slice(start).trim());
    return cells;
  }
  for (let start = 0; ;) {
    const cell = quotedCell(text, start, delimiter) ?? plainCell(text, start, delimiter);
    if (cell === undefined) {
      throw traceError(
        at.name,
        at.line,
        `the quotes in ${shownValue(text)} do not match; close each one in its own cell`,
      );
    }
    cells.push(cell.text.trim());
    if (cell.isLast) return cells;
    start = cell.next;
  }
}

/**
 * Splits chunks of text into lines, without their ends (`\n` or `\r\n`); the last line needs no end.
 *
 * Memory is limited by the longest line.
 *
 * @param chunks decoded text, split anywhere.
 * @throws InputError if a line is longer than 64 Mi characters.
 */
export async function* splitLines(
  chunks: AsyncIterable<string> | Iterable<string>,
  options: { readonly name: string },
): AsyncIterableIterator<string> {
  for await (const lines of lineBatches(chunks, options)) yield* lines;
}

/** The same with the lines that end in a chunk together: to wait for each of them would take as long as to parse it. */
export async function* lineBatches(
  chunks: AsyncIterable<string> | Iterable<string>,
  options: { readonly name: string },
): AsyncIterableIterator<readonly string[]> {
  let rest = '';
  let line = 1;
  for await (const chunk of chunks) {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf('\n', start);
      if (end < 0) break;
      lines.push(withoutReturn(rest + chunk.slice(start, end)));
      rest = '';
      start = end + 1;
    }
    line += lines.length;
    yield lines;
    rest += chunk.slice(start);
    if (rest.length > MAX_LINE_LENGTH) {
      throw traceError(
        options.name,
        line,
        `the line has more than ${MAX_LINE_LENGTH} characters; check that the file is text with one row per line`,
      );
    }
  }
  if (rest !== '') yield [withoutReturn(rest)];
}

function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
