// Whether the build of a clone is that of its sources: a stamp holds the size and the time of change of all files that a build reads and writes.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Folders and files that decide what is built; the last one changes with the installed packages. */
const INPUTS = ['bin', 'lambda', 'lib', 'package-lock.json', 'tsconfig.json', 'node_modules/.tidegate-lock'];
const OUTPUTS = ['assets', 'dist'];
const STAMP = path.join('dist', 'build-stamp.txt');

/** Outputs of other commands, and the stamp itself. */
const isOfOthers = (file) => file === STAMP || /^dist[\\/](jsii|python)[\\/]/.test(file);

function fingerprint(projectDirectory) {
  const hash = createHash('sha256');
  const add = (file) => {
    const { size, mtimeMs } = fs.statSync(path.join(projectDirectory, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  };
  for (const name of [...INPUTS, ...OUTPUTS]) {
    const whole = path.join(projectDirectory, name);
    const stats = fs.statSync(whole, { throwIfNoEntry: false });
    if (stats?.isFile()) add(name);
    else if (stats?.isDirectory())
      for (const below of fs.readdirSync(whole, { recursive: true, withFileTypes: true })) {
        const file = path.join(path.relative(projectDirectory, below.parentPath ?? below.path), below.name);
        if (below.isFile() && !isOfOthers(file)) add(file);
      }
  }
  return hash.digest('hex');
}

/** True if nothing was changed, added or removed since the last build. */
export function isUpToDate(projectDirectory) {
  const stamp = path.join(projectDirectory, STAMP);
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === fingerprint(projectDirectory);
}

/** Remembers that everything was built from what is there now. */
export function markUpToDate(projectDirectory) {
  fs.writeFileSync(path.join(projectDirectory, STAMP), fingerprint(projectDirectory));
}
