import * as path from 'node:path';
import { ensurePythonEnvironment } from '../../engine/python-environment';
import { modelServerDirectory } from '../enclosed-server';

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
      installTimeoutMs: 600_000,
    },
  });
}
