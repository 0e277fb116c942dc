import * as fs from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../core/errors';
import type { TraceSettings } from '../simulation/workload/request-rows';
import { DEFAULT_TOKEN_LENGTHS } from '../simulation/workload/token-lengths';
import { jsonReader } from '../simulation/workload/trace-json';
import { ACCEPTED_TRACES, commentedStepSeconds, tableReader } from '../simulation/workload/trace-table';
import type { TraceReader } from '../simulation/workload/trace-reader';
import { checkRow, checkText, traceError } from '../simulation/workload/trace-text';
import type { Workload } from '../simulation/workload/workload';

/** A synthesis holds the whole file in memory; longer traces belong to `tidegate simulate`, which streams them. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Reads a trace at once, because a synthesis does not wait; the forms are those of `parseTrace`.
 *
 * @throws InputError when the file cannot be read, is too large or is no trace, with its line.
 */
export function readTraceFile(file: string, seed: number): Workload {
  return workloadOfText(textOf(file), { name: file, seed, tokens: DEFAULT_TOKEN_LENGTHS });
}

/** The traffic in a text of one of the known forms. */
export function workloadOfText(content: string, settings: TraceSettings): Workload {
  const { name } = settings;
  let reader: TraceReader | undefined;
  let stepSeconds: number | undefined;
  let line = 0;
  let lastLine = 1;
  let emptyLine = 0;
  for (const text of linesOf(content)) {
    line++;
    if (text.trim() === '') {
      if (emptyLine === 0) emptyLine = line;
      continue;
    }
    if (text.startsWith('#')) {
      checkRow(text, { name, line });
      stepSeconds = commentedStepSeconds(text, line, name) ?? stepSeconds;
    } else if (reader !== undefined) {
      if (emptyLine > 0) throw traceError(name, emptyLine, 'the line is empty; fill it or remove it');
      reader.take(text, line);
    } else {
      reader = firstReader(text, line, settings, stepSeconds);
      emptyLine = 0;
    }
    lastLine = line;
  }
  if (reader === undefined) throw traceError(name, lastLine, `the file is empty; ${ACCEPTED_TRACES}`);
  return reader.finish(lastLine);
}

function firstReader(
  text: string,
  line: number,
  settings: TraceSettings,
  stepSeconds: number | undefined,
): TraceReader {
  const at = { name: settings.name, line };
  checkText(text, at);
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') {
    checkRow(text, at);
    return tableReader(text, line, settings, stepSeconds);
  }
  const reader = jsonReader(text, settings);
  reader.take(text, line);
  return reader;
}

/** The lines without their ends and without the mark some editors put in front of UTF-8. */
function* linesOf(content: string): Generator<string> {
  let start = content.startsWith('\ufeff') ? 1 : 0;
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
