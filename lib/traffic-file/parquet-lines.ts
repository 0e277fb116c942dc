import * as fs from 'node:fs';
import { InputError } from '../core/errors';

/** First and last bytes of a parquet file. */
const MAGIC = 'PAR1';

/** Maximum number of rows to decode at a time, whatever the size of the file's row groups. */
const MAX_ROWS_AT_ONCE = 100_000;

/** True for a parquet file, by its first bytes. */
export async function isParquet(file: string): Promise<boolean> {
  const handle = await fs.promises.open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString('latin1') === MAGIC;
  } finally {
    await handle.close();
  }
}

/**
 * Rows of a parquet file as lines of a CSV, the header first, so that one parser reads both: row N of the file is line N + 1.
 *
 * @throws InputError when the file is damaged or has no plain columns
 */
export async function* parquetLines(file: string): AsyncGenerator<string> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const buffer = await attempt(file, () => asyncBufferFromFile(file));
  const metadata = await attempt(file, () => parquetMetadataAsync(buffer));
  const columns = parquetSchema(metadata)
    .children.filter(({ children }) => children.length === 0)
    .map(({ element }) => element.name);
  if (columns.length === 0) {
    throw new InputError(`${file}: the parquet file has no plain column; give one with a timestamp and token counts`);
  }
  yield columns.map(cell).join(',');
  const rows = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rows; rowStart += MAX_ROWS_AT_ONCE) {
    const rowEnd = Math.min(rows, rowStart + MAX_ROWS_AT_ONCE);
    const part = await attempt(file, () =>
      parquetReadObjects({ file: buffer, metadata, columns, rowStart, rowEnd, compressors }),
    );
    for (const row of part) yield columns.map((name) => cell(row[name])).join(',');
  }
}

/** Cell of CSV. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text =
    value instanceof Date
      ? value.toISOString()
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value as string | number | bigint | boolean);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

async function attempt<Result>(file: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    const { message } = error as Error;
    throw new InputError(`${file}: the parquet data are damaged or cut off (${message}); fetch the file again`);
  }
}
