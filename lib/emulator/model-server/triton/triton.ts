import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { ensurePythonEnvironment } from '../../engine/python-environment';
import type { ModelConfig } from '../artifact/sample-requests';
import { serveModel } from '../artifact/served-model';
import { type EnclosedServer, modelServerDirectory, startEnclosedServer } from '../enclosed-server';
import type {
  ModelResponse,
  ModelServerKind,
  ModelServerProcess,
  ModelServerStart,
  ModelServerStatistics,
} from '../model-server-process';
import { seriesValue } from '../prometheus';
import { exportRepository, predictSeconds } from '../small-network';

const NAME = 'triton';
const TITLE = 'Triton';
const PORTS = { model: 8080, http: 8000, metrics: 8002 } as const;
/** Models whose failures are in the message. */
const MAX_REASONS = 3;

/** NVIDIA Triton Inference Server in its SageMaker mode; its binary is part of the package nvidia-pytriton. */
export const TRITON: ModelServerKind = {
  title: TITLE,
  needs: 'Linux on x64, Python 3.10 to 3.12, 360 MB of disk',
  start: startTriton,
};

async function startTriton(options: ModelServerStart): Promise<ModelServerProcess> {
  const { projectDirectory, dataDirectory, onInstall, served } = options;
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
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true });
  const repository = served?.repository ?? (await exportRepository({ projectDirectory, python, parent: directory }));
  const flags = {
    repository: repository.directory,
    model: repository.model,
    backends: path.join(directory, 'backends'),
    port: String(PORTS.model),
    'http-port': String(PORTS.http),
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
    startSeconds: served === undefined ? 60 : 300,
    graceSeconds: 4,
    reasonIn: (log) => loadFailure(log, repository.directory),
  });
  const common = {
    name: NAME,
    title: TITLE,
    socketPath: server.socketPath,
    ping: server.ping,
    stop: server.stop,
  };
  const statistics = () => statisticsOf(server, repository.model);
  const invoke = (body: string): Promise<ModelResponse> =>
    server.exchange('model', { path: '/invocations', method: 'POST' }, body);
  if (served === undefined) {
    const predict: ModelServerProcess['predict'] = async (request) => ({
      seconds: await predictSeconds({ title: TITLE, invoke }, request),
    });
    return { ...common, statistics, predict };
  }
  try {
    const config = () => configOf(server, repository.model);
    return {
      ...common,
      ...(await serveModel({ title: TITLE, modelName: repository.model, invoke, config, statistics }, served)),
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Configuration of a model, as Triton has completed it. */
async function configOf(server: EnclosedServer, model: string): Promise<ModelConfig> {
  const { body } = await server.exchange('http', { path: `/v2/models/${encodeURIComponent(model)}/config` });
  return JSON.parse(body) as ModelConfig;
}

async function statisticsOf(server: EnclosedServer, model: string): Promise<ModelServerStatistics> {
  const { body } = await server.exchange('metrics', { path: '/metrics' });
  const metric = (name: string): number => seriesValue(body, name, { model }) ?? Number.NaN;
  return { requests: metric('nv_inference_request_success'), executions: metric('nv_inference_exec_count') };
}

/** Reason in the log for which Triton loads no model; undefined where it has another one. */
function loadFailure(log: string, repository: string): string | undefined {
  const reasons = [...log.matchAll(/^E.*?\] "((?:failed to load|Poll failed for) .*?)"$/gm)].map(([, reason]) =>
    reason!
      .replace(/\\n\\nAt:.*$/, '')
      .replaceAll(`${repository}/`, '')
      .replace('Internal: TritonModelException: ', ''),
  );
  if (reasons.length === 0) return undefined;
  const backend = /unable to find backend library for backend '([^']+)'/.exec(reasons.join('\n'))?.[1];
  const has = backend === undefined ? '' : '; the Triton of this machine has the backends onnxruntime and python';
  return `${[...new Set(reasons)].slice(0, MAX_REASONS).join('; ')}${has}`;
}
