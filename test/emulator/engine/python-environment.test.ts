import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../../lib/core/errors';
import { engineDirectory, ensurePythonEnvironment } from '../../../lib/emulator/engine/python-environment';

const PROJECT = path.join(__dirname, '../../..');

describe('the Python environment of the local engine', () => {
  let project: string;
  beforeEach(() => {
    project = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-python-'));
    fs.mkdirSync(engineDirectory(project), { recursive: true });
    fs.writeFileSync(path.join(engineDirectory(project), 'requirements.txt'), 'nothing==1.0 --hash=sha256:00\n');
    fs.mkdirSync(path.join(project, 'bin'));
  });
  afterEach(() => fs.rmSync(project, { recursive: true, force: true }));

  const script = (name: string, body: string): string => {
    const file = path.join(project, 'bin', name);
    fs.writeFileSync(file, `#!/bin/sh\n${body}\n`);
    fs.chmodSync(file, 0o755);
    return file;
  };
  const install = (environment: NodeJS.ProcessEnv): Promise<string> =>
    ensurePythonEnvironment({ projectDirectory: project, environment });

  it('pins every package with hashes and names no registry', () => {
    const text = fs.readFileSync(path.join(engineDirectory(PROJECT), 'requirements.txt'), 'utf8');
    const packages = text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => /^\w/.test(line));
    expect(packages.length).toBeGreaterThan(10);
    for (const line of packages) expect(line).toMatch(/^[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}/);
    expect(packages.some((line) => line.startsWith('ministack==1.5.33 '))).toBe(true);
    expect(text).not.toMatch(/https?:/);
  });

  it('asks for a Python when there is none', async () => {
    await expect(install({ PATH: path.join(project, 'bin') })).rejects.toThrow(
      /^no Python of at least 3\.10 was found; install one/,
    );
  });

  it('names a Python that is too old', async () => {
    script('python3', 'echo 3.8');
    await expect(install({ PATH: path.join(project, 'bin') })).rejects.toThrow(/python3 is 3\.8/);
    await expect(install({ PATH: '', PYTHON: path.join(project, 'bin', 'absent') })).rejects.toThrow(
      /absent does not run/,
    );
  });

  it('takes the first Python that the pins have packages for, and names the range when there is none', async () => {
    const packages = {
      folder: 'pinned',
      requirements: path.join(engineDirectory(project), 'requirements.txt'),
      title: 'the pinned',
      module: 'pinned',
      newest: { major: 3, minor: 11 },
      cost: '2 GB',
    };
    const said: string[] = [];
    const PATH = `${path.join(project, 'bin')}:${process.env.PATH}`;
    const start = (environment: NodeJS.ProcessEnv): Promise<string> =>
      ensurePythonEnvironment({
        projectDirectory: project,
        environment,
        packages,
        onInstall: (text) => said.push(text),
      });
    const fails = script('python3.12', 'case "$*" in -c*) echo 3.12;; *) exit 1;; esac');
    await expect(start({ PATH, PYTHON: fails })).rejects.toThrow(
      /^no Python from 3\.10 to 3\.11 was found \(.*python3\.12 is 3\.12\); install one/,
    );
    expect(said).toEqual([]);
    script('python3', 'echo 3.13');
    script('python3.13', 'echo 3.13');
    script('python3.11', 'case "$*" in -c*) echo 3.11;; *) exit 1;; esac');
    await expect(start({ PATH })).rejects.toThrow(/^the pinned could not be installed with python3\.11/);
    expect(said).toEqual(['installing the pinned (Python packages, once: 2 GB)']);
  });

  it('leaves nothing half-done when the installation fails, and says why in one message', async () => {
    const python = script(
      'python3',
      `case "$*" in
        -c*) echo 3.12;;
        "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
        *) echo "ERROR: No matching distribution found for nothing==1.0" >&2; exit 1;;
      esac`,
    );
    const failure = await install({ PATH: process.env.PATH, PYTHON: python }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect((failure as Error).message).toMatch(/No matching distribution found for nothing==1\.0; check the network/);
    expect((failure as Error).message).not.toContain('\n');
    expect(fs.readdirSync(path.join(project, '.local'))).toEqual([]);
  });

  it('names a full disk, before the installation and in its middle', async () => {
    const python = script(
      'python3',
      `case "$*" in
        -c*) echo 3.12;;
        "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
        *) echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1;;
      esac`,
    );
    const environment = { PATH: process.env.PATH, PYTHON: python };
    const middle = await install(environment).catch((error: unknown) => error as Error);
    expect((middle as Error).message).toMatch(
      /No space left on device; free some space on the disk of \S+\.local, and on that of the temporary files \(TMPDIR\), then run/,
    );
    expect((middle as Error).message).not.toContain('network');
    const said: string[] = [];
    const before = ensurePythonEnvironment({
      projectDirectory: project,
      environment,
      packages: {
        folder: 'pinned',
        requirements: path.join(engineDirectory(project), 'requirements.txt'),
        title: 'the pinned',
        module: 'pinned',
        diskMib: Number.MAX_SAFE_INTEGER,
      },
      onInstall: (text) => said.push(text),
    });
    await expect(before).rejects.toThrow(
      /^the disk of \S+\.local has \d+ MiB left, and 9007199254740991 MiB are needed; free/,
    );
    expect(said).toEqual([]);
    expect(fs.readdirSync(path.join(project, '.local'))).toEqual([]);
  });

  it('installs once, and again only when the pins change', async () => {
    const python = script(
      'python3',
      `echo "$*" >> "${project}/calls"
      case "$*" in
        "-c import sys"*) echo 3.12;;
        "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
      esac`,
    );
    const installations = (): number =>
      fs
        .readFileSync(path.join(project, 'calls'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('--require-hashes')).length;
    const environment = { PATH: process.env.PATH, PYTHON: python };
    const interpreter = await install(environment);
    expect(interpreter).toBe(path.join(project, '.local', 'venv', 'bin', 'python'));
    await install(environment);
    expect(installations()).toBe(1);
    fs.appendFileSync(path.join(engineDirectory(project), 'requirements.txt'), '# changed\n');
    await install(environment);
    expect(installations()).toBe(2);
    expect(fs.readdirSync(path.join(project, '.local'))).toEqual(['venv']);
  });
});
