import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { torchServePackages } from '../../lib/emulator/model-server/torchserve/torchserve';

/** Names what the machine lacks to run a model server in a network of its own; undefined where nothing is missing. */
export function missingForModelServers(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Linux on x64';
  const version = spawnSync(process.env.PYTHON ?? 'python3', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  if (!/ 3\.1[0-2]\./.test(version)) return 'Python 3.10 to 3.12';
  const canUnshare = [['-Urn'], ['-n']].some((flags) => spawnSync('unshare', [...flags, 'true']).status === 0);
  return canUnshare ? undefined : 'network namespaces: the command unshare, and the right to use it';
}

/** Names what TorchServe's tests lack: its 1.8 GB are fetched on demand only. Undefined where they can run. */
export function torchServeLeftOut(projectDirectory: string): string | undefined {
  const missing = missingForModelServers();
  if (missing !== undefined) return missing;
  if (process.env.TIDEGATE_TEST_TORCHSERVE === '1') return undefined;
  const { folder, requirements } = torchServePackages(projectDirectory);
  const stamp = path.join(projectDirectory, '.local', folder, 'requirements.sha256');
  const wanted = createHash('sha256').update(fs.readFileSync(requirements)).digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return undefined;
  return 'TorchServe, 1.8 GB to fetch: TIDEGATE_TEST_TORCHSERVE=1 installs and tests it';
}
