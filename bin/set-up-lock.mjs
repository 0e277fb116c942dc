// One installation or build of a clone at a time: two commands that begin at once would write the same files.
import * as fs from 'node:fs';
import * as path from 'node:path';

const WAIT_MS = 200;

/**
 * Waits until no other command of the clone installs or builds, and returns a function that lets the next one begin. A command that died
 * has no lock any more. What it waited for may be done by then: whoever gets the lock looks again.
 */
export function lockSetUp(projectDirectory) {
  const file = path.join(projectDirectory, '.local', 'set-up.lock');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let told; !acquire(file); sleep(WAIT_MS)) {
    const owner = ownerOf(file);
    if (owner === undefined || owner === told) continue;
    process.stderr.write(
      `tidegate: another command of this clone (process ${owner}) installs or builds; waiting for it …\n`,
    );
    told = owner;
  }
  const release = () => {
    process.off('exit', release);
    if (ownerOf(file) === process.pid) fs.rmSync(file, { force: true });
  };
  process.on('exit', release);
  return release;
}

function acquire(file) {
  // Written under another name first: a lock always has its owner.
  const own = `${file}.${process.pid}`;
  fs.writeFileSync(own, String(process.pid));
  try {
    fs.linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(own, { force: true });
  }
  const owner = ownerOf(file);
  if (owner !== undefined && !isAlive(owner)) fs.rmSync(file, { force: true });
  return false;
}

/** Process that has the lock; undefined when it was given back. */
function ownerOf(file) {
  try {
    return Number(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
