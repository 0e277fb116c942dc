import * as http from 'node:http';
import * as net from 'node:net';
import { pause } from '../../lib/emulator/repeat';
import { isRunning, openPorts } from './processes';

/** SageMaker's requirements on a container. Source: "Custom Inference Code with Hosting Services", SageMaker developer guide. */
const CONTRACT = {
  port: 8080,
  acceptMs: 250,
  pingMs: 2_000,
  invocationMs: 60_000,
  /** From SIGTERM to SIGKILL. */
  endMs: 30_000,
} as const;

export interface Container {
  /** A socket that is relayed to its port. */
  readonly socketPath: string;
  /** The process that gets the signals. */
  readonly pid: number;
}

export type Clause = 'port' | 'accept' | 'ping' | 'ping is empty' | 'invocations' | 'end';

export interface Violation {
  readonly clause: Clause;
  readonly seen: string;
}

/** Checks a running container against every clause of the contract; the last one ends it. */
export async function checkContainerContract(
  container: Container,
  request: { readonly body: string; readonly contentType?: string },
  /** From SIGTERM to SIGKILL, where a test cannot wait as long as SageMaker does. */
  endMs: number = CONTRACT.endMs,
): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const hold = (clause: Clause, holds: boolean, seen: string): void => {
    if (!holds) violations.push({ clause, seen });
  };
  const ports = openPorts(container.pid);
  hold('port', ports.includes(CONTRACT.port), `listens at every address on ${ports.join(', ') || 'no port'}`);

  // The quickest of three: a busy machine delays one now and then.
  const attempts: Timed<void>[] = [];
  for (let attempt = 0; attempt < 3; attempt++) attempts.push(await milliseconds(() => connect(container.socketPath)));
  const connected = attempts.reduce((best, one) => (one.ms < best.ms ? one : best));
  hold('accept', connected.ms <= CONTRACT.acceptMs, `${connected.ms} ms, ${connected.failure ?? 'accepted'}`);

  const ping = await milliseconds(() => ask(container, { path: '/ping' }, '', CONTRACT.pingMs));
  hold('ping', ping.value?.status === 200, `${ping.value?.status ?? ping.failure} after ${ping.ms} ms`);
  hold('ping is empty', ping.value?.body === '', String(ping.value?.body ?? ping.failure));

  const headers = { 'content-type': request.contentType ?? 'application/json' };
  const invocation = await milliseconds(() =>
    ask(container, { path: '/invocations', method: 'POST', headers }, request.body, CONTRACT.invocationMs),
  );
  hold(
    'invocations',
    invocation.value?.status === 200 && invocation.value.body !== '',
    `${invocation.value?.status ?? invocation.failure} after ${invocation.ms} ms: ${invocation.value?.body ?? ''}`,
  );

  process.kill(container.pid, 'SIGTERM');
  const deadline = performance.now() + endMs;
  while (isRunning(container.pid) && performance.now() < deadline) await pause(20);
  const lives = isRunning(container.pid);
  if (lives) process.kill(container.pid, 'SIGKILL');
  hold('end', !lives, `lived ${endMs} ms after SIGTERM`);
  return violations;
}

interface Timed<T> {
  readonly ms: number;
  readonly value?: T;
  readonly failure?: string;
}

async function milliseconds<T>(action: () => Promise<T>): Promise<Timed<T>> {
  const before = performance.now();
  const ms = (): number => Math.round(performance.now() - before);
  try {
    const value = await action();
    return { ms: ms(), value };
  } catch (error) {
    return { ms: ms(), failure: (error as Error).message };
  }
}

function connect(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function ask(
  { socketPath }: Container,
  options: http.RequestOptions,
  content: string,
  withinMs: number,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers, 'content-length': Buffer.byteLength(content) };
    const request = http.request({ socketPath, agent: false, ...options, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        clearTimeout(late);
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    const late = setTimeout(() => request.destroy(new Error(`no answer within ${withinMs} ms`)), withinMs);
    request.on('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
    request.end(content);
  });
}
