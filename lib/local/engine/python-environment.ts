import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';

const run = promisify(execFile);

const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
const OLDEST = { major: 3, minor: 10 };
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
  const interpreter = path.join(target, 'bin', 'python');
  const { requirements, title } = packages;
  const wanted = createHash('sha256')
    .update(await fs.readFile(requirements))
    .digest('hex');

  if ((await readStamp(target)) === wanted && (await answers(interpreter, packages.module))) return interpreter;

  const python = await findPython(environment);
  options.onInstall?.(`installing ${title} (Python packages, once)`);
  await fs.mkdir(home, { recursive: true });
  const building = await fs.mkdtemp(path.join(home, `${packages.folder}-building-`));
  try {
    await run(python, ['-m', 'venv', building], { env: environment, timeout: INSTALL_TIMEOUT_MS });
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
      { env: environment, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
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

async function findPython(environment: NodeJS.ProcessEnv): Promise<string> {
  const asked = environment.PYTHON;
  const seen: string[] = [];
  for (const candidate of asked ? [asked] : CANDIDATES) {
    try {
      const { stdout } = await run(candidate, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
        env: environment,
        timeout: 30_000,
      });
      const [major = 0, minor = 0] = stdout.trim().split('.').map(Number);
      if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return candidate;
      seen.push(`${candidate} is ${stdout.trim()}`);
    } catch {
      if (asked) seen.push(`${candidate} does not run`);
    }
  }
  throw new InputError(
    `no Python of at least ${OLDEST.major}.${OLDEST.minor} was found${seen.length > 0 ? ` (${seen.join(', ')})` : ''}; ` +
      'install one, or set PYTHON to the path of its interpreter',
  );
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('['));
  return lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? 'it failed without a message';
}
