import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { writingError } from '../../lib/files/write-file';
import { STANDARD_INPUT } from './template-paths';

const CHUNK_BYTES = 1 << 20;

/**
 * Path of a trace. Standard input, `-`, is copied into a file, which is read more than once and removed when the process ends.
 *
 * @throws InputError when a template is read from standard input too
 */
export function traceFile(trace: string, templates: readonly string[] = []): string {
  if (trace !== STANDARD_INPUT) return trace;
  if (templates.includes(STANDARD_INPUT)) {
    throw new InputError(
      'a template and --trace are both -, and standard input is read once; give one of them as a file',
    );
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-trace-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'stdin');
  const copy = fs.openSync(file, 'w');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let bytes = fs.readSync(0, chunk); bytes > 0; bytes = fs.readSync(0, chunk)) {
    try {
      fs.writeFileSync(copy, chunk.subarray(0, bytes));
    } catch (error) {
      throw writingError(file, error as NodeJS.ErrnoException);
    }
  }
  fs.closeSync(copy);
  return file;
}

/** Flags with a file as their trace, where it is standard input. */
export function withTraceFile<Flags extends { readonly trace?: string }>(
  flags: Flags,
  templates: readonly string[],
): Flags {
  return flags.trace === undefined ? flags : { ...flags, trace: traceFile(flags.trace, templates) };
}
