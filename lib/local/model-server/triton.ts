import { execFile, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';
import { DEFAULT_SERVICE_PROFILE, type TokenCounts } from '../../simulation/service-profile';
import { ensurePythonEnvironment } from '../engine/python-environment';
import { pause } from '../repeat';

const MODEL = 'service_time';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 6_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Calls on their way to the server at once. */
const MOST_IN_FLIGHT = 128;

/** What Triton itself counted (its metrics `nv_inference_…`). */
export interface ModelServerStatistics {
  /** Requests answered. */
  readonly requests: number;
  /** Runs of the model; fewer than requests where batches were made of them. */
  readonly executions: number;
}

/** A model server in a process of its own. */
export interface ModelServerProcess {
  readonly name: string;
  /** What its container contract answers on `/ping`: 200 when it is ready. */
  ping(): Promise<number>;
  /** The model's answer to one request, in seconds of service. Throws when the server answers otherwise. */
  predict(request: TokenCounts): Promise<number>;
  statistics(): Promise<ModelServerStatistics>;
  /** Ends the process; safe to call twice. */
  stop(): Promise<void>;
}

/** Where the model server's programs and pins are, in a clone and in an installed package. */
export const modelServerDirectory = (projectDirectory: string): string =>
  path.join(projectDirectory, 'lib', 'local', 'model-server');

/**
 * Starts a Triton Inference Server in its SageMaker mode, with a small network that is trained and exported on this machine.
 *
 * The server has a network of its own, without a way to any other machine; only Unix sockets below the system's temporary folder
 * reach it.
 *
 * @throws InputError when it cannot be installed or does not start, with its own last words
 */
export async function startTriton(options: {
  readonly projectDirectory: string;
  /** For its log (`triton.log`), the exported model and its sockets; created when absent. */
  readonly dataDirectory: string;
  /** Called once, before an installation that takes some seconds. */
  readonly onInstall?: (message: string) => void;
}): Promise<ModelServerProcess> {
  if (process.platform !== 'linux') {
    throw new InputError(`--server triton runs on Linux only, because Triton does; this is ${process.platform}`);
  }
  const { projectDirectory, dataDirectory } = options;
  const programs = modelServerDirectory(projectDirectory);
  const python = await ensurePythonEnvironment({
    projectDirectory,
    onInstall: options.onInstall,
    packages: {
      folder: 'model-server',
      requirements: path.join(programs, 'requirements.txt'),
      title: 'the model server',
      module: 'onnxruntime',
    },
  });
  const directory = path.join(dataDirectory, 'triton');
  const repository = path.join(directory, 'repository');
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(repository, { recursive: true });
  const { overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond } = DEFAULT_SERVICE_PROFILE;
  const profile = [overheadSeconds, prefillTokensPerSecond, decodeTokensPerSecond].map(String);
  await promisify(execFile)(python, ['-B', path.join(programs, 'export_model.py'), repository, ...profile]);

  // A socket's path has room for about a hundred characters: the run's folder may be deeper.
  const sockets = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-triton-'));
  const logFile = path.join(directory, 'triton.log');
  const log = fs.openSync(logFile, 'w');
  const child = spawn(
    python,
    ['-B', path.join(programs, 'launcher.py')].concat(
      ...Object.entries({ repository, model: MODEL, directory, sockets }).map(([name, value]) => [`--${name}`, value]),
    ),
    {
      cwd: directory,
      detached: true,
      stdio: ['pipe', log, log],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8' },
    },
  );
  fs.closeSync(log);
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    child.once('error', end);
    child.once('exit', end);
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: MOST_IN_FLIGHT });
  const stop = async (): Promise<void> => {
    agent.destroy();
    child.stdin?.end();
    const late = setTimeout(() => killGroup(child.pid), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
    killGroup(child.pid);
    fs.rmSync(sockets, { recursive: true, force: true });
  };
  const model = path.join(sockets, 'model.sock');
  const ping = (): Promise<number> =>
    exchange({ socketPath: model, path: '/ping', agent }).then(
      ({ statusCode }) => statusCode,
      () => 0,
    );
  for (const deadline = Date.now() + START_TIMEOUT_MS; (await ping()) !== 200; await pause(50)) {
    if (!hasEnded && Date.now() < deadline) continue;
    await stop();
    throw new InputError(startFailure(logFile));
  }
  return {
    name: 'triton',
    ping,
    predict: async ({ contextTokens, generatedTokens }) => {
      const tensor = { name: 'tokens', shape: [1, 2], datatype: 'FP32', data: [contextTokens, generatedTokens] };
      const { statusCode, body } = await exchange(
        { socketPath: model, path: '/invocations', method: 'POST', agent },
        JSON.stringify({ inputs: [tensor] }),
      );
      const seconds = statusCode === 200 ? firstOutput(body) : undefined;
      if (seconds === undefined) throw new Error(`Triton answered ${statusCode}: ${body.slice(0, 200)}`);
      return seconds;
    },
    statistics: async () => {
      const { body } = await exchange({ socketPath: path.join(sockets, 'metrics.sock'), path: '/metrics' });
      const metric = (name: string): number =>
        Number(new RegExp(`^${name}\\{[^}]*model="${MODEL}"[^}]*\\} (\\S+)$`, 'm').exec(body)?.[1] ?? Number.NaN);
      return {
        requests: metric('nv_inference_request_success'),
        executions: metric('nv_inference_exec_count'),
      };
    },
    stop,
  };
}

function firstOutput(body: string): number | undefined {
  const { outputs } = JSON.parse(body) as { readonly outputs?: readonly { readonly data?: readonly unknown[] }[] };
  const value = outputs?.[0]?.data?.[0];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function exchange(
  options: http.RequestOptions,
  content = '',
): Promise<{ readonly statusCode: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) };
    const request = http.request({ ...options, timeout: REQUEST_TIMEOUT_MS, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ statusCode: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    request.on('error', reject);
    request.end(content);
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function startFailure(logFile: string): string {
  const log = fs.readFileSync(logFile, 'utf8');
  const refusal = /^tidegate-model-server: (.*)$/m.exec(log)?.[1];
  if (refusal?.startsWith('no network')) {
    return (
      `--server triton needs ${refusal.replace('no ', 'a ')}; Triton's SageMaker mode listens on every address, so it runs in a ` +
      'network namespace. Allow unprivileged user namespaces on this machine, or leave --server out'
    );
  }
  const last = log
    .trim()
    .split('\n')
    .filter((line) => /error|failed|exception/i.test(line))
    .at(-1);
  return `Triton did not start: ${refusal ?? last ?? 'no message'} (log: ${logFile})`;
}
