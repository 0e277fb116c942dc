import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { pipeChunks } from '../../lib/files/pipe-chunks';
import { writingError } from '../../lib/files/write-file';
import { STANDARD_INPUT } from './template-paths';

const CHUNK_BYTES = 1 << 20;

/**
 * Path of a trace. Standard input, `-`, and pipes such as that of `<(zcat a.gz)` are copied into a file, which is read more than once and
 * removed when the process ends, by a signal too.
 *
 * @throws InputError when a template is read from standard input too, for devices, which may never end, and for a named pipe without a writer
 */
export function traceFile(trace: string, templates: readonly string[] = []): string {
  if (trace !== STANDARD_INPUT) {
    const kind = fs.statSync(trace, { throwIfNoEntry: false });
    if (kind?.isCharacterDevice() === true || kind?.isBlockDevice() === true) {
      throw new InputError(`--trace is '${trace}', which is a device; give a file, or - for standard input`);
    }
    return kind?.isFIFO() === true ? copyOf(pipeChunks(trace)) : trace;
  }
  if (templates.includes(STANDARD_INPUT)) {
    throw new InputError(
      'a template and --trace are both -, and standard input is read once; give one of them as a file',
    );
  }
  return copyOf(standardInput());
}

function* standardInput(): Generator<Buffer> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let bytes = fs.readSync(0, chunk); bytes > 0; bytes = fs.readSync(0, chunk)) yield chunk.subarray(0, bytes);
}

function copyOf(source: Iterable<Buffer>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-trace-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  removeAfterDeath(folder);
  const file = path.join(folder, 'stdin');
  const copy = fs.openSync(file, 'w');
  for (const chunk of source) {
    try {
      fs.writeFileSync(copy, chunk);
    } catch (error) {
      throw writingError(file, error as NodeJS.ErrnoException);
    }
  }
  fs.closeSync(copy);
  return file;
}

/** Program that removes a folder when the process at the other end of its standard input is gone. */
const REMOVAL = `process.stdin.resume().on('close', () => require('node:fs').rmSync(process.argv[1], { recursive: true, force: true }))`;

/**
 * Removes a folder when this process dies without its exit handlers, by a signal: a handler of signals in this process would wait for the
 * end of the calculation, and nothing handles SIGKILL. The other process has a session of its own, which Ctrl-C does not reach.
 */
function removeAfterDeath(folder: string): void {
  const remover = spawn(process.execPath, ['-e', REMOVAL, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    // The folder to work in may be removed, and options of Node.js are for this process.
    cwd: os.tmpdir(),
    env: {},
  });
  // Without that process, the exit alone removes the folder.
  remover.on('error', () => undefined);
  remover.stdin.on('error', () => undefined);
  remover.unref();
  (remover.stdin as unknown as { unref(): void }).unref();
}

/** Flags with a file as their trace, where it is standard input. */
export function withTraceFile<Flags extends { readonly trace?: string }>(
  flags: Flags,
  templates: readonly string[],
): Flags {
  return flags.trace === undefined ? flags : { ...flags, trace: traceFile(flags.trace, templates) };
}
