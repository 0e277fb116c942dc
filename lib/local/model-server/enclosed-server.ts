import { spawn, type ChildProcess } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../core/errors';
import { pause } from '../repeat';
import { exchange, type Answer } from './exchange';

/** Calls on their way to the server at once. */
const MOST_IN_FLIGHT = 128;
/** How much longer than the launcher this process waits, seconds. */
const LAUNCHER_SECONDS = 2;

/** Where the model servers' programs and pins are, in a clone and in an installed package. */
export const modelServerDirectory = (projectDirectory: string): string =>
  path.join(projectDirectory, 'lib', 'local', 'model-server');

export interface EnclosedServerOptions {
  /** What `--server` calls it; also the name of its log. */
  readonly name: string;
  /** What messages call it. */
  readonly title: string;
  readonly projectDirectory: string;
  /** The interpreter that runs the launcher. */
  readonly python: string;
  /** Where it runs, and its log is. */
  readonly directory: string;
  /** The server's ports inside its network that are reached from here, by a name for each; `model` has the container contract. */
  readonly ports: { readonly model: number; readonly [name: string]: number };
  /** The program and its arguments, given the folder of its sockets, which is short-lived and has a short path. */
  readonly command: (sockets: string) => readonly string[];
  /** Its environment variables, beside PATH and HOME. @default - none */
  readonly environment?: { readonly [name: string]: string };
  /** How long it may take to answer its first `/ping` with 200, seconds. */
  readonly startSeconds: number;
  /** How long it may take to end by itself once it is asked to, seconds. */
  readonly graceSeconds: number;
}

/** A server with a network of its own, reached over Unix sockets only. */
export interface EnclosedServer {
  readonly socketPath: string;
  ping(): Promise<number>;
  /** One request to a port by its name. */
  exchange(port: string, request: Pick<http.RequestOptions, 'path' | 'method'>, content?: string): Promise<Answer>;
  stop(): Promise<void>;
}

/**
 * Starts a server in a network that has nothing but a loopback interface: what listens on every address is then reached over Unix
 * sockets below the system's temporary folder, and by nobody else. It ends with this process.
 *
 * @throws InputError when it ends or does not answer `/ping` with 200 in time, with its own last words
 */
export async function startEnclosedServer(options: EnclosedServerOptions): Promise<EnclosedServer> {
  const { name, directory, ports, startSeconds, graceSeconds } = options;
  // A socket's path has room for about a hundred characters: the run's folder may be deeper.
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
  const agent = new http.Agent({ keepAlive: true, maxSockets: MOST_IN_FLIGHT });
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
      // Metrics are looked at now and then: a connection of their own each time is never a stale one.
      const kept = port === 'model' ? { agent } : { agent: false as const };
      return exchange({ socketPath: socketOf(sockets, port), ...request, ...kept }, content);
    },
    stop,
  };
  for (const deadline = Date.now() + startSeconds * 1000; (await server.ping()) !== 200; await pause(50)) {
    if (!hasEnded && Date.now() < deadline) continue;
    const reason = hasEnded ? undefined : `it did not answer /ping with 200 within ${startSeconds} s`;
    // Before it is stopped, which may be the cause of further last words.
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

function startFailure({ name, title }: EnclosedServerOptions, logFile: string, reason?: string): string {
  const log = fs.readFileSync(logFile, 'utf8');
  const refusal = /^tidegate-model-server: (.*)$/m.exec(log)?.[1];
  if (refusal?.startsWith('no network')) {
    return (
      `--server ${name} needs ${refusal.replace('no ', 'a ')}; ${title} listens on every address, as SageMaker asks for it, so it ` +
      'runs in a network namespace. Allow unprivileged user namespaces on this machine, or leave --server out'
    );
  }
  const last = log
    .trim()
    .split('\n')
    .filter((line) => /error|failed|exception/i.test(line))
    .at(-1);
  return `${title} did not start: ${refusal ?? last ?? reason ?? 'no message'} (log: ${logFile})`;
}
