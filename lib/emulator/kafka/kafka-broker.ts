import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import * as path from 'node:path';
import { InputError } from '../../core/errors';
import { writeWholeFile } from '../../files/write-file';
import { monotonicMs } from '../monotonic';
import { pause } from '../repeat';
import { kafkaDirectory, type KafkaInstallation } from './kafka-jars';
import { connectKafka } from './kafka-client';
import {
  brokerIdentity,
  MUTUAL_PROTOCOL,
  mutualListener,
  readCertificate,
  scramOptions,
  SECURE_PROTOCOL,
  secureListener,
  type KafkaUser,
} from './secure-listener';

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 15_000;
/** Attempts with other ports: one that was free can be taken before the broker listens. */
const ATTEMPTS = 3;

export interface KafkaBrokerOptions {
  readonly projectDirectory: string;
  /** Folder of its settings, its log and its data; a broker that is started in the folder of a former one goes on with its data and ports. */
  readonly directory: string;
  /** From `ensureKafka`. */
  readonly installation: KafkaInstallation;
  /** Interpreter of the launcher. @default python3 */
  readonly python?: string;
  /** User of a listener that knows its clients by SASL/SCRAM or SASL/PLAIN over TLS. @default - no such listener */
  readonly user?: KafkaUser;
  /** Certificate of the authority of the clients of a listener that knows them by certificates, in PEM. @default - no such listener */
  readonly clientAuthority?: string;
}

/** A Kafka broker in a process of its own. */
export interface KafkaBroker {
  /** Address for clients. */
  readonly bootstrapServers: string;
  /** Listener with a user; undefined without one. */
  readonly secure: SecureBroker | undefined;
  /** Listener for clients with certificates; undefined without one. */
  readonly mutual: SecureBroker | undefined;
  /** Process group of the broker. */
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with the reason when the broker ends by itself; never after `stop()`. */
  readonly failed: Promise<Error>;
  /** Ends the broker; safe to call twice. Data stay in its folder. */
  stop(): Promise<void>;
}

/** Address of a broker for a client with credentials. */
export interface SecureBroker {
  readonly bootstrapServers: string;
  /** Certificate of the authority of the broker, in PEM. */
  readonly certificate: string;
}

/**
 * Starts a single Kafka broker (KRaft, without ZooKeeper) on the loopback interface and waits until it responds. It ends with this process.
 *
 * Records may be as old and as new as their producers say, because the clock of a local run is ahead of the machine's.
 *
 * @throws InputError when it does not start, with the end of its log
 */
export async function startKafkaBroker(options: KafkaBrokerOptions): Promise<KafkaBroker> {
  const { directory } = options;
  fs.mkdirSync(directory, { recursive: true });
  const settings = path.join(directory, 'server.properties');
  const isNew = !fs.existsSync(settings);
  for (let attempt = 1; ; attempt++) {
    if (isNew) await prepare(options, settings);
    try {
      return await launch(options, settings);
    } catch (error) {
      if (!isNew || attempt === ATTEMPTS || !(error instanceof PortTaken)) throw error;
    }
  }
}

class PortTaken extends InputError {}

/** Writes the settings of a new broker and formats its storage. */
async function prepare(options: KafkaBrokerOptions, settings: string): Promise<void> {
  const { directory, installation, user, clientAuthority } = options;
  const data = path.join(directory, 'data');
  fs.rmSync(data, { recursive: true, force: true });
  const [port, controllerPort, securePort, mutualPort] = await freePorts(4);
  const clients = [
    `PLAINTEXT://${HOST}:${port}`,
    ...(user === undefined ? [] : [`${SECURE_PROTOCOL}://${HOST}:${securePort}`]),
    ...(clientAuthority === undefined ? [] : [`${MUTUAL_PROTOCOL}://${HOST}:${mutualPort}`]),
  ];
  writeWholeFile(
    settings,
    Object.entries({
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@${HOST}:${controllerPort}`,
      'controller.listener.names': 'CONTROLLER',
      listeners: [...clients, `CONTROLLER://${HOST}:${controllerPort}`].join(','),
      'advertised.listeners': clients.join(','),
      'listener.security.protocol.map': [
        'CONTROLLER:PLAINTEXT',
        ...['PLAINTEXT', SECURE_PROTOCOL, MUTUAL_PROTOCOL].map((protocol) => `${protocol}:${protocol}`),
      ].join(','),
      ...(clients.length === 1 ? {} : await brokerIdentity(directory, HOST)),
      ...(user === undefined ? {} : secureListener(user)),
      ...(clientAuthority === undefined ? {} : mutualListener(directory, clientAuthority)),
      'log.dirs': data.replaceAll('\\', '/'),
      'auto.create.topics.enable': 'false',
      'offsets.topic.num.partitions': '1',
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.num.partitions': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      'log.message.timestamp.after.max.ms': '9223372036854775807',
      'message.max.bytes': '10485760',
      'num.network.threads': '2',
      'num.io.threads': '2',
    })
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  // Read as an option where it begins with a hyphen.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const format = spawn(
    installation.java,
    [
      ...javaOptions(installation, 128),
      ...['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings],
      ...(user === undefined ? [] : scramOptions(user)),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: environment() },
  );
  let errors = '';
  format.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await endOf(format);
  if (code !== 'exit code 0') {
    throw new InputError(`the storage of the Kafka broker could not be formatted (${code}): ${lastError(errors)}`);
  }
}

async function launch(options: KafkaBrokerOptions, settings: string): Promise<KafkaBroker> {
  const { projectDirectory, directory, installation, python = 'python3' } = options;
  const logFile = path.join(directory, 'kafka.log');
  const log = fs.openSync(logFile, 'a');
  const logStart = fs.fstatSync(log).size;
  const child = spawn(
    python,
    [
      '-B',
      path.join(kafkaDirectory(projectDirectory), 'launcher.py'),
      installation.java,
      ...javaOptions(installation, 512),
      'kafka.Kafka',
      settings,
    ],
    { cwd: directory, detached: true, stdio: ['pipe', log, log], env: environment() },
  );
  fs.closeSync(log);
  let stopping = false;
  const ended = endOf(child);
  const stop = async (): Promise<void> => {
    stopping = true;
    child.stdin?.end();
    const late = setTimeout(() => killGroup(child.pid), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(late);
    killGroup(child.pid);
  };
  const text = fs.readFileSync(settings, 'utf8');
  const addressOf = (protocol: string): string | undefined =>
    new RegExp(`^advertised\\.listeners=(?:.*,)?${protocol}://([^,\n]*)`, 'm').exec(text)?.[1];
  const bootstrapServers = addressOf('PLAINTEXT')!;
  const listenerOf = (protocol: string): SecureBroker | undefined => {
    const address = addressOf(protocol);
    return address === undefined ? undefined : { bootstrapServers: address, certificate: readCertificate(directory) };
  };
  const readLog = (): string => fs.readFileSync(logFile, 'utf8').slice(logStart);
  let end: string | undefined;
  void ended.then((code) => (end = code));
  for (const deadline = monotonicMs() + START_TIMEOUT_MS; ; await pause(100)) {
    if (end === undefined && monotonicMs() < deadline && !(await responds(bootstrapServers))) continue;
    if (end === undefined && monotonicMs() < deadline) break;
    await stop();
    const reason = end === undefined ? `it did not respond within ${START_TIMEOUT_MS / 1000} s` : lastError(readLog());
    const Failure = /Address already in use|BindException/.test(readLog()) ? PortTaken : InputError;
    throw new Failure(`the Kafka broker did not start: ${reason || end} (log: ${logFile})`);
  }
  return {
    bootstrapServers,
    secure: listenerOf(SECURE_PROTOCOL),
    mutual: listenerOf(MUTUAL_PROTOCOL),
    pid: child.pid!,
    logFile,
    failed: new Promise((resolve) => {
      void ended.then((code) => {
        if (!stopping) resolve(new Error(`the Kafka broker ended unexpectedly (${code}); its log is ${logFile}`));
      });
    }),
    stop,
  };
}

function javaOptions({ jars }: KafkaInstallation, heapMib: number): string[] {
  return [
    `-Xmx${heapMib}m`,
    '-XX:+UseSerialGC',
    '-Djava.awt.headless=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-cp',
    path.join(jars, '*'),
  ];
}

/** Environment of the broker: no Java or proxy options of the caller reach it. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, ...(HOME ? { HOME } : {}), LANG: 'C.UTF-8', PYTHONUNBUFFERED: '1' };
}

async function responds(bootstrapServers: string): Promise<boolean> {
  const kafka = await connectKafka(bootstrapServers, { retries: 0 });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    return brokers.length > 0 && controller !== null;
  } catch {
    return false;
  } finally {
    await admin.disconnect();
  }
}

/** Ports that are free at this moment. */
async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Server>((resolve, reject) => {
          const probe = createServer();
          probe.once('error', reject);
          probe.listen(0, HOST, () => resolve(probe));
        }),
    ),
  );
  const ports = probes.map((probe) => (probe.address() as { readonly port: number }).port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function lastError(log: string): string {
  const lines = log.trim().split('\n');
  return lines.filter((line) => /error|fatal|exception|tidegate-kafka/i.test(line)).at(-1) ?? lines.at(-1)!;
}
