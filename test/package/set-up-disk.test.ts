import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

let clone: string;

beforeEach(() => {
  clone = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-set-up-'));
  fs.mkdirSync(path.join(clone, 'bin'));
  for (const name of ['setup.mjs', 'set-up-lock.mjs'])
    fs.copyFileSync(path.join(projectDirectory, 'bin', name), path.join(clone, 'bin', name));
  fs.writeFileSync(path.join(clone, 'package-lock.json'), '{"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}');
});

afterEach(() => fs.rmSync(clone, { recursive: true, force: true }));

/** Sets the clone up with an npm whose installation fails with a message. */
function setUp(message: string): { status: number | null; stderr: string } {
  const npm = path.join(clone, 'bin', 'npm');
  fs.writeFileSync(npm, `#!/bin/sh\necho '${message}' >&2\nexit 1\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${path.dirname(npm)}:${process.env.PATH}`, TIDEGATE_SET_UP: undefined };
  return spawnSync(process.execPath, [path.join(clone, 'bin', 'setup.mjs')], { encoding: 'utf8', env });
}

test('a disk that npm has filled is named, and the network is not', () => {
  const { status, stderr } = setUp('npm error code ENOSPC');
  expect(status).toBe(2);
  expect(stderr).toContain(`free some space on the disk of ${clone}, then run the same command again`);
  expect(stderr).not.toContain('network');
  expect(setUp('npm error code ETIMEDOUT').stderr).toContain('check the network and the npm registry');
  // Nothing half-done stays behind.
  expect(fs.readdirSync(path.join(clone, '.local'))).toEqual([]);
  expect(fs.existsSync(path.join(clone, 'node_modules'))).toBe(false);
});

test('a place that takes no file is one message with the way out', () => {
  fs.writeFileSync(path.join(clone, '.local'), '');
  const { status, stderr } = setUp('');
  expect(status).toBe(2);
  expect(stderr).toBe(
    `tidegate: ${path.join(clone, '.local')} cannot be written (EEXIST); a file is where a folder belongs: move it away, ` +
      'then run the same command again\n',
  );
});
