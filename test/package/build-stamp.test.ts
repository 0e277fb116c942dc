import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectDirectory } from '../architecture/imports';

const FILES = ['bin/tidegate.ts', 'lib/core/errors.ts', 'lambda/guard/index.ts', 'package-lock.json', 'dist/page.html'];

/** Runs a script in which the functions of the stamp and `directory` are known; returns the JSON that it prints. */
function inClone(script: string): unknown {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-stamp-'));
  try {
    for (const file of FILES) {
      fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
      fs.writeFileSync(path.join(directory, file), file);
    }
    const stamp = pathToFileURL(path.join(projectDirectory, 'bin', 'build-stamp.mjs')).href;
    const program = `
      import { isUpToDate, markUpToDate } from ${JSON.stringify(stamp)};
      import * as fs from 'node:fs';
      const directory = ${JSON.stringify(directory)};
      process.chdir(directory);
      const results = {};
      ${script}
      process.stdout.write(JSON.stringify(results));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    return JSON.parse(stdout);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

test('a build is up to date until a file that it read or wrote is changed, added or lost', () => {
  const results = inClone(`
    results.never = isUpToDate(directory);
    markUpToDate(directory);
    results.built = isUpToDate(directory);
    for (const [name, change] of [
      ['changed', () => fs.utimesSync('lib/core/errors.ts', 1, 1)],
      ['added', () => fs.writeFileSync('lambda/guard/new.ts', '')],
      ['removed', () => fs.rmSync('bin/tidegate.ts')],
      ['installed', () => fs.appendFileSync('package-lock.json', ' ')],
      ['lost', () => fs.rmSync('dist/page.html')],
    ]) {
      change();
      results[name] = isUpToDate(directory);
      markUpToDate(directory);
    }
    fs.mkdirSync('dist/jsii/js', { recursive: true });
    fs.writeFileSync('dist/jsii/js/tidegate.tgz', '');
    results.packaged = isUpToDate(directory);`);
  expect(results).toEqual({
    never: false,
    built: true,
    changed: false,
    added: false,
    removed: false,
    installed: false,
    lost: false,
    packaged: true,
  });
});
