import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as zlib from 'node:zlib';
import { InputError } from '../../lib/core/errors';
import { packDirectory } from '../../lib/training/pack-source';

let scratch: string;
beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-pack-test-'));
});
afterEach(() => fs.rmSync(scratch, { recursive: true }));

function folder(name: string, files: { readonly [file: string]: string }): string {
  const directory = path.join(scratch, name);
  for (const [file, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
    fs.writeFileSync(path.join(directory, file), content);
  }
  return directory;
}

/** Content of an archive as read by Python's tarfile, which SageMaker's containers use. */
function unpack(archive: Buffer): { readonly [file: string]: string } {
  const file = path.join(scratch, 'packed.tar.gz');
  fs.writeFileSync(file, archive);
  const script =
    'import json, sys, tarfile\n' +
    'with tarfile.open(sys.argv[1], "r:gz") as t:\n' +
    '    print(json.dumps({m.name: t.extractfile(m).read().decode() for m in t.getmembers() if m.isfile()}))';
  const { stdout, stderr } = spawnSync('python3', ['-c', script, file], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { [file: string]: string };
}

describe('a packed folder', () => {
  test('holds every file with its path and content', () => {
    const files = { 'train.py': 'print(1)\n', 'a/b/empty.txt': '', 'a/large.txt': 'x'.repeat(100_000), 'ä.txt': 'ü' };
    expect(unpack(packDirectory(folder('source', files)))).toEqual(files);
  });

  test('keeps long paths', () => {
    const files = { [`${'folder/'.repeat(20)}${'n'.repeat(90)}.py`]: 'long' };
    expect(unpack(packDirectory(folder('source', files)))).toEqual(files);
  });

  test('has the same bytes whenever and wherever it is packed', () => {
    const files = { 'b.py': '2', 'a.py': '1', 'c/d.py': '3' };
    const first = folder('first', files);
    const second = folder('second', Object.fromEntries(Object.entries(files).reverse()));
    fs.utimesSync(path.join(second, 'a.py'), 1, 1);
    fs.chmodSync(path.join(second, 'b.py'), 0o755);
    expect(packDirectory(second).equals(packDirectory(first))).toBe(true);
  });

  test('changes with a name or a content', () => {
    const variants: { [file: string]: string }[] = [{ 'a.py': '1' }, { 'a.py': '2' }, { 'b.py': '1' }];
    const packed = variants.map((files, index) => packDirectory(folder(`folder-${index}`, files)).toString('hex'));
    expect(new Set(packed).size).toBe(3);
  });

  test('leaves out what tools leave behind', () => {
    const files = { 'a.py': '1', 'a.pyc': 'x', '.hidden': 'x', '__pycache__/a.pyc': 'x', '.git/config': 'x' };
    expect(Object.keys(unpack(packDirectory(folder('source', files))))).toEqual(['a.py']);
  });

  test('has no time and no operating system in the gzip header', () => {
    const packed = packDirectory(folder('source', { 'a.py': '1' }));
    expect([packed.readUInt32LE(4), packed[9]]).toEqual([0, 255]);
    expect(zlib.gunzipSync(packed).length % 512).toBe(0);
  });

  test.each<[string, (directory: string) => void, string]>([
    ['a missing folder', (directory) => fs.rmSync(directory, { recursive: true }), 'is not a folder'],
    ['an empty folder', (directory) => fs.rmSync(path.join(directory, 'a.py')), 'has no files to pack'],
    ['a link', (directory) => fs.symlinkSync('a.py', path.join(directory, 'b.py')), 'SageMaker refuses links'],
    [
      'a path that no archive can hold',
      (directory) => fs.writeFileSync(path.join(directory, 'n'.repeat(200)), ''),
      'is too long for an archive',
    ],
  ])('refuses %s', (_, prepare, message) => {
    const directory = folder('source', { 'a.py': '1' });
    prepare(directory);
    expect(() => packDirectory(directory)).toThrow(InputError);
    expect(() => packDirectory(directory)).toThrow(message);
  });
});
