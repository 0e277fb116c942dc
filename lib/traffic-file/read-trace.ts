import * as fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../core/errors';
import { isPipe } from '../files/pipe-chunks';
import { TraceParser } from '../simulation/traffic/trace-parser';
import type { Workload } from '../simulation/traffic/workload';
import { checkForm, decoderOf, isGzip, traceFileError } from './file-errors';

/** Maximum size of the text of a trace: a synthesis holds the whole file in memory; `tidegate simulate` streams longer ones. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Reads a trace synchronously, as a synthesis requires, in the formats of `parseTrace`.
 *
 * @throws InputError when the file cannot be read, is too large or is not a trace, with the line
 */
export function readTraceFile(file: string, seed: number): Workload {
  const parser = new TraceParser({ name: file, seed });
  for (const text of linesOf(textOf(file))) parser.take(text);
  return parser.finish();
}

/** Lines without their line breaks. */
function* linesOf(content: string): Generator<string> {
  let start = 0;
  while (start < content.length) {
    const found = content.indexOf('\n', start);
    const end = found < 0 ? content.length : found;
    yield content.slice(start, content[end - 1] === '\r' && end > start ? end - 1 : end);
    start = end + 1;
  }
}

function textOf(file: string): string {
  try {
    if (fs.statSync(file).size > MAX_BYTES) throw tooLarge(file);
    // A pipe is read once, and synthesis reads a trace as often as the app has it.
    if (isPipe(file)) throw new InputError(`trace is '${file}', which is a pipe; give a file`);
    const bytes = fs.readFileSync(file);
    checkForm('trace', file, bytes);
    const text = isGzip(bytes) ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes;
    return decoderOf(text).decode(text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(file) : traceFileError('trace', file, error as Error);
  }
}

function tooLarge(file: string): InputError {
  return new InputError(
    `trace is '${file}', which holds more than ${MAX_BYTES / 1024 / 1024} MiB of text; ` +
      'aggregate its requests to counts per step, or rehearse it with tidegate simulate',
  );
}
