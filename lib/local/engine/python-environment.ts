import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';

const run = promisify(execFile);

const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
const OLDEST: PythonVersion = { major: 3, minor: 10 };
const INSTALL_TIMEOUT_MS = 300_000;

/** Pinned packages with an environment of their own. */
export interface PythonPackages {
  /** Below the project's `.local`. */
  readonly folder: string;
  /** The file of pins with hashes. */
  readonly requirements: string;
  /** How messages call it. */
  readonly title: string;
  /** The module whose import shows that it works. */
  readonly module: string;
  /** The newest Python that the pins have packages for. @default - any from 3.10 on */
  readonly newest?: PythonVersion;
  /** What the installation costs, for the message before it. @default - nothing is said */
  readonly cost?: string;
  /** How long the installation may take, milliseconds. @default 300000 */
  readonly installTimeoutMs?: number;
}

export interface PythonVersion {
  readonly major: number;
  readonly minor: number;
}

export interface PythonEnvironmentOptions {
  /** The project root; environments live in its `.local`, the engine's in `.local/venv`. */
  readonly projectDirectory: string;
  /** Called once, before an installation that takes some seconds. @default - nothing */
  readonly onInstall?: (message: string) => void;
  /** What is installed. @default the packages of the engine */
  readonly packages?: PythonPackages;
  /** @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Makes sure that a Python environment is there and answers the path of its interpreter.
 *
 * Installs the pinned packages, each checked against its hash, when the pins or the interpreter have
 * changed. The environment is built aside and moved into place, so a failed installation leaves nothing half-done.
 *
 * @throws InputError when there is no Python of at least 3.10, or the installation fails
 */
export async function ensurePythonEnvironment(options: PythonEnvironmentOptions): Promise<string> {
  const environment = options.environment ?? process.env;
  const home = path.join(options.projectDirectory, '.local');
  const packages = options.packages ?? enginePackages(options.projectDirectory);
  const target = path.join(home, packages.folder);
  const interpreter = interpreterOf(target);
  if (await isInstalled(options.projectDirectory, packages)) return interpreter;

  const { requirements, title, cost, installTimeoutMs: timeout = INSTALL_TIMEOUT_MS } = packages;
  const wanted = await stampOf(requirements);

  const python = await findPython(environment, packages.newest);
  options.onInstall?.(`installing ${title} (Python packages, once${cost === undefined ? '' : `: ${cost}`})`);
  await fs.mkdir(home, { recursive: true });
  const building = await fs.mkdtemp(path.join(home, `${packages.folder}-building-`));
  try {
    await run(python, ['-m', 'venv', building], { env: environment, timeout });
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
    throw new InputError(
      `${title} could not be installed with ${python}: ${lastLine(error)}; check the network and the package ` +
        'index (pip config list), and on Debian or Ubuntu that python3-venv is installed, then run the command again',
    );
  } finally {
    await fs.rm(building, { recursive: true, force: true });
  }
  return interpreter;
}

/** Whether the packages are installed as the pins say, so that {@link ensurePythonEnvironment} has nothing to install. */
export async function isInstalled(
  projectDirectory: string,
  { folder, requirements, module }: PythonPackages,
): Promise<boolean> {
  const target = path.join(projectDirectory, '.local', folder);
  return (await readStamp(target)) === (await stampOf(requirements)) && (await answers(interpreterOf(target), module));
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
});

/** Where the launcher and its pins are, in a clone and in an installed package. */
export function engineDirectory(projectDirectory: string): string {
  return path.join(projectDirectory, 'lib', 'local', 'engine');
}

/** Two commands may install at once: the first to finish wins, and the other takes what it left. */
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

async function answers(interpreter: string, module: string): Promise<boolean> {
  try {
    await run(interpreter, ['-c', `import ${module}`], { timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

async function findPython(environment: NodeJS.ProcessEnv, newest?: PythonVersion): Promise<string> {
  const asked = environment.PYTHON;
  const seen: string[] = [];
  for (const candidate of asked ? [asked] : CANDIDATES) {
    try {
      const { stdout } = await run(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
        env: environment,
        timeout: 30_000,
      });
      const [major = 0, minor = 0] = stdout.trim().split('.').map(Number);
      const version = { major, minor };
      if (isAtLeast(version, OLDEST) && (newest === undefined || isAtLeast(newest, version))) return candidate;
      seen.push(`${candidate} is ${stdout.trim()}`);
    } catch {
      if (asked) seen.push(`${candidate} does not run`);
    }
  }
  const range = newest === undefined ? `of at least ${text(OLDEST)}` : `from ${text(OLDEST)} to ${text(newest)}`;
  throw new InputError(
    `no Python ${range} was found${seen.length > 0 ? ` (${seen.join(', ')})` : ''}; ` +
      'install one, or set PYTHON to the path of its interpreter',
  );
}

const isAtLeast = (version: PythonVersion, least: PythonVersion): boolean =>
  version.major > least.major || (version.major === least.major && version.minor >= least.minor);

const text = ({ major, minor }: PythonVersion): string => `${major}.${minor}`;

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('['));
  return lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? 'it failed without a message';
}
