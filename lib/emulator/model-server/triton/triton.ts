import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { ensurePythonEnvironment } from '../../engine/python-environment';
import type { TokenCounts } from '../../../simulation/traffic/service-profile';
import type { ModelRepository } from '../artifact/open-artifact';
import { type ModelConfig, sampleRequests } from '../artifact/sample-requests';
import { type EnclosedServer, modelServerDirectory, startEnclosedServer } from '../enclosed-server';
import { exportNetwork } from '../export-network';
import type {
  ModelResponse,
  ModelServerKind,
  ModelServerProcess,
  ModelServerStart,
  ModelServerStatistics,
} from '../model-server-process';
import { seriesValue } from '../prometheus';

const NAME = 'triton';
const TITLE = 'Triton';
const MODEL = 'service_time';
const PORTS = { model: 8080, http: 8000, metrics: 8002 } as const;
const SAMPLE_SEED = 1;
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
  const repository = served?.repository ?? (await exportedNetwork(projectDirectory, python, directory));
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
  if (served === undefined) return { ...common, statistics, predict: (request) => predictSeconds(server, request) };
  try {
    const model = await serveModel(server, repository.model, served);
    return {
      ...common,
      ...model,
      // Each check ran the model once.
      statistics: async () => {
        const { requests, executions } = await statistics();
        return { requests: requests - model.checks, executions: executions - model.checks };
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Exports the small network. */
async function exportedNetwork(projectDirectory: string, python: string, parent: string): Promise<ModelRepository> {
  const directory = path.join(parent, 'repository');
  fs.mkdirSync(directory);
  const program = path.join(modelServerDirectory(projectDirectory), NAME, 'export_repository.py');
  await exportNetwork({ projectDirectory, python, program, target: directory });
  return { directory, model: MODEL };
}

async function predictSeconds(
  server: EnclosedServer,
  { contextTokens, generatedTokens }: TokenCounts,
): Promise<number> {
  const tensor = { name: 'tokens', shape: [1, 2], datatype: 'FP32', data: [contextTokens, generatedTokens] };
  const { statusCode, body } = await invoke(server, JSON.stringify({ inputs: [tensor] }));
  const seconds = statusCode === 200 ? firstOutput(body) : undefined;
  if (seconds === undefined) throw new Error(`Triton returned status ${statusCode}: ${body.slice(0, 200)}`);
  return seconds;
}

/**
 * Puts a model of the user behind the traffic: requests take the payloads in turns, each of which is tried once before.
 *
 * @throws InputError when the model refuses one
 */
async function serveModel(
  server: EnclosedServer,
  modelName: string,
  { payloads: given, location }: NonNullable<ModelServerStart['served']>,
): Promise<
  Pick<ModelServerProcess, 'modelName' | 'predict'> & {
    readonly infer: (body: string) => Promise<ModelResponse>;
    readonly checks: number;
  }
> {
  const payloads = given ?? sampleRequests(await configOf(server, modelName), SAMPLE_SEED);
  const tried = given ?? payloads.slice(0, 1);
  for (const { body, place } of tried) {
    const { statusCode, body: reason } = await invoke(server, body);
    if (statusCode === 200) continue;
    const wayOut = given === undefined ? '; give requests of yours with --payload FILE' : '';
    throw new InputError(
      `--model ${location}: the model '${modelName}' refuses ${place} with status ${statusCode}: ${reason.slice(0, 400)}${wayOut}`,
    );
  }
  let next = 0;
  return {
    modelName,
    checks: tried.length,
    infer: (body) => invoke(server, body),
    predict: async () => {
      const { body: request } = payloads[next++ % payloads.length]!;
      const { statusCode, body } = await invoke(server, request);
      if (statusCode !== 200) throw new Error(`Triton returned status ${statusCode}: ${body.slice(0, 200)}`);
      return undefined;
    },
  };
}

const invoke = (server: EnclosedServer, body: string): Promise<ModelResponse> =>
  server.exchange('model', { path: '/invocations', method: 'POST' }, body);

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

function firstOutput(body: string): number | undefined {
  const { outputs } = JSON.parse(body) as { readonly outputs?: readonly { readonly data?: readonly unknown[] }[] };
  const value = outputs?.[0]?.data?.[0];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
