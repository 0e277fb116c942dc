import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../core/errors';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';
import { exchange, type Exchange } from './exchange';

/** Maximum number of calls in flight. */
const MAX_IN_FLIGHT = 128;
/** Seconds for which this process waits longer than the launcher. */
const LAUNCHER_SECONDS = 2;

/** Folder of the model servers' programs and pins, in a clone and in an installed package. */
export const modelServerDirectory = (projectDirectory: string): string =>
  path.join(projectDirectory, 'lib', 'emulator', 'model-server');

export interface EnclosedServerOptions {
  /** Value of `--server`; also the name of its log. */
  readonly name: string;
  /** Name in messages. */
  readonly title: string;
  readonly projectDirectory: string;
  /** Interpreter of the launcher. */
  readonly python: string;
  /** Working directory, also of its log. */
  readonly directory: string;
  /** Ports inside its network that are relayed, by name; `model` serves the container contract. */
  readonly ports: { readonly model: number; readonly [name: string]: number };
  /** Returns the program and its arguments for the folder of its sockets, which is temporary and has a short path. */
  readonly command: (sockets: string) => readonly string[];
  /** Environment variables in addition to PATH and HOME. @default - none */
  readonly environment?: { readonly [name: string]: string };
  /** Maximum seconds until it responds to `/ping` with 200. */
  readonly startSeconds: number;
  /** Maximum seconds until it ends after SIGTERM. */
  readonly graceSeconds: number;
  /** Finds in the log why the server did not start. @default - the last line with an error */
  readonly reasonIn?: (log: string) => string | undefined;
}

/** A server with a network of its own, reached over Unix sockets only. */
export interface EnclosedServer {
  readonly socketPath: string;
  ping(): Promise<number>;
  /** Sends one request to a named port. */
  exchange(port: string, request: Pick<http.RequestOptions, 'path' | 'method'>, content?: string): Promise<Exchange>;
  stop(): Promise<void>;
}

/**
 * Starts a server in a network that has a loopback interface only: a server that listens on every address is then reachable only over Unix
 * sockets below the system's temporary folder. It ends with this process.
 *
 * @throws InputError when it ends or does not respond to `/ping` with 200 in time, with the end of its log
 */
export async function startEnclosedServer(options: EnclosedServerOptions): Promise<EnclosedServer> {
  const { name, directory, ports, startSeconds, graceSeconds } = options;
  // The path of a socket has at most about a hundred characters: the run's folder may be deeper.
  const sockets = fs.mkdtempSync(path.join(os.tmpdir(), `tidegate-${name}-`));
  const logFile = path.join(directory, `${name}.log`);
  const child = launch(options, sockets, logFile);
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    child.once('error', end);
    child.once('exit', end);
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: MAX_IN_FLIGHT });
  const stop = async (): Promise<void> => {
    agent.destroy();
    child.stdin?.end();
    const late = setTimeout(() => killGroup(child.pid), (graceSeconds + LAUNCHER_SECONDS) * 1000);
    await ended;
    clearTimeout(late);
    killGroup(child.pid);
    fs.rmSync(sockets, { recursive: true, force: true });
  };
  const server: EnclosedServer = {
    socketPath: socketOf(sockets, 'model'),
    ping: () =>
      server.exchange('model', { path: '/ping' }).then(
        ({ statusCode }) => statusCode,
        () => 0,
      ),
    exchange: async (port, request, content) => {
      if (ports[port] === undefined) throw new Error(`${name} has no port '${port}'`);
      // Metrics are read rarely: a new connection each time is never a stale one.
      const kept = port === 'model' ? { agent } : { agent: false as const };
      return exchange({ socketPath: socketOf(sockets, port), ...request, ...kept }, content);
    },
    stop,
  };
  for (const deadline = monotonicMs() + startSeconds * 1000; (await server.ping()) !== 200; await pause(50)) {
    if (!hasEnded && monotonicMs() < deadline) continue;
    const reason = hasEnded ? undefined : `it did not respond to /ping with 200 within ${startSeconds} s`;
    // Read before the stop, which may add further lines to the log.
    const failure = startFailure(options, logFile, reason);
    await stop();
    throw new InputError(failure);
  }
  return server;
}

function launch(options: EnclosedServerOptions, sockets: string, logFile: string): ChildProcess {
  const { projectDirectory, python, directory, ports, graceSeconds, command, environment } = options;
  const log = fs.openSync(logFile, 'w');
  const child = spawn(
    python,
    [
      '-B',
      path.join(modelServerDirectory(projectDirectory), 'launcher.py'),
      ...Object.entries(ports).flatMap(([port, number]) => ['--relay', `${socketOf(sockets, port)}=${number}`]),
      ...['--grace', String(graceSeconds), '--', ...command(sockets)],
    ],
    {
      cwd: directory,
      detached: true,
      stdio: ['pipe', log, log],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, LANG: 'C.UTF-8', ...environment },
    },
  );
  fs.closeSync(log);
  return child;
}

const socketOf = (sockets: string, port: string): string => path.join(sockets, `${port}.sock`);

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function startFailure({ name, title, reasonIn }: EnclosedServerOptions, logFile: string, reason?: string): string {
  const log = fs.readFileSync(logFile, 'utf8');
  const refusal = /^tidegate-model-server: (.*)$/m.exec(log)?.[1];
  if (refusal?.startsWith('no network')) {
    return (
      `--server ${name} needs ${refusal.replace('no ', 'a ')}; ${title} listens on every address, as SageMaker requires, so it ` +
      'runs in a network namespace. Allow unprivileged user namespaces on this machine, or leave --server out'
    );
  }
  const last = log
    .trim()
    .split('\n')
    .filter((line) => /error|failed|exception/i.test(line))
    .at(-1);
  return `${title} did not start: ${refusal ?? reasonIn?.(log) ?? last ?? reason ?? 'no message'} (log: ${logFile})`;
}
