import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { gzipSync } from 'node:zlib';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { readTraceFile } from '../../lib/traffic-file/read-trace';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-forms-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: Uint8Array): string {
  const file = path.join(folder, name);
  fs.writeFileSync(file, content);
  return file;
}

const TEXT = '\ufefftimestamp,value\r\n2026-01-05T00:00:00Z,5\r\n2026-01-05T00:01:00Z,7\r\n';
const littleEndian = Buffer.from(TEXT, 'utf16le');

test.each<[string, Uint8Array]>([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-16, as PowerShell writes it', littleEndian],
  ['UTF-16 of the other order', Buffer.from(littleEndian).swap16()],
  ['UTF-16 in gzip', gzipSync(littleEndian)],
])('a trace in %s is read', async (name, content) => {
  const trace = write(name.replace(/\W/g, ''), content);
  expect(await openWorkload({ trace, seed: 1 })).toMatchObject({ requestCount: 12, durationSeconds: 120 });
  expect(readTraceFile(trace, 1).requestCount).toBe(12);
});

test.each([
  ['zstd', '28b52ffd2400', /compressed with zstd; decompress it first/],
  ['bzip2', '425a6839314159265359', /compressed with bzip2; decompress it first/],
  ['xz', 'fd377a585a000004e6d6b446', /compressed with xz; decompress it first/],
  ['ZIP', '504b0304140000000800', /a ZIP archive or a spreadsheet; unpack it/],
  ['Avro', '4f626a0104146176726f2e636f646563', /an Avro file; export it/],
])('a file of %s is named, with the way out', async (name, hex, message) => {
  const trace = write(name, Buffer.from(hex, 'hex'));
  await expect(openWorkload({ trace, seed: 1 })).rejects.toThrow(message);
  expect(() => readTraceFile(trace, 1)).toThrow(message);
});
