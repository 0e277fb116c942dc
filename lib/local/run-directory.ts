import * as fs from 'node:fs';
import * as path from 'node:path';

/**
 * A folder for the logs and temporary files of one run, `.local/run/PID`.
 *
 * Those of runs that have ended are removed first, so that the last one's logs stay until the next run.
 */
export function createRunDirectory(projectDirectory: string): string {
  const parent = path.join(projectDirectory, '.local', 'run');
  fs.mkdirSync(parent, { recursive: true });
  for (const name of fs.readdirSync(parent)) {
    if (!/^\d+$/.test(name) || !isAlive(Number(name)))
      fs.rmSync(path.join(parent, name), { recursive: true, force: true });
  }
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
