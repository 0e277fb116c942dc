import { TextDecoder } from 'node:util';
import { InputError } from '../core/errors';

/** First bytes of a gzip stream (RFC 1952): the format is detected from them, not from the file's extension. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** First bytes of files that are no text, with what they are and the way out. */
const FORMS: readonly { readonly magic: string; readonly name: string; readonly wayOut: string }[] = [
  { magic: '28b52ffd', name: 'compressed with zstd', wayOut: 'decompress it first: zstd -d FILE' },
  { magic: '425a68', name: 'compressed with bzip2', wayOut: 'decompress it first: bzip2 -dk FILE' },
  { magic: 'fd377a585a00', name: 'compressed with xz', wayOut: 'decompress it first: xz -dk FILE' },
  { magic: '04224d18', name: 'compressed with lz4', wayOut: 'decompress it first: lz4 -d FILE' },
  { magic: '504b0304', name: 'a ZIP archive or a spreadsheet', wayOut: 'unpack it, or export it as CSV, first' },
  { magic: '377abcaf271c', name: 'a 7z archive', wayOut: 'unpack it first' },
  { magic: '4f626a01', name: 'an Avro file', wayOut: 'export it as CSV or parquet first' },
  { magic: '4f5243', name: 'an ORC file', wayOut: 'export it as CSV or parquet first' },
  { magic: '53514c69746520666f726d6174203300', name: 'a SQLite database', wayOut: 'export a table as CSV first' },
];

/** Bytes that tell the form of a file. */
export const FORM_BYTES = 16;

/**
 * Checks that a file is text, parquet or gzip, by its first bytes.
 *
 * @param property The flag or property that names the file, for the message.
 * @throws InputError for a file of another known form
 */
export function checkForm(property: string, file: string, bytes: Uint8Array): void {
  const hex = Buffer.from(bytes.subarray(0, FORM_BYTES)).toString('hex');
  const form = FORMS.find(({ magic }) => hex.startsWith(magic));
  if (form === undefined) return;
  throw new InputError(`${property} is '${file}', which is ${form.name}; ${form.wayOut}`);
}

/** Decoder of a text: UTF-8, or UTF-16 by its byte order mark, which Windows PowerShell writes for `>`. The mark is left out. */
export function decoderOf(bytes: Uint8Array): TextDecoder {
  const isMark = (first: number, second: number): boolean => bytes[0] === first && bytes[1] === second;
  return new TextDecoder(isMark(0xff, 0xfe) ? 'utf-16le' : isMark(0xfe, 0xff) ? 'utf-16be' : 'utf-8');
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
