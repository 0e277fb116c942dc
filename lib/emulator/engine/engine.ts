import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import * as path from 'node:path';
import { DEPENDENT_PERMISSIONS } from '../../catalog/dependent-permissions';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { writeWholeFile } from '../../files/write-file';
import type { LocalClock } from '../clock';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials, refuseRealCredentials } from '../credentials';
import { monotonicMs } from '../monotonic';
import { stateDirectory } from '../state-directory';
import { engineDirectory } from './python-environment';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 4_000;

/** File with the permissions that services check beside the called action, which the engine enforces. */
const PERMISSIONS_FILE = 'dependent-permissions.json';

/** Real seconds after which an idle handler process ends; each function keeps one. */
const WARM_SECONDS = 15;

export interface EngineOptions {
  /** The port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** The clock that the engine and every handler follow. */
  readonly clock: LocalClock;
  /** URL of the emulator, which serves what the engine lacks. */
  readonly emulatorUrl: string;
  /** Endpoint URL at which handlers reach SageMaker's runtime API, which asks the engine for their permissions. @default - the engine */
  readonly invokeUrl?: string;
  /** A folder for the log (`engine.log`) and temporary files; created when absent. */
  readonly dataDirectory: string;
  /** Path of the interpreter, from `ensurePythonEnvironment`. */
  readonly python: string;
  /** The project root. */
  readonly projectDirectory: string;
}

/** A call that IAM refused. */
export interface DeniedCall {
  /** Local clock. */
  readonly atSeconds: EpochSeconds;
  /** The assumed role or user. */
  readonly principal: string;
  /** For example `sagemaker:InvokeEndpoint`. */
  readonly action: string;
  /** ARN of the resource, or `*`. */
  readonly resource: string;
}

/** Records counted since the stream was created: put = consumed + discarded + expired + queued. */
export interface RecordCounts {
  readonly put: number;
  /** Processed by the slowest mapping of the stream. */
  readonly consumed: number;
  /** Discarded after retries or by age, and sent to the on-failure destination where one is set. */
  readonly discarded: number;
  /** Removed unread at the end of the retention period. */
  readonly expired: number;
  /** Waiting, or in an invocation that has not succeeded yet. */
  readonly queued: number;
}

export interface StreamBacklog extends RecordCounts {
  readonly shards: readonly (RecordCounts & { readonly shardId: string })[];
}

export interface Engine {
  readonly url: string;
  readonly pid: number;
  readonly logFile: string;
  /** From now on refuses every call of a role whose policies do not allow it; the root credentials stay allowed. */
  enforceIam(): Promise<void>;
  /** The refused calls, oldest first (the last 1000). */
  deniedCalls(): Promise<DeniedCall[]>;
  /** By stream name. */
  streamBacklog(): Promise<{ [streamName: string]: StreamBacklog }>;
  /** Resolves with the reason when the engine ends by itself; never after `stop()`. */
  readonly failed: Promise<Error>;
  /** Ends the engine and every handler process; safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts the AWS engine in its own process and waits until it responds.
 *
 * @throws InputError when real AWS credentials are in the environment, the port is taken, or the engine does not start
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  refuseRealCredentials();
  const port = await freePort(options.port);
  const url = `http://${HOST}:${port}`;
  const temporary = path.join(options.dataDirectory, 'tmp');
  fs.rmSync(temporary, { recursive: true, force: true });
  writeWholeFile(path.join(temporary, PERMISSIONS_FILE), JSON.stringify(DEPENDENT_PERMISSIONS));
  const logFile = path.join(options.dataDirectory, 'engine.log');
  const log = fs.openSync(logFile, 'w');

  const child = spawn(options.python, ['-B', path.join(engineDirectory(options.projectDirectory), 'launcher.py')], {
    cwd: options.dataDirectory,
    detached: true,
    env: engineEnvironment(options, port, temporary),
    stdio: ['pipe', log, log],
  });
  fs.closeSync(log);

  let stopping = false;
  const ended = endOf(child);
  const stop = async (): Promise<void> => {
    stopping = true;
    await endGroup(child, ended);
    fs.rmSync(temporary, { recursive: true, force: true });
  };
  const failure = ended.then(() => startFailure(logFile, path.join(stateDirectory(options.projectDirectory), 'venv')));
  const waiting = new AbortController();
  try {
    await Promise.race([
      responding(`${url}/_tidegate/health`, waiting.signal),
      failure.then((error) => Promise.reject(error)),
    ]);
  } catch (error) {
    waiting.abort();
    await stop();
    throw error;
  }

  return {
    url,
    pid: child.pid!,
    logFile,
    failed: new Promise((resolve) => {
      void ended.then((code) => {
        if (!stopping) resolve(new Error(`the local AWS engine ended unexpectedly (${code}); its log is ${logFile}`));
      });
    }),
    enforceIam: async () => void (await getJson(`${url}/_tidegate/enforce-iam`, 'POST')),
    deniedCalls: async () => (await getJson(`${url}/_tidegate/denied`)) as DeniedCall[],
    streamBacklog: async () => (await getJson(`${url}/_tidegate/streams`)) as { [streamName: string]: StreamBacklog },
    stop,
  };
}

/** Environment of the engine: no AWS settings, proxies or Node options of the caller reach it or a handler. */
function engineEnvironment(options: EngineOptions, port: number, temporary: string): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  return {
    PATH: [path.dirname(process.execPath), PATH].filter(Boolean).join(path.delimiter),
    ...(HOME ? { HOME } : {}),
    LANG: LANG ?? 'C.UTF-8',
    TZ: 'UTC',
    TMPDIR: temporary,
    PYTHONUNBUFFERED: '1',
    MALLOC_ARENA_MAX: '2',
    // Packages of Lambda's Node.js runtime: handlers of the CDK itself, such as the one that empties buckets, bring no AWS SDK.
    NODE_PATH: [path.join('dist', 'lambda-runtime'), 'node_modules']
      .map((folder) => path.join(options.projectDirectory, folder))
      .join(path.delimiter),
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_REGION: LOCAL_REGION,
    AWS_DEFAULT_REGION: LOCAL_REGION,
    AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
    BIND_HOST: HOST,
    GATEWAY_PORT: String(port),
    MINISTACK_ACCOUNT_ID: LOCAL_ACCOUNT,
    MINISTACK_REGION: LOCAL_REGION,
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
    DOCKER_HOST: 'unix:///nonexistent',
    LAMBDA_EXECUTOR: 'local',
    LAMBDA_WARM_TTL_SECONDS: String(WARM_SECONDS * options.clock.speed),
    S3_DATA_DIR: path.join(temporary, 's3'),
    STATE_DIR: path.join(temporary, 'state'),
    LOG_LEVEL: 'INFO',
    TIDEGATE_EMULATOR_URL: options.emulatorUrl,
    ...(options.invokeUrl && { AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: options.invokeUrl }),
    TIDEGATE_DEPENDENT_PERMISSIONS: path.join(temporary, PERMISSIONS_FILE),
    TIDEGATE_END_WITH_PARENT: '1',
    ...options.clock.toEnvironment(),
  };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** The engine leads a process group of its own, so its handlers end with it. */
async function endGroup(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.pid === undefined) return;
  signalGroup(child.pid, 'SIGTERM');
  const late = setTimeout(() => signalGroup(child.pid!, 'SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(late);
  signalGroup(child.pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Error of an engine that did not start, from the launcher's refusal or the end of the log. */
function startFailure(logFile: string, environment: string): Error {
  const log = fs.existsSync(logFile) ? fs.readFileSync(logFile, 'utf8') : '';
  const refusal = /^tidegate-engine: (.*)$/m.exec(log)?.[1];
  const lastLine = log.trim().split('\n').at(-1);
  if (refusal?.startsWith('ministack')) {
    return new InputError(`${refusal}; remove ${environment} and run the command again to reinstall it`);
  }
  return new InputError(
    refusal
      ? `the local AWS engine refused to start: ${refusal}`
      : `the local AWS engine did not start${lastLine ? `: ${lastLine}` : ''} (log: ${logFile})`,
  );
}

async function freePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      reject(new InputError(`port ${port} on ${HOST} is in use; end what uses it, or choose another one with --port`)),
    );
    probe.listen(port, HOST, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}

async function responding(url: string, signal: AbortSignal): Promise<void> {
  const deadline = monotonicMs() + START_TIMEOUT_MS;
  while (!signal.aborted) {
    try {
      if ((await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok) return;
    } catch {
      // not up yet
    }
    if (monotonicMs() > deadline)
      throw new InputError(`the local AWS engine did not respond on ${url} within ${START_TIMEOUT_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function getJson(url: string, method = 'GET'): Promise<unknown> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${method} ${url} returned status ${response.status}`);
  return response.json();
}
