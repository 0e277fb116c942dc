import { InputError } from '../../core/errors';

/** The most characters a row of a table or of JSON Lines may have. */
const MAXIMUM_ROW_LENGTH = 65_536;

/** The most characters a line may have at all; a metric export may be one long line of JSON. */
const MAXIMUM_LINE_LENGTH = 64 * 1024 * 1024;

/** A decimal number as people and programs write it; nothing else JavaScript would accept, such as hexadecimal or blanks. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** The error of a file, at a line, in the form that editors and terminals make clickable. */
export function traceError(name: string, line: number, message: string): InputError {
  return new InputError(`${name}:${line}: ${message}`);
}

/** A value as an error message shows it: quoted, without control characters, cut when long. */
export function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}

/** A number between two limits, from the text of a cell. */
export function readNumber(
  text: string,
  what: string,
  limits: { readonly minimum: number; readonly maximum: number },
  at: { readonly name: string; readonly line: number },
): number {
  const value = DECIMAL.test(text) ? Number(text) : NaN;
  return checkNumber(value, text, what, limits, at);
}

/** Refuses a number that is missing, not finite or outside its limits, showing the value as it was written. */
export function checkNumber(
  value: unknown,
  written: unknown,
  what: string,
  limits: { readonly minimum: number; readonly maximum: number },
  at: { readonly name: string; readonly line: number },
): number {
  if (typeof value === 'number' && value >= limits.minimum && value <= limits.maximum) return value;
  const is = written === undefined ? 'is missing' : written === '' ? 'is empty' : `is ${shown(written)}`;
  throw traceError(
    at.name,
    at.line,
    `${what} ${is}; it must be a number from ${limits.minimum} to ${limits.maximum}. Correct the value or remove the row`,
  );
}

/** Refuses what no row of a text trace can be: binary data and endless lines. */
export function checkRow(text: string, at: { readonly name: string; readonly line: number }): void {
  if (text.length > MAXIMUM_ROW_LENGTH) {
    throw traceError(
      at.name,
      at.line,
      `the line has ${text.length} characters; a row may have ${MAXIMUM_ROW_LENGTH}. Check that the file has one row per line`,
    );
  }
  checkText(text, at);
}

/** Refuses binary data. */
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

/** The cells of one line of CSV; a cell in double quotes may contain commas, and quotes doubled. */
export function splitCells(text: string, at: { readonly name: string; readonly line: number }): string[] {
  const cells: string[] = [];
  if (!text.includes('"')) {
    let start = 0;
    for (let end = text.indexOf(','); end >= 0; end = text.indexOf(',', start)) {
      cells.push(text.slice(start, end).trim());
      start = end + 1;
    }
    cells.push(text.slice(start).trim());
    return cells;
  }
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^",]*))\s*(,|$)/y;
  for (;;) {
    const match = pattern.exec(text);
    if (match === null) {
      throw traceError(at.name, at.line, `the quotes in ${shown(text)} do not match; close each one in its own cell`);
    }
    cells.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim());
    if (match[3] === '') return cells;
  }
}

/**
 * Cuts text that comes in chunks into lines, without their ends (`\n` or `\r\n`); the last line needs none.
 *
 * Memory is bounded by the longest line.
 *
 * @param chunks decoded text, cut anywhere.
 * @throws InputError when a line is longer than 64 Mi characters.
 */
export async function* splitLines(
  chunks: AsyncIterable<string> | Iterable<string>,
  options: { readonly name: string },
): AsyncIterableIterator<string> {
  let rest = '';
  let line = 1;
  for await (const chunk of chunks) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf('\n', start);
      if (end < 0) break;
      const text = rest + chunk.slice(start, end);
      rest = '';
      line++;
      start = end + 1;
      yield text.endsWith('\r') ? text.slice(0, -1) : text;
    }
    rest += chunk.slice(start);
    if (rest.length > MAXIMUM_LINE_LENGTH) {
      throw traceError(
        options.name,
        line,
        `the line has more than ${MAXIMUM_LINE_LENGTH} characters; check that the file is text with one row per line`,
      );
    }
  }
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest;
}
