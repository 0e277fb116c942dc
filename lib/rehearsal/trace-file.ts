import * as fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../core/errors';
import { TraceParser } from '../simulation/workload/trace-parser';
import type { Workload } from '../simulation/workload/workload';

/** A synthesis holds the whole file in memory; longer traces belong to `tidegate simulate`, which streams them. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Reads a trace at once, because a synthesis does not wait; the forms are those of `parseTrace`.
 *
 * @throws InputError when the file cannot be read, is too large or is no trace, with its line.
 */
export function readTraceFile(file: string, seed: number): Workload {
  const parser = new TraceParser({ name: file, seed });
  for (const text of linesOf(textOf(file))) parser.take(text);
  return parser.finish();
}

/** The lines without their ends. */
function* linesOf(content: string): Generator<string> {
  let start = 0;
  while (start < content.length) {
    const found = content.indexOf('\n', start);
    const end = found < 0 ? content.length : found;
    yield content.slice(start, content[end - 1] === '\r' && end > start ? end - 1 : end);
    start = end + 1;
  }
}

/** The text of a file; whether it is compressed is told by its first bytes, not by its name. */
function textOf(file: string): string {
  try {
    const { size } = fs.statSync(file);
    if (size > MOST_BYTES) throw tooLarge(file);
    const bytes = fs.readFileSync(file);
    const compressed = bytes.length > 1 && bytes[0] === 0x1f && bytes[1] === 0x8b;
    return (compressed ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes).toString('utf8');
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    switch (code) {
      case 'ENOENT':
        throw new InputError(`trace is '${file}', and there is no such file; check the path`);
      case 'EISDIR':
        throw new InputError(`trace is '${file}', which is a folder; name a file in it`);
      case 'ERR_BUFFER_TOO_LARGE':
        throw tooLarge(file);
      case 'Z_DATA_ERROR':
      case 'Z_BUF_ERROR':
        throw new InputError(`${file}: the gzip data are damaged or cut off (${message}); fetch the file again`);
      default:
        throw new InputError(`trace is '${file}', which cannot be read (${code ?? message}); check its permissions`);
    }
  }
}

function tooLarge(file: string): InputError {
  return new InputError(
    `trace is '${file}', which holds more than ${MOST_BYTES / 1024 / 1024} MiB of text; ` +
      'add its requests up to counts per step, or rehearse it with tidegate simulate',
  );
}
