import * as fs from 'node:fs';
import * as path from 'node:path';
import { stateDirectory } from '../emulator/state-directory';
import { requireFreeSpace } from '../files/free-space';

/** Maximum space that a run takes for its logs and the state of its engine, with room. */
const RUN_MIB = 64;

/**
 * Creates the folder for the logs and temporary files of one run, `run/PID` in the state directory.
 *
 * Removes the folders of finished runs first, so that the logs of the last run stay until the next one.
 *
 * @throws InputError when the disk is full
 */
export function createRunDirectory(projectDirectory: string): string {
  const parent = path.join(stateDirectory(projectDirectory), 'run');
  fs.mkdirSync(parent, { recursive: true });
  for (const name of fs.readdirSync(parent)) {
    if (!/^\d+$/.test(name) || !isAlive(Number(name)))
      fs.rmSync(path.join(parent, name), { recursive: true, force: true });
  }
  requireFreeSpace(parent, RUN_MIB, 'free some space, then run the command again');
  const own = path.join(parent, String(process.pid));
  fs.rmSync(own, { recursive: true, force: true });
  fs.mkdirSync(own);
  return own;
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
