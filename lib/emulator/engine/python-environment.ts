import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';
import { requireFreeSpace, saysFullDisk } from '../../files/free-space';
import { stateDirectory } from '../state-directory';

const run = promisify(execFile);

const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
const MIN_VERSION: PythonVersion = { major: 3, minor: 10 };
const INSTALL_TIMEOUT_MS = 300_000;
/** Space of the engine's packages, 90 MiB installed, with room for their downloads. */
const ENGINE_MIB = 160;

/** Pinned packages with an environment of their own. */
export interface PythonPackages {
  /** Name of the folder below the project's state directory. */
  readonly folder: string;
  /** The file of pins with hashes. */
  readonly requirements: string;
  /** Name in messages. */
  readonly title: string;
  /** Module whose import proves the installation. */
  readonly module: string;
  /** Maximum Python version for which the pins have packages. @default - any from 3.10 on */
  readonly newest?: PythonVersion;
  /** Interpreter whose own packages the environment sees too. @default - any Python of a fitting version, without its packages */
  readonly base?: string;
  /** Size and time of the installation, for the message before it. @default - not in the message */
  readonly cost?: string;
  /** Free disk that the installation needs, MiB. @default - not checked before it */
  readonly diskMib?: number;
  /** Time-out of the installation, milliseconds. @default 300000 */
  readonly installTimeoutMs?: number;
}

export interface PythonVersion {
  readonly major: number;
  readonly minor: number;
}

export interface PythonEnvironmentOptions {
  /** The project root; environments live in its {@link stateDirectory}, the engine's in the folder `venv`. */
  readonly projectDirectory: string;
  /** Called once, before an installation. @default - no message */
  readonly onInstall?: (message: string) => void;
  /** Packages to install. @default the packages of the engine */
  readonly packages?: PythonPackages;
  /** @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Ensures that a Python environment is installed and returns the path of its interpreter.
 *
 * Installs the pinned packages, each checked against its hash, when the pins or the interpreter have changed. The environment is built in
 * another folder and moved into place, so a failed installation leaves no partial one.
 *
 * @throws InputError when there is no Python of at least 3.10, the disk has too little space, or the installation fails
 */
export async function ensurePythonEnvironment(options: PythonEnvironmentOptions): Promise<string> {
  const environment = options.environment ?? process.env;
  const home = stateDirectory(options.projectDirectory);
  const packages = options.packages ?? enginePackages(options.projectDirectory);
  const target = path.join(home, packages.folder);
  const interpreter = interpreterOf(target);
  if (await isInstalled(options.projectDirectory, packages)) return interpreter;

  const { requirements, title, cost, diskMib = 0, installTimeoutMs: timeout = INSTALL_TIMEOUT_MS } = packages;
  const wanted = await stampOf(requirements);

  const python = packages.base ?? (await findPython(environment, packages.newest));
  await fs.mkdir(home, { recursive: true });
  requireFreeSpace(home, diskMib, `free some space for ${title}, then run the command again`);
  options.onInstall?.(`installing ${title} (Python packages, once${cost === undefined ? '' : `: ${cost}`})`);
  const building = await fs.mkdtemp(path.join(home, `${packages.folder}-building-`));
  try {
    const seen = packages.base === undefined ? [] : ['--system-site-packages'];
    await run(python, ['-m', 'venv', ...seen, building], { env: environment, timeout });
    await run(
      path.join(building, 'bin', 'python'),
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--require-hashes',
        '--disable-pip-version-check',
        '-r',
        requirements,
      ],
      { env: environment, timeout, maxBuffer: 16 * 1024 * 1024 },
    );
    await fs.writeFile(path.join(building, 'requirements.sha256'), wanted);
    await moveIntoPlace(building, target, wanted);
  } catch (error) {
    const wayOut = saysFullDisk(outputOf(error))
      ? `free some space on the disk of ${home}, and on that of the temporary files (TMPDIR)`
      : 'check the network and the package index (pip config list), and on Debian or Ubuntu that python3-venv is installed';
    throw new InputError(
      `${title} could not be installed with ${python}: ${lastLine(error)}; ${wayOut}, then run the command again`,
    );
  } finally {
    await fs.rm(building, { recursive: true, force: true });
  }
  return interpreter;
}

/** True if the pinned packages are installed, so that {@link ensurePythonEnvironment} has nothing to install. */
export async function isInstalled(
  projectDirectory: string,
  { folder, requirements, module }: PythonPackages,
): Promise<boolean> {
  const target = path.join(stateDirectory(projectDirectory), folder);
  return (
    (await readStamp(target)) === (await stampOf(requirements)) && (await canImport(interpreterOf(target), module))
  );
}

const interpreterOf = (target: string): string => path.join(target, 'bin', 'python');

async function stampOf(requirements: string): Promise<string> {
  return createHash('sha256')
    .update(await fs.readFile(requirements))
    .digest('hex');
}

const enginePackages = (projectDirectory: string): PythonPackages => ({
  folder: 'venv',
  requirements: path.join(engineDirectory(projectDirectory), 'requirements.txt'),
  title: 'the local AWS engine',
  module: 'ministack',
  diskMib: ENGINE_MIB,
});

/** Folder of the launcher and its pins, in a clone and in an installed package. */
export function engineDirectory(projectDirectory: string): string {
  return path.join(projectDirectory, 'lib', 'emulator', 'engine');
}

/** Moves a new environment into place. Of two commands that install at once, the first to finish wins, and the other uses its environment. */
async function moveIntoPlace(building: string, target: string, wanted: string): Promise<void> {
  const old = `${building}-old`;
  try {
    await fs.rename(target, old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    await fs.rename(building, target);
  } catch (error) {
    if ((await readStamp(target)) !== wanted) throw error;
  } finally {
    await fs.rm(old, { recursive: true, force: true });
  }
}

async function readStamp(target: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path.join(target, 'requirements.sha256'), 'utf8');
  } catch {
    return undefined;
  }
}

async function canImport(interpreter: string, module: string): Promise<boolean> {
  try {
    await run(interpreter, ['-c', `import ${module}`], { timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

export async function findPython(environment: NodeJS.ProcessEnv, newest?: PythonVersion): Promise<string> {
  const given = environment.PYTHON;
  const seen: string[] = [];
  for (const candidate of given ? [given] : CANDIDATES) {
    try {
      const { stdout } = await run(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
        env: environment,
        timeout: 30_000,
      });
      const [major = 0, minor = 0] = stdout.trim().split('.').map(Number);
      const version = { major, minor };
      if (isAtLeast(version, MIN_VERSION) && (newest === undefined || isAtLeast(newest, version))) return candidate;
      seen.push(`${candidate} is ${stdout.trim()}`);
    } catch {
      if (given) seen.push(`${candidate} does not run`);
    }
  }
  const range =
    newest === undefined ? `of at least ${text(MIN_VERSION)}` : `from ${text(MIN_VERSION)} to ${text(newest)}`;
  throw new InputError(
    `no Python ${range} was found${seen.length > 0 ? ` (${seen.join(', ')})` : ''}; ` +
      'install one, or set PYTHON to the path of its interpreter',
  );
}

const isAtLeast = (version: PythonVersion, minimum: PythonVersion): boolean =>
  version.major > minimum.major || (version.major === minimum.major && version.minor >= minimum.minor);

const text = ({ major, minor }: PythonVersion): string => `${major}.${minor}`;

function outputOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return stderr || message || String(error);
}

function lastLine(error: unknown): string {
  const lines = outputOf(error)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('['));
  return lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? 'it failed without a message';
}
