import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pythonWithTorch } from '../training/torch';

const REQUIREMENTS = path.join(__dirname, '../../lib/emulator/model-server/onnx/requirements.txt');
const [, VERSION] = /^onnxruntime==(\S+)/m.exec(fs.readFileSync(REQUIREMENTS, 'utf8'))!;
const INSTALL_TIMEOUT_MS = 600_000;

/** An interpreter with PyTorch and ONNX Runtime, which is installed once into the user's cache, or what is missing for it. */
export function pythonWithOnnx(environment: NodeJS.ProcessEnv = process.env): { python: string } | { missing: string } {
  const torch = pythonWithTorch(environment);
  if ('missing' in torch) return torch;
  const cache = path.join(environment.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'tidegate');
  const home = path.join(cache, `onnxruntime-${VERSION}`);
  const python = path.join(home, 'bin', 'python');
  if (works(python) || (install(torch.python, cache, home) && works(python))) return { python };
  return {
    missing: `onnxruntime ${VERSION} beside PyTorch, which could not be installed: check the network and pip config list`,
  };
}

function works(python: string): boolean {
  const check = `import onnx, onnxruntime, torch; assert onnxruntime.__version__ == ${JSON.stringify(VERSION)}; torch.zeros(1).numpy()`;
  return spawnSync(python, ['-c', check], { timeout: 120_000, stdio: 'ignore' }).status === 0;
}

function install(interpreter: string, cache: string, home: string): boolean {
  fs.mkdirSync(cache, { recursive: true });
  const building = fs.mkdtempSync(path.join(cache, 'onnxruntime-building-'));
  const run = (command: string, ...parts: string[]): boolean =>
    spawnSync(command, parts, { timeout: INSTALL_TIMEOUT_MS }).status === 0;
  const installed =
    run(interpreter, '-m', 'venv', '--system-site-packages', building) &&
    run(
      path.join(building, 'bin', 'python'),
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--disable-pip-version-check'],
      ...['-r', REQUIREMENTS],
    );
  if (installed) {
    fs.rmSync(home, { recursive: true, force: true });
    fs.renameSync(building, home);
  }
  fs.rmSync(building, { recursive: true, force: true });
  return installed;
}
