import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { InputError } from '../core/errors';

const BLOCK = 512;
/** Files that tools leave beside sources. */
const IGNORED = /^(__pycache__|\..*|.*\.pyc)$/;
/** Maximum length of a name and of the folder before it in POSIX ustar (IEEE Std 1003.1-1988). */
const MAX_NAME_BYTES = 100;
const MAX_PREFIX_BYTES = 155;

/** Lists the files below a folder, with `/` between parts, sorted independently of the file system. */
function filesBelow(directory: string, below = ''): string[] {
  return fs
    .readdirSync(path.join(directory, below), { withFileTypes: true })
    .filter((entry) => !IGNORED.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(directory, name);
      if (entry.isFile()) return [name];
      throw new InputError(
        `${path.join(directory, name)} is neither a file nor a folder; SageMaker refuses links in archives`,
      );
    });
}

function splitName(name: string): { prefix: string; base: string } {
  const fits = (text: string, bytes: number): boolean => Buffer.byteLength(text) <= bytes;
  if (fits(name, MAX_NAME_BYTES)) return { prefix: '', base: name };
  for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
    const prefix = name.slice(0, slash);
    const base = name.slice(slash + 1);
    if (fits(prefix, MAX_PREFIX_BYTES) && fits(base, MAX_NAME_BYTES)) return { prefix, base };
  }
  throw new InputError(`the path ${name} is too long for an archive; use shorter folder and file names`);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const { prefix, base } = splitName(name);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  block.write(base, 0);
  block.write(octal(0o644, 7), 100); // mode
  block.write(octal(0, 7), 108); // owner
  block.write(octal(0, 7), 116); // group
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136); // time of change
  block.write('        ', 148); // checksum, computed with blanks here
  block.write('0', 156); // a regular file
  block.write('ustar\0' + '00', 257);
  block.write(prefix, 345);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/**
 * Packs a folder as a `tar.gz`, the only archive format of SageMaker's containers. The same files always give the same bytes: times,
 * owners and modes of the files are left out.
 *
 * Throws an {@link InputError} for an empty or missing folder and for links.
 */
export function packDirectory(directory: string): Buffer {
  if (!fs.existsSync(directory) || !fs.statSync(directory).isDirectory()) {
    throw new InputError(`${directory} is not a folder; give the folder to pack`);
  }
  const names = filesBelow(directory);
  if (names.length === 0) throw new InputError(`${directory} has no files to pack`);
  const parts = names.flatMap((name) => {
    const content = fs.readFileSync(path.join(directory, name));
    return [header(name, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  const packed = zlib.gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  packed.writeUInt32LE(0, 4); // time
  packed[9] = 255; // operating system: unknown
  return packed;
}
