import { spawnSync } from 'node:child_process';

/** Whether the model server can run here: it needs Linux, Python 3.10 to 3.12, and a network of its own. */
export function canServeModels(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  const version = spawnSync(process.env.PYTHON ?? 'python3', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (!/ 3\.1[0-2]\./.test(version)) return false;
  return [['-Urn'], ['-n']].some((flags) => spawnSync('unshare', [...flags, 'true']).status === 0);
}
