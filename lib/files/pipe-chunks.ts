import * as fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import { InputError } from '../core/errors';

const CHUNK_BYTES = 64 * 1024;

/** Maximum time until a program opens a named pipe for writing. */
const MAX_WAIT_SECONDS = 30;

/** Time between two looks at a pipe that has nothing to read. */
const PAUSE_MS = 1;

/** True for a pipe, named or of a shell such as `<(zcat a.gz)`. */
export function isPipe(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFIFO() === true;
}

/**
 * Returns the content of a pipe piece by piece. Opening a named pipe would wait for a writer without end.
 *
 * @throws InputError when no program opens it for writing in time
 */
export function* pipeChunks(file: string, maxWaitSeconds = MAX_WAIT_SECONDS): Generator<Buffer> {
  const pipe = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const until = performance.now() + maxWaitSeconds * 1000;
    let hasWriter = !isNamed(file);
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const bytes = available(pipe, chunk);
      if (bytes !== 0) hasWriter = true;
      else if (hasWriter) return;
      else if (performance.now() >= until) {
        throw new InputError(
          `${file} is a named pipe that no program has opened for writing in ${maxWaitSeconds} s; start the program that writes to it, or give a file`,
        );
      }
      if (bytes === undefined || bytes === 0) pause();
      else yield chunk.subarray(0, bytes);
    }
  } finally {
    fs.closeSync(pipe);
  }
}

/** Reads what a pipe has: 0 bytes without a writer, undefined where its writer has nothing yet. */
function available(pipe: number, chunk: Buffer): number | undefined {
  try {
    return fs.readSync(pipe, chunk);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

/** False for the pipe of a shell, which has a writer from the beginning. */
function isNamed(file: string): boolean {
  try {
    fs.realpathSync(file);
    return true;
  } catch {
    return false;
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
