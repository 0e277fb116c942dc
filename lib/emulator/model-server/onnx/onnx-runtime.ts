import { execFile } from 'node:child_process';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../../core/errors';
import { ensurePythonEnvironment } from '../../engine/python-environment';
import { modelServerDirectory } from '../enclosed-server';

const run = promisify(execFile);

/** Environment variable with the path of an interpreter that has PyTorch. */
const TORCH_VARIABLE = 'PYTHON_WITH_TORCH';

/**
 * Ensures that ONNX Runtime is installed in an environment of its own, and returns the path of its interpreter.
 *
 * @throws InputError when it cannot be installed
 */
export function ensureOnnxRuntime(options: {
  readonly projectDirectory: string;
  /** Interpreter whose packages are there too, such as one with PyTorch. @default - none */
  readonly base?: string;
  /** Called once, before an installation. @default - no message */
  readonly onInstall?: (message: string) => void;
}): Promise<string> {
  const { projectDirectory, base, onInstall } = options;
  return ensurePythonEnvironment({
    projectDirectory,
    onInstall,
    packages: {
      folder: base === undefined ? 'onnx' : 'onnx-and-torch',
      requirements: path.join(modelServerDirectory(projectDirectory), 'onnx', 'requirements.txt'),
      title: 'ONNX Runtime',
      module: 'onnxruntime',
      base,
      cost: '60 MB',
      diskMib: 160,
      installTimeoutMs: 600_000,
    },
  });
}

/**
 * Returns an interpreter with PyTorch on this machine.
 *
 * @throws InputError that says how to get it
 */
export async function findPythonWithTorch(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const check = 'import numpy, torch; assert torch.distributed.is_available()';
  for (const candidate of [environment[TORCH_VARIABLE], 'python3', '/usr/bin/python3']) {
    if (candidate === undefined) continue;
    try {
      await run(candidate, ['-c', check], { timeout: 120_000 });
      return candidate;
    } catch {
      // The next one may have it.
    }
  }
  throw new InputError(
    `no Python with PyTorch was found; install it (on Debian or Ubuntu: apt-get install python3-torch), or set ${TORCH_VARIABLE} ` +
      'to the path of an interpreter that has it',
  );
}
