import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { ensurePythonEnvironment } from '../../engine/python-environment';
import { modelServerDirectory, startEnclosedServer } from '../enclosed-server';
import { exportNetwork } from '../export-network';
import type { ModelServerKind, ModelServerProcess, ModelServerStart } from '../model-server-process';
import { seriesValue } from '../prometheus';

const NAME = 'triton';
const TITLE = 'Triton';
const MODEL = 'service_time';
const PORTS = { model: 8080, metrics: 8002 } as const;

/** NVIDIA Triton Inference Server in its SageMaker mode; its binary is part of the package nvidia-pytriton. */
export const TRITON: ModelServerKind = {
  title: TITLE,
  needs: 'Linux on x64, Python 3.10 to 3.12, 360 MB of disk',
  start: startTriton,
};

async function startTriton({
  projectDirectory,
  dataDirectory,
  onInstall,
}: ModelServerStart): Promise<ModelServerProcess> {
  if (process.platform !== 'linux') {
    throw new InputError(`--server triton runs on Linux only, because Triton does; this is ${process.platform}`);
  }
  const programs = path.join(modelServerDirectory(projectDirectory), NAME);
  const python = await ensurePythonEnvironment({
    projectDirectory,
    onInstall,
    packages: {
      folder: 'model-server',
      requirements: path.join(programs, 'requirements.txt'),
      title: 'the model server',
      module: 'onnxruntime',
      newest: { major: 3, minor: 12 },
      diskMib: 512,
    },
  });
  const directory = path.join(dataDirectory, NAME);
  const repository = path.join(directory, 'repository');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(repository, { recursive: true });
  const program = path.join(programs, 'export_repository.py');
  await exportNetwork({ projectDirectory, python, program, target: repository });
  const backends = path.join(directory, 'backends');
  const flags = {
    repository,
    model: MODEL,
    backends,
    port: String(PORTS.model),
    'metrics-port': String(PORTS.metrics),
  };
  const server = await startEnclosedServer({
    name: NAME,
    title: TITLE,
    projectDirectory,
    python,
    directory,
    ports: PORTS,
    command: () => [
      python,
      '-B',
      path.join(programs, 'serve.py'),
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    ],
    startSeconds: 60,
    graceSeconds: 4,
  });
  return {
    name: NAME,
    title: TITLE,
    socketPath: server.socketPath,
    ping: server.ping,
    predict: async ({ contextTokens, generatedTokens }) => {
      const tensor = { name: 'tokens', shape: [1, 2], datatype: 'FP32', data: [contextTokens, generatedTokens] };
      const { statusCode, body } = await server.exchange(
        'model',
        { path: '/invocations', method: 'POST' },
        JSON.stringify({ inputs: [tensor] }),
      );
      const seconds = statusCode === 200 ? firstOutput(body) : undefined;
      if (seconds === undefined) throw new Error(`Triton returned status ${statusCode}: ${body.slice(0, 200)}`);
      return seconds;
    },
    statistics: async () => {
      const { body } = await server.exchange('metrics', { path: '/metrics' });
      const metric = (name: string): number => seriesValue(body, name, { model: MODEL }) ?? Number.NaN;
      return { requests: metric('nv_inference_request_success'), executions: metric('nv_inference_exec_count') };
    },
    stop: server.stop,
  };
}

function firstOutput(body: string): number | undefined {
  const { outputs } = JSON.parse(body) as { readonly outputs?: readonly { readonly data?: readonly unknown[] }[] };
  const value = outputs?.[0]?.data?.[0];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
