import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { writeInspectionFolder } from '../../bin/inspect/inspection-folder';
import { fullDiskNote, requireFreeSpace } from '../../lib/files/free-space';
import { writeWholeFile } from '../../lib/files/write-file';
import { projectDirectory } from '../architecture/imports';
import { chatTemplate } from '../simulation/blueprint/chat-template';

let mockSync: (() => unknown) | undefined;
let mockDisk: { readonly bavail: number; readonly bsize: number } | undefined;

jest.mock('node:fs', () => {
  const actual = jest.requireActual<typeof fs>('node:fs');
  return {
    ...actual,
    fsyncSync: (descriptor: number) => (mockSync ?? (() => actual.fsyncSync(descriptor)))(),
    statfsSync: (folder: string) => mockDisk ?? actual.statfsSync(folder),
  };
});

let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-write-'));
});

afterEach(() => {
  mockSync = mockDisk = undefined;
  fs.rmSync(folder, { recursive: true, force: true });
});

const fails = (code: string) => () => {
  throw Object.assign(new Error(`${code}: an error, write`), { code });
};

describe('a folder of an inspection', () => {
  const files = (content: string): Map<string, string> =>
    new Map(['trace.json', 'template.json', 'inspection.json'].map((name) => [name, content]));

  test.each([1, 2, 3])('on a disk that is full at file %d is left as it was, or not made', (full) => {
    const out = path.join(folder, 'above', 'out');
    const fillUp = (): void => {
      let written = 0;
      mockSync = () => ++written >= full && fails('ENOSPC')();
    };
    const name = [...files('').keys()][full - 1]!;
    fillUp();
    expect(() => writeInspectionFolder(out, files('first'))).toThrow(
      `${path.join(out, name)} cannot be written: its disk is full`,
    );
    expect(fs.readdirSync(folder)).toEqual([]);

    mockSync = undefined;
    writeInspectionFolder(out, files('first'));
    fillUp();
    expect(() => writeInspectionFolder(out, files('second'))).toThrow('its disk is full');
    expect(fs.readdirSync(out).sort()).toEqual([...files('').keys()].sort());
    for (const one of fs.readdirSync(out)) expect(fs.readFileSync(path.join(out, one), 'utf8')).toBe('first');
  });
});

describe('a file', () => {
  test('is written with the folders above it, and replaced with its permissions', () => {
    const file = path.join(folder, 'a', 'b', 'report.html');
    writeWholeFile(file, 'first');
    fs.chmodSync(file, 0o640);
    writeWholeFile(file, 'second');
    expect(fs.readFileSync(file, 'utf8')).toBe('second');
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
    expect(fs.readdirSync(path.dirname(file))).toEqual(['report.html']);
  });

  test('behind a link is replaced, and the link stays', () => {
    const file = path.join(folder, 'real.json');
    const link = path.join(folder, 'link.json');
    fs.writeFileSync(file, 'first');
    fs.symlinkSync(file, link);
    writeWholeFile(link, 'second');
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(file, 'utf8')).toBe('second');
  });

  test('that is a device is written as it is', () => {
    expect(() => writeWholeFile('/dev/null', 'gone')).not.toThrow();
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test.each([
    ['ENOSPC', 'its disk is full; free some space'],
    ['EDQUOT', 'the quota of its disk is used up'],
    ['EIO', 'its disk has an error'],
  ])('keeps its content after %s, which is named with the path', (code, reason) => {
    const file = path.join(folder, 'report.html');
    writeWholeFile(file, 'first');
    mockSync = fails(code);
    expect(() => writeWholeFile(file, 'second')).toThrow(`${file} cannot be written: ${reason}`);
    expect(fs.readFileSync(file, 'utf8')).toBe('first');
    expect(fs.readdirSync(folder)).toEqual(['report.html']);
  });
});

test('a disk that the report does not fit on is named by the command, which leaves no part of it', () => {
  const template = path.join(folder, 'chat.template.json');
  const trace = path.join(folder, 'trace.csv');
  const report = path.join(folder, 'report.html');
  fs.writeFileSync(template, JSON.stringify(chatTemplate()));
  fs.writeFileSync(trace, '# step_seconds=60\nrequests\n60\n90\n60\n');
  // A limit of the system on the size of a file stands for the disk: 8 blocks of 1,024 bytes.
  const command = `ulimit -f 8 && exec "${process.execPath}" bin/tidegate.mjs simulate "${template}" --trace "${trace}" --report "${report}"`;
  const { status, stderr } = spawnSync('bash', ['-c', command], {
    cwd: projectDirectory,
    encoding: 'utf8',
    env: { ...process.env, TIDEGATE_SET_UP: '1' },
    timeout: 60_000,
  });
  expect(stderr).toContain(`tidegate: ${report} cannot be written: it exceeds the maximum size of a file here`);
  expect(status).toBe(1);
  expect(fs.readdirSync(folder).sort()).toEqual(['chat.template.json', 'trace.csv']);
});

describe('a disk', () => {
  const withFree = (bytes: number): void => {
    mockDisk = { bavail: bytes / 4096, bsize: 4096 };
  };

  test('without the space for a run is named before it begins', () => {
    withFree(3 * 1024 * 1024);
    expect(() => requireFreeSpace('/runs', 64, 'free some space')).toThrow(
      'the disk of /runs has 3 MiB left, and 64 MiB are needed; free some space',
    );
    withFree(64 * 1024 * 1024);
    expect(() => requireFreeSpace('/runs', 64, 'free some space')).not.toThrow();
  });

  test('that is full is named beside the failures that follow from it', () => {
    withFree(8192);
    expect(fullDiskNote('/runs')).toBe('the disk of /runs is full (8 KiB left)');
    withFree(4 * 1024 * 1024);
    expect(fullDiskNote('/runs')).toBeUndefined();
  });
});
