import { InputError } from '../core/errors';

/** Maximum number of rows to decode at a time, whatever the size of the file's row groups. */
const MAX_ROWS_AT_ONCE = 100_000;

/** Maximum number of plain columns; a trace has a timestamp and a few counts. */
const MAX_COLUMNS = 1000;

/**
 * Rows of a parquet file as lines of a CSV, the header first, part by part. A damaged file may make the library run without end, or end the
 * process, so that this runs in a process of its own: see `parquetLines`.
 *
 * @throws InputError when the file is damaged or has no plain columns
 */
export async function* parquetParts(file: string): AsyncGenerator<readonly string[]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const buffer = await attempt(file, () => asyncBufferFromFile(file));
  const metadata = await attempt(file, () => parquetMetadataAsync(buffer));
  const columns = (await attempt(file, () => Promise.resolve(parquetSchema(metadata)))).children
    .filter(({ children }) => children.length === 0)
    .map(({ element }) => element.name);
  if (columns.length === 0) {
    throw new InputError(`${file}: the parquet file has no plain column; give one with a timestamp and token counts`);
  }
  if (columns.length > MAX_COLUMNS) {
    throw new InputError(`${file}: the parquet file has ${columns.length} columns; the maximum is ${MAX_COLUMNS}`);
  }
  yield [columns.map(cell).join(',')];
  const rows = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rows; rowStart += MAX_ROWS_AT_ONCE) {
    const rowEnd = Math.min(rows, rowStart + MAX_ROWS_AT_ONCE);
    const part = await attempt(file, () =>
      parquetReadObjects({ file: buffer, metadata, columns, rowStart, rowEnd, compressors }),
    );
    // The number of rows is one of the things that a damaged file has wrong.
    if (part.length !== rowEnd - rowStart) {
      throw damaged(file, `it has no rows ${rowStart + part.length + 1} to ${rowEnd} of ${rows}`);
    }
    yield part.map((row) => columns.map((name) => cell(row[name])).join(','));
  }
}

/** Error of data that cannot be decoded. */
export function damaged(file: string, reason: string): InputError {
  return new InputError(`${file}: the parquet data are damaged or cut off (${reason}); fetch the file again`);
}

/** Cell of CSV. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date
      ? dateText(value)
      : typeof value === 'object'
        ? (JSON.stringify(value, (_name, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? '')
        : String(value as string | number | bigint | boolean);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function dateText(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'no date' : date.toISOString();
}

/** Reason that a reader can use: the library's own errors, but not those of JavaScript where it reads what is not there. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it cannot be decoded';
  return error instanceof TypeError || error instanceof RangeError
    ? 'a part of its structure is missing'
    : error.message;
}

async function attempt<Result>(file: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw damaged(file, reasonOf(error));
  }
}
