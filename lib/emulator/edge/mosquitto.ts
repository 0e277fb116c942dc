import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import * as path from 'node:path';
import { InputError } from '../../core/errors';
import { writeWholeFile } from '../../files/write-file';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const CANDIDATES = ['mosquitto', '/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'];

/** An MQTT broker in a process of its own. */
export interface MqttBroker {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** Ends the broker; safe to call twice. */
  stop(): Promise<void>;
}

/** Path of the program `mosquitto`; undefined where it is not installed. */
export function findMosquitto(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return [environment.MOSQUITTO_PATH, ...CANDIDATES].find(
    (candidate) => candidate !== undefined && spawnSync(candidate, ['-h'], { stdio: 'ignore' }).error === undefined,
  );
}

/** Way to get the broker, for messages. */
export const MISSING_MOSQUITTO = 'mosquitto: apt-get install mosquitto, or set MOSQUITTO_PATH to the program';

/**
 * Starts mosquitto on the loopback interface, which stands for AWS IoT Core, and waits until it listens.
 *
 * @throws InputError when it is not installed or does not start
 */
export async function startMosquitto(directory: string): Promise<MqttBroker> {
  const program = findMosquitto();
  if (program === undefined) throw new InputError(`there is no MQTT broker; ${MISSING_MOSQUITTO}`);
  const port = await freePort();
  const settings = path.join(directory, 'mosquitto.conf');
  const logFile = path.join(directory, 'mosquitto.log');
  writeWholeFile(settings, `listener ${port} ${HOST}\nallow_anonymous true\npersistence false\n`);
  const log = fs.openSync(logFile, 'a');
  const child = spawn(program, ['-c', settings], { cwd: directory, stdio: ['ignore', log, log] });
  fs.closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = setTimeout(killNow, STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
    process.removeListener('exit', killNow);
  };
  const deadline = monotonicMs() + START_TIMEOUT_MS;
  while (!(await listens(port))) {
    if (child.exitCode !== null || monotonicMs() > deadline) {
      await stop();
      throw new InputError(`mosquitto did not start; its log is ${logFile}`);
    }
    await pause(25);
  }
  return { host: HOST, port, pid: child.pid!, logFile, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
