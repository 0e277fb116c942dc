import { InputError } from '../core/errors';

/** First bytes of a gzip stream (RFC 1952): the format is detected from them, not from the file's extension. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Error of a trace file that cannot be read, as an InputError where the caller can mend it.
 *
 * @param property The flag or property that names the file, for the message.
 */
export function traceFileError(property: string, file: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ENOENT':
      return new InputError(`${property} is '${file}', and there is no such file; check the path`);
    case 'EISDIR':
      return new InputError(`${property} is '${file}', which is a folder; name a file in it`);
    case 'EACCES':
    case 'EPERM':
      return new InputError(`${property} is '${file}', which cannot be read (${error.code}); check its permissions`);
    case 'Z_DATA_ERROR':
    case 'Z_BUF_ERROR':
      return new InputError(`${file}: the gzip data are damaged or cut off (${error.message}); fetch the file again`);
    default:
      return error;
  }
}
