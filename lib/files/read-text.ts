import * as fs from 'node:fs';
import { InputError } from '../core/errors';
import { isPipe, pipeChunks } from './pipe-chunks';

const CHUNK_BYTES = 64 * 1024;

const MIB = 1024 * 1024;

/** Maximum size of a file of settings, which commands hold in memory. */
const MAX_SETTINGS_BYTES = 64 * MIB;

/**
 * Reads a text as a whole: UTF-8 or UTF-16 by its byte order mark, which is left out.
 *
 * The size is checked while it is read, because streams and devices have none and may never end.
 *
 * @param file path, or 0 for standard input
 * @throws InputError for a text above the maximum, and for a named pipe without a writer; the errors of Node.js for files that cannot be read
 */
export function readText(file: string | 0, maxBytes = MAX_SETTINGS_BYTES): string {
  return decoded(readBytes(file, maxBytes));
}

/** Text of bytes in UTF-8, or in UTF-16 with a byte order mark, which Windows PowerShell writes for `>`. */
function decoded(bytes: Uint8Array): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

function readBytes(file: string | 0, maxBytes: number): Buffer {
  if (file !== 0 && isPipe(file)) return pipeBytes(file, maxBytes);
  const name = file === 0 ? 'stdin' : file;
  const descriptor = file === 0 ? 0 : fs.openSync(file, 'r');
  try {
    const { size } = fs.fstatSync(descriptor);
    if (size > maxBytes) throw tooLarge(name, maxBytes, `${size} bytes`);
    const chunks: Buffer[] = [];
    for (let total = 0; ;) {
      const chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, Math.min(size - total, maxBytes) + 1));
      const bytes = fs.readSync(descriptor, chunk);
      if (bytes === 0) return Buffer.concat(chunks);
      total += bytes;
      if (total > maxBytes) throw tooLarge(name, maxBytes, 'more');
      chunks.push(chunk.subarray(0, bytes));
    }
  } finally {
    if (file !== 0) fs.closeSync(descriptor);
  }
}

function pipeBytes(file: string, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (const chunk of pipeChunks(file)) {
    total += chunk.length;
    if (total > maxBytes) throw tooLarge(file, maxBytes, 'more');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(name: string, maxBytes: number, has: string): InputError {
  return new InputError(
    `${name} has ${has}; the maximum is ${maxBytes} bytes (${maxBytes / MIB} MiB). Check the path, or give a smaller file`,
  );
}
