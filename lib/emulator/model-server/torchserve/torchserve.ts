import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../core/errors';
import { ensurePythonEnvironment, isInstalled, type PythonPackages } from '../../engine/python-environment';
import { findJava } from '../../java';
import { monotonicMs } from '../../monotonic';
import { pause } from '../../repeat';
import { modelServerDirectory, startEnclosedServer, type EnclosedServer } from '../enclosed-server';
import type { ModelServerKind, ModelServerProcess, ModelServerStart } from '../model-server-process';
import { seriesValue } from '../prometheus';
import { exportNetwork } from '../small-network';
import { checkMachine } from './machine';

const NAME = 'torchserve';
const TITLE = 'TorchServe';
const MODEL = 'service_time';
const PORTS = { model: 8080, management: 8081, metrics: 8082 } as const;
const START_SECONDS = 120;
/** Size and time of the installation: torch comes with the CUDA libraries that it links to. */
const COST = '1.8 GB to fetch, 3.4 GB of disk, 2 minutes or more';
const INSTALL_TIMEOUT_MS = 60 * 60_000;

/** TorchServe, with the settings of SageMaker's PyTorch image. Optional: it is installed at its first use. */
export const TORCHSERVE: ModelServerKind = {
  title: TITLE,
  needs: 'Linux on x64, Python 3.10 or 3.11, Java 11 or newer, 3.4 GB of disk',
  start: startTorchServe,
};

/** Packages of TorchServe. */
export const torchServePackages = (projectDirectory: string): PythonPackages => ({
  folder: 'model-server-torchserve',
  requirements: path.join(modelServerDirectory(projectDirectory), NAME, 'requirements.txt'),
  title: TITLE,
  module: 'torch, ts',
  newest: { major: 3, minor: 11 },
  cost: COST,
  installTimeoutMs: INSTALL_TIMEOUT_MS,
});

async function startTorchServe(options: ModelServerStart): Promise<ModelServerProcess> {
  const { projectDirectory, dataDirectory, onInstall } = options;
  const java = await findJava(process.env);
  const packages = torchServePackages(projectDirectory);
  const installed = await isInstalled(projectDirectory, packages);
  const problems = await checkMachine({ java, projectDirectory, installs: !installed });
  if (problems.length > 0) throw new InputError(`--server ${NAME} needs ${problems.join('; and ')}`);
  const python = await ensurePythonEnvironment({ projectDirectory, onInstall, packages });

  const programs = path.join(modelServerDirectory(projectDirectory), NAME);
  const directory = path.join(dataDirectory, NAME);
  const store = path.join(directory, 'store');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(store, { recursive: true });
  await exportNetwork({ projectDirectory, python, program: path.join(programs, 'export_archive.py'), target: store });
  const server = await startEnclosedServer({
    name: NAME,
    title: TITLE,
    projectDirectory,
    python,
    directory,
    ports: PORTS,
    command: (sockets) =>
      [python, '-B', path.join(programs, 'serve.py')].concat(
        ...Object.entries({
          java: java.command,
          store,
          temporary: sockets,
          port: String(PORTS.model),
          'management-port': String(PORTS.management),
          'metrics-port': String(PORTS.metrics),
        }).map(([name, value]) => [`--${name}`, value]),
      ),
    startSeconds: START_SECONDS,
    graceSeconds: 10,
  });
  await loaded(server, path.join(directory, `${NAME}.log`));
  return {
    name: NAME,
    title: TITLE,
    socketPath: server.socketPath,
    ping: server.ping,
    predict: async ({ contextTokens, generatedTokens }) => {
      const { statusCode, body } = await server.exchange(
        'model',
        { path: '/invocations', method: 'POST' },
        JSON.stringify({ tokens: [contextTokens, generatedTokens] }),
      );
      const seconds = statusCode === 200 ? serviceSecondsIn(body) : undefined;
      if (seconds === undefined) throw new Error(`${TITLE} returned status ${statusCode}: ${body.slice(0, 200)}`);
      return { seconds };
    },
    statistics: async () => {
      const { body } = await server.exchange('metrics', { path: '/metrics' });
      // A series exists once it was counted.
      return {
        requests: seriesValue(body, 'ts_inference_latency_microseconds_count', { model_name: MODEL }) ?? 0,
        executions: seriesValue(body, 'PredictionTime_count', { ModelName: MODEL }) ?? 0,
      };
    },
    stop: server.stop,
  };
}

/** Waits until the worker has loaded the model, by the management interface: `/ping` returns 200 earlier. */
async function loaded(server: EnclosedServer, logFile: string): Promise<void> {
  for (const deadline = monotonicMs() + START_SECONDS * 1000; ; await pause(100)) {
    const { body } = await server.exchange('management', { path: `/models/${MODEL}` }).catch(() => ({ body: '' }));
    if (/"status": *"READY"/.test(body)) return;
    if ((await server.ping()) === 200 && monotonicMs() < deadline) continue;
    await server.stop();
    throw new InputError(`${TITLE} did not load its model (log: ${logFile})`);
  }
}

function serviceSecondsIn(body: string): number | undefined {
  const { service_seconds: value } = JSON.parse(body) as { readonly service_seconds?: unknown };
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
