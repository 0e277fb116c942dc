import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';
import { describeJava, findJava } from '../java';
import { stateDirectory } from '../state-directory';

const run = promisify(execFile);

/** Version of the broker in `pom.xml`. */
export const KAFKA_VERSION = '4.4.0';
/** Brokers of Kafka 4 need Java 17: https://kafka.apache.org/40/documentation/compatibility.html */
const MIN_JAVA_VERSION = 17;
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
const FETCH_TIMEOUT_MS = 300_000;

/** Folder of the broker's launcher and pins, in a clone and in an installed package. */
export const kafkaDirectory = (projectDirectory: string): string =>
  path.join(projectDirectory, 'lib', 'emulator', 'kafka');

/** Programs that a broker runs with. */
export interface KafkaInstallation {
  /** Command of Java. */
  readonly java: string;
  /** Folder of the jars. */
  readonly jars: string;
}

export interface KafkaInstallationOptions {
  /** Project root; the jars are kept in its {@link stateDirectory}. */
  readonly projectDirectory: string;
  /** Called once, before the jars are fetched. @default - no message */
  readonly onInstall?: (message: string) => void;
  /** @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Ensures that the jars of the broker are there, and returns where.
 *
 * Maven fetches them once, from where its own settings say; each is checked against its pinned hash. They are put into another folder and moved
 * into place, so that a failed installation leaves no partial one.
 *
 * @throws InputError when Java 17 or Maven is absent, or the jars cannot be fetched
 */
export async function ensureKafka(options: KafkaInstallationOptions): Promise<KafkaInstallation> {
  const { projectDirectory, environment = process.env } = options;
  const missing = await missingForKafka(options);
  if (missing !== undefined) throw new InputError(`the Kafka broker needs ${missing}`);
  const java = (await findJava(environment)).command;
  const home = stateDirectory(projectDirectory);
  const jars = path.join(home, `kafka-${KAFKA_VERSION}`);
  const pins = await readPins(projectDirectory);
  if (await hasJars(jars, pins)) return { java, jars };

  options.onInstall?.(`fetching Apache Kafka ${KAFKA_VERSION} with Maven (once: 45 MB)`);
  await fs.mkdir(home, { recursive: true });
  const building = await fs.mkdtemp(path.join(home, `kafka-${KAFKA_VERSION}-building-`));
  try {
    await fetchJars(kafkaDirectory(projectDirectory), building, environment);
    await checkHashes(building, pins);
    await fs.rm(jars, { recursive: true, force: true });
    await fs.rename(building, jars).catch(async (error: unknown) => {
      // Another command may have put them there meanwhile.
      if (!(await hasJars(jars, pins))) throw error;
    });
  } finally {
    await fs.rm(building, { recursive: true, force: true });
  }
  return { java, jars };
}

/** Names the program that this machine lacks for the broker, with the way to get it; undefined when it has all. */
export async function missingForKafka({
  projectDirectory,
  environment = process.env,
}: KafkaInstallationOptions): Promise<string | undefined> {
  const java = await findJava(environment);
  if (java.version === undefined || java.version < MIN_JAVA_VERSION) {
    return (
      `Java ${MIN_JAVA_VERSION} or newer (${describeJava(java)}): install one, on Debian or Ubuntu the package ` +
      `openjdk-${MIN_JAVA_VERSION}-jre-headless, or set JAVA_HOME`
    );
  }
  const jars = path.join(stateDirectory(projectDirectory), `kafka-${KAFKA_VERSION}`);
  if (await hasJars(jars, await readPins(projectDirectory))) return undefined;
  try {
    await run('mvn', ['-v'], { env: environment, timeout: 60_000 });
    return undefined;
  } catch {
    return `Maven, which fetches its jars once (mvn does not run): install it, on Debian or Ubuntu the package maven`;
  }
}

type Pins = ReadonlyMap<string, string>;

async function readPins(projectDirectory: string): Promise<Pins> {
  const text = await fs.readFile(path.join(kafkaDirectory(projectDirectory), 'jars.sha256'), 'utf8');
  return new Map(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).reverse() as [string, string]),
  );
}

async function hasJars(folder: string, pins: Pins): Promise<boolean> {
  const names = new Set(await fs.readdir(folder).catch(() => []));
  return [...pins.keys()].every((name) => names.has(name));
}

async function fetchJars(directory: string, target: string, environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run(
      'mvn',
      [
        '-q',
        '-B',
        '-f',
        path.join(directory, 'pom.xml'),
        COPY,
        `-DoutputDirectory=${target}`,
        '-DincludeScope=runtime',
      ],
      { env: environment, timeout: FETCH_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
    );
  } catch (error) {
    const { stdout = '', message } = error as { readonly stdout?: string; readonly message: string };
    const reason = /\[ERROR\] (.*)/.exec(stdout)?.[1] ?? message.split('\n')[0];
    throw new InputError(
      `Apache Kafka ${KAFKA_VERSION} could not be fetched with Maven: ${reason}; check the network and the repositories in ` +
        'the settings of Maven (mvn help:effective-settings), then run the command again',
    );
  }
}

async function checkHashes(folder: string, pins: Pins): Promise<void> {
  for (const [name, wanted] of pins) {
    const content = await fs.readFile(path.join(folder, name)).catch(() => undefined);
    if (content === undefined) throw new InputError(`Apache Kafka ${KAFKA_VERSION} came without ${name}`);
    const found = createHash('sha256').update(content).digest('hex');
    if (found !== wanted) {
      throw new InputError(
        `${name} has the hash ${found}, not the pinned ${wanted}: the repository of Maven's settings gives another file; ` +
          'remove it from the local repository of Maven, and check the mirror',
      );
    }
  }
  for (const name of await fs.readdir(folder)) if (!pins.has(name)) await fs.rm(path.join(folder, name));
}
