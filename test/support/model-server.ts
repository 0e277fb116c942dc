import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { torchServePackages } from '../../lib/local/model-server/torchserve/torchserve';

/** Whether the model server can run here: it needs Linux, Python 3.10 to 3.12, and a network of its own. */
export function canServeModels(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  const version = spawnSync(process.env.PYTHON ?? 'python3', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (!/ 3\.1[0-2]\./.test(version)) return false;
  return [['-Urn'], ['-n']].some((flags) => spawnSync('unshare', [...flags, 'true']).status === 0);
}

/** Why TorchServe is not tested here: it is 1.8 GB to fetch, which no test does unasked. Undefined when it is tested. */
export function torchServeLeftOut(projectDirectory: string): string | undefined {
  if (!canServeModels()) return 'TorchServe needs Linux on x64, Python and network namespaces (unshare)';
  if (process.env.TIDEGATE_TEST_TORCHSERVE === '1') return undefined;
  const { folder, requirements } = torchServePackages(projectDirectory);
  const stamp = path.join(projectDirectory, '.local', folder, 'requirements.sha256');
  const wanted = createHash('sha256').update(fs.readFileSync(requirements)).digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return undefined;
  return 'TorchServe is not installed (1.8 GB to fetch); TIDEGATE_TEST_TORCHSERVE=1 installs and tests it';
}
