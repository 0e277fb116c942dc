import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { serveModel } from '../artifact/served-model';
import { exchange } from '../exchange';
import type {
  ModelServerKind,
  ModelServerProcess,
  ModelServerStart,
  ModelServerStatistics,
} from '../model-server-process';
import { exportRepository, predictSeconds } from '../small-network';
import { OnnxProcess } from './onnx-process';
import { ensureOnnxRuntime } from './onnx-runtime';

const NAME = 'onnx';
const TITLE = 'ONNX Runtime';

/** ONNX Runtime on the processor. It needs neither Linux nor a network of its own, because it listens on a Unix socket only. */
export const ONNX: ModelServerKind = {
  title: TITLE,
  needs: 'Python 3.10 or newer, 160 MB of disk',
  start: startOnnx,
};

async function startOnnx({
  projectDirectory,
  dataDirectory,
  onInstall,
  served,
}: ModelServerStart): Promise<ModelServerProcess> {
  // Refused before anything is installed for it.
  if (served !== undefined) requireNetwork(served);
  const python = await ensureOnnxRuntime({ projectDirectory, onInstall });
  const directory = path.join(dataDirectory, NAME);
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const repository = served?.repository ?? (await exportRepository({ projectDirectory, python, parent: directory }));
  const { model } = repository;
  const files = path.join(repository.directory, model);
  const runtime = new OnnxProcess({ projectDirectory, python, directory });
  const config = () => runtime.load(model, files);
  const invoke = async (body: string) => {
    await config();
    return runtime.infer(model, body);
  };
  // A request is a run of the network: nothing is batched.
  const statistics = async (): Promise<ModelServerStatistics> => {
    await config();
    const requests = await runtime.answered(model);
    return { requests, executions: requests };
  };
  try {
    await config().catch((error: unknown) => {
      throw served === undefined ? error : new InputError(`--model ${served.location}: ${(error as Error).message}`);
    });
    const socketPath = await runtime.running();
    return {
      name: NAME,
      title: TITLE,
      socketPath,
      ping: () =>
        exchange({ socketPath, path: '/ping' }).then(
          ({ statusCode }) => statusCode,
          () => 0,
        ),
      stop: () => runtime.stop(),
      ...(served === undefined
        ? {
            statistics,
            predict: async (request) => ({ seconds: await predictSeconds({ title: TITLE, invoke }, request) }),
          }
        : await serveModel({ title: TITLE, modelName: model, invoke, config, statistics }, served)),
    };
  } catch (error) {
    await runtime.stop();
    throw error;
  }
}

/** Refuses a model of a repository that another backend of Triton serves. */
function requireNetwork({ repository, location }: NonNullable<ModelServerStart['served']>): void {
  const config = path.join(repository.directory, repository.model, 'config.pbtxt');
  if (!fs.existsSync(config)) return;
  const [, backend] = /\b(?:backend|platform)\s*:\s*["']([^"']+)["']/.exec(fs.readFileSync(config, 'utf8')) ?? [];
  if (backend === undefined || backend.startsWith('onnxruntime')) return;
  throw new InputError(
    `--model ${location}: the model '${repository.model}' is for Triton's backend '${backend}' (config.pbtxt), and ${TITLE} runs ONNX networks alone; ` +
      'add --server triton, or give an artifact with an ONNX file',
  );
}
