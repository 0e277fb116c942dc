#!/usr/bin/env node
// Plain JavaScript on purpose: it runs before anything is installed.
//   node bin/setup.mjs           install what is missing
//   node bin/setup.mjs build     … and build
//   node bin/setup.mjs test …    … and run the tests; what follows goes to jest
//   node bin/setup.mjs test:real …    … the tests that download much, or take minutes
//   node bin/setup.mjs test:faults …    … every protection against a fault taken out, to see its test fail
//   node bin/setup.mjs test:mutation …    … the code of a folder changed place by place, to see its tests fail
//   node bin/setup.mjs test:hostile …    … inputs of every form that nobody meant well given to the readers and commands
//   node bin/setup.mjs smoke:aws …    … a stage deployed to a real account, checked and deleted; asks before it spends
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { lockSetUp } from './set-up-lock.mjs';

export const projectDirectory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Space of the npm packages, 533 MiB installed, and of the build. */
const PACKAGES_MIB = 640;

/** Ends the command with one clear message and the exit code for bad input or a broken set-up. */
function refuse(message) {
  process.stderr.write(`tidegate: ${message}\n`);
  process.exit(2);
}

function checkNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) refuse(`Node.js ${process.versions.node} is too old; install Node.js 22 or 24`);
}

/** True in a clone of the repository, false in an installed package (which carries its build with it). */
export function isClone() {
  return fs.existsSync(path.join(projectDirectory, 'tsconfig.json'));
}

/**
 * True if npm's list of installed packages has exactly those of a lock file, after an `npm ci` by hand as well. Optional packages are for
 * some platforms only.
 *
 * @param installed text of `node_modules/.package-lock.json`
 */
export function hasPackages(installed, lock) {
  const found = JSON.parse(installed).packages;
  return Object.entries(JSON.parse(lock).packages).every(([folder, { version, integrity, optional }]) => {
    if (folder === '') return true;
    const own = found[folder];
    return own === undefined ? optional === true : own.version === version && own.integrity === integrity;
  });
}

/** Refuses an installation for which the disk is too small: an installer that a full disk interrupts says anything, down to "Bus error". */
function requireSpace() {
  // Older packages are removed first, and their space is used again.
  if (fs.existsSync(path.join(projectDirectory, 'node_modules'))) return;
  const { bavail, bsize } = fs.statfsSync(projectDirectory);
  const left = Math.floor((bavail * bsize) / 2 ** 20);
  if (left >= PACKAGES_MIB) return;
  refuse(
    `the disk of ${projectDirectory} has ${left} MiB left, and the npm packages need ${PACKAGES_MIB} MiB; ` +
      'free some space, then run the same command again',
  );
}

/** What to do about a disk that takes no file, by the code of the error. */
const WAYS_OUT = {
  ENOSPC: 'free some space on its disk',
  EDQUOT: 'free some space of your quota',
  EROFS: 'its disk is read-only: make it writable, or copy the project to another',
  EACCES: 'check the permissions of its folder',
  EPERM: 'check the permissions of its folder',
  EEXIST: 'a file is where a folder belongs: move it away',
  ENOTDIR: 'a file is where a folder belongs: move it away',
};

/** Does a step of the set-up, and ends the command with one message where the disk does not take its files. */
async function onDisk(step) {
  try {
    return await step();
  } catch (error) {
    const wayOut = Object.hasOwn(WAYS_OUT, error.code ?? '') ? WAYS_OUT[error.code] : undefined;
    if (wayOut === undefined || error.syscall === undefined) throw error;
    const message = `${error.path ?? projectDirectory} cannot be written (${error.code}); ${wayOut}`;
    return refuse(`${message}, then run the same command again`);
  }
}

/** Installs the npm packages of the lock file unless exactly these are installed already. */
export function installPackages() {
  const lockFile = path.join(projectDirectory, 'package-lock.json');
  const stampFile = path.join(projectDirectory, 'node_modules', '.tidegate-lock');
  const installedFile = path.join(projectDirectory, 'node_modules', '.package-lock.json');
  const lock = fs.readFileSync(lockFile, 'utf8');
  const isInstalled = () => {
    if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === lock) return true;
    if (!fs.existsSync(installedFile) || !hasPackages(fs.readFileSync(installedFile, 'utf8'), lock)) return false;
    fs.writeFileSync(stampFile, lock);
    return true;
  };
  if (isInstalled()) return;
  const release = lockSetUp(projectDirectory);
  // Another command may have installed them meanwhile.
  if (!isInstalled()) install(stampFile, lock);
  release();
}

function install(stampFile, lock) {
  requireSpace();
  process.stderr.write('Installing npm packages (once, about half a minute) …\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: projectDirectory,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    // A run from inside `npm start` must not hand its own npm settings down.
    env: { ...process.env, NODE_ENV: 'development', npm_config_production: undefined },
  });
  if (result.error) refuse(`npm could not be started (${result.error.message}); install npm 10 or newer and try again`);
  if (result.status !== 0) {
    const output = `${result.stderr}\n${result.stdout}`.trim();
    const wayOut = /ENOSPC|EDQUOT|no space left on device/i.test(output)
      ? `free some space on the disk of ${projectDirectory}`
      : 'check the network and the npm registry in your configuration';
    refuse(
      `installing the npm packages failed (npm ci, exit code ${result.status}):\n  ` +
        `${output.split('\n').slice(0, 12).join('\n  ')}\n${wayOut}, then run the same command again`,
    );
  }
  fs.writeFileSync(stampFile, lock);
}

/** Everything that a command of the clone needs: Node.js, the npm packages and the build. */
export async function setUp() {
  checkNode();
  // The CDK app that a command of ours starts finds everything done.
  if (!isClone() || process.env.TIDEGATE_SET_UP === '1') return;
  await onDisk(installPackages);
  const { build } = await import('./build.mjs');
  try {
    await onDisk(build);
  } catch (error) {
    refuse(`the build failed: ${error.message}`);
  }
  process.env.TIDEGATE_SET_UP = '1';
}

/** Tests of the tests, below `test/`. */
const SCRIPTS = {
  'test:faults': ['faults', 'run.mjs'],
  'test:mutation': ['mutation', 'run.mjs'],
  'test:hostile': ['hostile', 'run.mjs'],
};

async function main([command = 'install', ...rest]) {
  if (command === 'install') {
    checkNode();
    await onDisk(installPackages);
  } else if (command === 'build') {
    await setUp();
  } else if (command === 'test' || command === 'test:real') {
    checkNode();
    await onDisk(installPackages); // jest's global setup builds
    const jest = path.join(projectDirectory, 'node_modules', 'jest', 'bin', 'jest.js');
    const env = { ...process.env, ...(command === 'test:real' && { TIDEGATE_TEST_LEG: 'real' }) };
    const result = spawnSync(process.execPath, [jest, ...rest], { cwd: projectDirectory, stdio: 'inherit', env });
    process.exit(result.status ?? 1);
  } else if (command in SCRIPTS) {
    await setUp();
    const script = path.join(projectDirectory, 'test', ...SCRIPTS[command]);
    const result = spawnSync(process.execPath, [script, ...rest], { cwd: projectDirectory, stdio: 'inherit' });
    process.exit(result.status ?? 1);
  } else if (command === 'smoke:aws') {
    await setUp();
    const { runSmoke } = await import('./smoke/run.mjs');
    process.exit(await runSmoke(projectDirectory, rest));
  } else {
    refuse(
      `unknown command '${command}'; known are install, build, test, test:real, test:faults, test:mutation, test:hostile and smoke:aws`,
    );
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(fs.realpathSync(process.argv[1])).href) {
  await main(process.argv.slice(2));
}
