import * as fs from 'node:fs';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { InputError } from '../core/errors';

const BLOCK = 512;
/** Rubbish that tools leave beside sources. */
const LEFT_OUT = /^(__pycache__|\..*|.*\.pyc)$/;
/** POSIX ustar (IEEE Std 1003.1-1988): the longest name and the longest folder name before it. */
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Files below a folder, with `/` between parts, in an order that no file system decides. */
function filesBelow(directory: string, below = ''): string[] {
  return fs
    .readdirSync(path.join(directory, below), { withFileTypes: true })
    .filter((entry) => !LEFT_OUT.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(directory, name);
      if (entry.isFile()) return [name];
      throw new InputError(
        `${path.join(directory, name)} is neither file nor folder; SageMaker refuses links in archives`,
      );
    });
}

function splitName(name: string): { prefix: string; base: string } {
  const fits = (text: string, bytes: number): boolean => Buffer.byteLength(text) <= bytes;
  if (fits(name, NAME_BYTES)) return { prefix: '', base: name };
  for (let slash = name.indexOf('/'); slash !== -1; slash = name.indexOf('/', slash + 1)) {
    const prefix = name.slice(0, slash);
    const base = name.slice(slash + 1);
    if (fits(prefix, PREFIX_BYTES) && fits(base, NAME_BYTES)) return { prefix, base };
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
  block.write('        ', 148); // checksum, counted as blanks
  block.write('0', 156); // a regular file
  block.write('ustar\0' + '00', 257);
  block.write(prefix, 345);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/**
 * A folder as a `tar.gz`, the only archive that SageMaker's containers take. The same files always give the same bytes: times, owners
 * and modes of the files leave no trace.
 *
 * Throws an {@link InputError} for an empty or missing folder and for links.
 */
export function packDirectory(directory: string): Buffer {
  if (!fs.existsSync(directory) || !fs.statSync(directory).isDirectory()) {
    throw new InputError(`${directory} is no folder; give the folder whose content is to be packed`);
  }
  const names = filesBelow(directory);
  if (names.length === 0) throw new InputError(`${directory} has no file to pack`);
  const parts = names.flatMap((name) => {
    const content = fs.readFileSync(path.join(directory, name));
    return [header(name, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  const packed = zlib.gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  packed.writeUInt32LE(0, 4); // time
  packed[9] = 255; // operating system: unknown
  return packed;
}
