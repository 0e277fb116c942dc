import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const projectDirectory = path.resolve(__dirname, '../..');
const read = (name: string): string => fs.readFileSync(path.join(projectDirectory, name), 'utf8');

/** Asks the set-up whether installed packages are those of a lock file. */
function hasPackages(installed: string, lock: string): boolean {
  const program =
    "import { hasPackages } from './bin/setup.mjs'; import fs from 'node:fs';" +
    "const [installed, lock] = JSON.parse(fs.readFileSync(0, 'utf8')); console.log(hasPackages(installed, lock))";
  const input = JSON.stringify([installed, lock]);
  const options = { cwd: projectDirectory, input, encoding: 'utf8' } as const;
  return execFileSync(process.execPath, ['--input-type=module', '-e', program], options).trim() === 'true';
}

describe('packages that npm has installed', () => {
  const lock = read('package-lock.json');
  const installed = read('node_modules/.package-lock.json');
  type Packages = { packages: { [folder: string]: { version?: string; optional?: boolean } } };
  const changed = (change: (packages: Packages['packages']) => void): string => {
    const { packages } = JSON.parse(installed) as Packages;
    change(packages);
    return JSON.stringify({ packages });
  };

  test('are not installed again where they are those of the lock file', () => {
    expect(hasPackages(installed, lock)).toBe(true);
  });

  test('are where one is missing, or of another version', () => {
    expect(
      hasPackages(
        changed((packages) => delete packages['node_modules/typescript']),
        lock,
      ),
    ).toBe(false);
    const other = changed((packages) => (packages['node_modules/typescript']!.version = '1.0.0'));
    expect(hasPackages(other, lock)).toBe(false);
  });

  test('are not where one of another platform is missing', () => {
    const { packages } = JSON.parse(lock) as Packages;
    const foreign = Object.keys(packages).filter((folder) => packages[folder]!.optional === true);
    expect(foreign.length).toBeGreaterThan(0);
    expect(
      hasPackages(
        changed((own) => foreign.forEach((folder) => delete own[folder])),
        lock,
      ),
    ).toBe(true);
  });
});
