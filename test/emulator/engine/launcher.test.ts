import { execFile, execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../../lib/core/errors';
import { LocalClock } from '../../../lib/emulator/clock';
import { refuseRealCredentials } from '../../../lib/emulator/credentials';
import { startEngine, type EngineOptions } from '../../../lib/emulator/engine/engine';
import { engineDirectory, ensurePythonEnvironment } from '../../../lib/emulator/engine/python-environment';
import { eventually, PROJECT } from './support/local-aws';

const run = promisify(execFile);
const LAUNCHER = path.join(engineDirectory(PROJECT), 'launcher.py');
const PRIVATE_NAMES = JSON.parse(
  execFileSync(process.env.PYTHON ?? 'python3', ['-B', LAUNCHER, '--private-names']).toString(),
) as string[];

describe('the engine launcher', () => {
  let python: string;
  let directory: string;
  beforeAll(async () => {
    python = await ensurePythonEnvironment({ projectDirectory: PROJECT });
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-launcher-'));
  });
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

  const options = (overrides: Partial<EngineOptions> = {}): EngineOptions => ({
    port: 0,
    clock: LocalClock.startingNow(1),
    emulatorUrl: 'http://127.0.0.1:9',
    dataDirectory: path.join(directory, 'data'),
    python,
    projectDirectory: PROJECT,
    ...overrides,
  });
  const inLauncher = async (code: string, env = {}): Promise<{ stdout: string; stderr: string }> => {
    try {
      return await run(python, ['-B', '-c', code], {
        cwd: engineDirectory(PROJECT),
        env: { ...env, PATH: process.env.PATH },
      });
    } catch (error) {
      return error as { stdout: string; stderr: string };
    }
  };

  describe('private names of the pinned engine', () => {
    let missing: string[];
    beforeAll(async () => {
      const code =
        'import json; from tidegate_engine import upstream as u; print(json.dumps(u.missing_names(u.PRIVATE_NAMES)))';
      missing = JSON.parse((await inLauncher(code)).stdout.trim().split('\n').at(-1)!) as string[];
    });

    it.each(PRIVATE_NAMES)('finds %s', (name) => {
      expect(missing).not.toContain(name);
    });
  });

  it('refuses, in one line, an engine that lacks a name it is built on', async () => {
    const code =
      'from tidegate_engine import upstream as u; u.check_names({"ministack.app": ["app", "gone"], "ministack.nowhere": ["x"]})';
    const { stderr } = await inLauncher(code);
    expect(stderr).toContain('ministack lacks what the engine is built on: ministack.app.gone, ministack.nowhere');
  });

  it('refuses another version of the engine', async () => {
    const { stderr } = await inLauncher('from tidegate_engine import upstream as u; u.check_version("1.6.0")');
    expect(stderr).toContain('ministack 1.6.0 is installed, but only 1.5.33 is supported');
  });

  it.each([{ AWS_PROFILE: 'work' }, { AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }, { AWS_SESSION_TOKEN: 'x' }])(
    'refuses real credentials: %o',
    async (env) => {
      const { stderr } = await inLauncher(
        'import sys; from tidegate_engine.main import main; sys.exit(main(["--check"]))',
        env,
      );
      expect(stderr).toContain(`tidegate-engine: real AWS credentials are in the environment (${Object.keys(env)[0]})`);
      expect(() => refuseRealCredentials(env)).toThrow(InputError);
    },
  );

  it('accepts the root of the local account', () => {
    expect(() =>
      refuseRealCredentials({ AWS_ACCESS_KEY_ID: '123456789012', AWS_SECRET_ACCESS_KEY: 'test' }),
    ).not.toThrow();
  });

  it('names a port that is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    await expect(startEngine(options({ port }))).rejects.toThrow(new RegExp(`^port ${port} on 127.0.0.1 is in use`));
    await new Promise((resolve) => taken.close(resolve));
  });

  it('says what is wrong when the interpreter lacks the engine', async () => {
    const bare = path.join(directory, 'bare-python');
    fs.writeFileSync(
      bare,
      '#!/bin/sh\necho "tidegate-engine: ministack 1.5.33 is not installed in this Python environment" >&2\nexit 2\n',
    );
    fs.chmodSync(bare, 0o755);
    await expect(startEngine(options({ python: bare }))).rejects.toThrow(
      /is not installed.*remove .*venv and run the command again/,
    );
    await expect(startEngine(options({ python: path.join(directory, 'absent') }))).rejects.toThrow(InputError);
  });

  it('stops within a moment and frees its port and its temporary files', async () => {
    const engine = await startEngine(options());
    await engine.stop();
    await engine.stop();
    expect(() => process.kill(-engine.pid, 0)).toThrow(/ESRCH/);
    await expect(fetch(`${engine.url}/_tidegate/health`)).rejects.toThrow();
    expect(fs.existsSync(path.join(directory, 'data', 'tmp'))).toBe(false);
  });

  it('reports an engine that ends by itself', async () => {
    const engine = await startEngine(options());
    process.kill(engine.pid, 'SIGKILL');
    expect((await engine.failed).message).toMatch(/ended unexpectedly \(SIGKILL\); its log is .*engine\.log/);
    await engine.stop();
  });

  it('ends with its parent, however that ended', async () => {
    const child = spawn(python, ['-B', LAUNCHER], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, GATEWAY_PORT: '0', TIDEGATE_END_WITH_PARENT: '1', TMPDIR: directory },
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const stat = `/proc/${child.pid}/cmdline`;
    await eventually(
      () => !fs.existsSync('/proc') || fs.existsSync(stat),
      (running) => running,
    );
    child.stdin.end();
    await ended;
    expect(() => process.kill(-child.pid!, 0)).toThrow(/ESRCH/);
  });
});
