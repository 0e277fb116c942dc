import * as fs from 'node:fs';
import * as path from 'node:path';
import { WRITE_ERRORS } from '../core/write-errors';

/**
 * Writes a file as a whole, and the folders above it: into a new file beside it, which then takes its name. An earlier file of the name keeps
 * its content when the writing fails, and its permissions when it succeeds. Streams and devices, such as `/dev/stdout`, are written directly.
 *
 * @throws Error naming the file, the reason and the way out, when the disk is full or the file cannot be written
 */
export function writeWholeFile(file: string, content: string | Uint8Array): void {
  try {
    fs.mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    const present = fs.statSync(file, { throwIfNoEntry: false });
    if (present !== undefined && !present.isFile()) fs.writeFileSync(file, content);
    else replaceFile(present === undefined ? file : fs.realpathSync(file), content, present?.mode);
  } catch (error) {
    throw writingError(file, error as NodeJS.ErrnoException);
  }
}

/** Error of a file that cannot be written, with its path, which the errors of Node.js about full disks lack. */
export function writingError(file: string, error: NodeJS.ErrnoException): Error {
  const reason = WRITE_ERRORS[error.code ?? ''];
  if (reason === undefined) return error;
  return new Error(`${file} cannot be written: ${reason} (${error.code}); nothing incomplete was left there`, {
    cause: error,
  });
}

function replaceFile(file: string, content: string | Uint8Array, mode: number | undefined): void {
  const beside = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.part`);
  let descriptor: number;
  try {
    descriptor = fs.openSync(beside, 'wx', mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A file may be writable in a folder that is not.
    if (mode === undefined || (code !== 'EACCES' && code !== 'EPERM')) throw error;
    fs.writeFileSync(file, content);
    return;
  }
  try {
    try {
      fs.writeFileSync(descriptor, content);
      if (mode !== undefined) fs.fchmodSync(descriptor, mode);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    fs.renameSync(beside, file);
  } catch (error) {
    fs.rmSync(beside, { force: true });
    throw error;
  }
}
