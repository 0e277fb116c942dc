import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runCommandLine } from '../../../bin/command-line';
import { startEmulator, type RunningEmulator } from '../../../lib/emulator';
import { LocalClock } from '../../../lib/emulator/clock';
import { startEngine, type Engine } from '../../../lib/emulator/engine/engine';
import { ensurePythonEnvironment } from '../../../lib/emulator/engine/python-environment';
import { CdkCommand } from '../../../lib/local/deploy/cdk-command';

const projectDirectory = path.resolve(__dirname, '../../..');

describe('tidegate preflight', () => {
  let directory: string;
  let assembly: string;
  let emulator: RunningEmulator;
  let engine: Engine;
  let cdk: CdkCommand;

  const run = async (...flags: string[]): Promise<{ code: number; output: string }> => {
    let output = '';
    const stream = { write: (text: string) => (output += text) };
    const code = await runCommandLine(['preflight', ...flags], {
      projectDirectory,
      stdout: stream,
      stderr: stream,
      signal: new AbortController().signal,
      runLocal: () => Promise.reject(new Error('not this command')),
      runTour: () => Promise.reject(new Error('not this command')),
    } as never);
    return { code, output };
  };

  beforeAll(async () => {
    const python = await ensurePythonEnvironment({ projectDirectory });
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-preflight-'));
    assembly = path.join(directory, 'assembly');
    const clock = LocalClock.startingNow(1);
    emulator = await startEmulator({ port: 0, clock, engineUrl: () => engine.url, seed: 1 });
    engine = await startEngine({
      port: 0,
      clock,
      emulatorUrl: emulator.url,
      dataDirectory: directory,
      python,
      projectDirectory,
    });
    const { signal } = new AbortController();
    cdk = new CdkCommand({ projectDirectory, engineUrl: engine.url, dataDirectory: directory, signal });
    await cdk.synth({ stage: 'dev' }, assembly);
  }, 300_000);

  afterAll(async () => {
    await engine?.stop();
    await emulator?.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  test('fails in a region that is not bootstrapped, with the command that does it, and passes after it', async () => {
    const template = path.join(assembly, 'Tidegate-dev.template.json');
    const before = await run('--template', template, '--endpoint', engine.url, '--json');
    expect(before.code).toBe(1);
    const { rows, ...account } = JSON.parse(before.output) as {
      accountId: string;
      region: string;
      rows: { check: string; status: string; remedy?: string }[];
    };
    expect(account).toEqual({ accountId: '123456789012', region: 'us-east-1' });
    expect(rows.filter(({ status }) => status !== 'ok')).toEqual([
      expect.objectContaining({
        check: 'CDK bootstrap',
        status: 'fails',
        remedy: 'npx cdk bootstrap aws://123456789012/us-east-1',
      }),
    ]);

    await cdk.bootstrap(assembly);
    const after = await run('-c', 'stage=dev', '--endpoint', engine.url);
    expect(after.output).toContain('account 123456789012, us-east-1');
    expect(after.output).toMatch(/ok {7}instances of .*starts with 1, scales to 8/);
    expect(after.output).toMatch(/ok {7}permissions of cdk-hnb659fds-cfn-exec-role-123456789012-us-east-1/);
    expect(after.output).toMatch(/USD a month at the minimum/);
    expect(after.output).toMatch(/\n0 fails, 0 unknown, 0 warning, \d+ ok\n$/);
    expect(after.code).toBe(0);
  }, 300_000);

  test('asks the region of the caller where the stage names none, as a deployment would go there', async () => {
    process.env['AWS_REGION'] = 'us-west-2';
    try {
      const { output } = await run('-c', 'stage=dev', '--endpoint', engine.url, '--json');
      expect(JSON.parse(output)).toMatchObject({ region: 'us-west-2' });
    } finally {
      delete process.env['AWS_REGION'];
    }
  }, 300_000);

  test('refuses what it cannot use: an account that cannot be asked, a template beside a stage, a context without a value', async () => {
    const template = path.join(assembly, 'Tidegate-dev.template.json');
    const unreachable = await run('--template', template, '--endpoint', 'http://127.0.0.1:9');
    expect(unreachable).toMatchObject({ code: 2 });
    expect(unreachable.output).toContain('the account in us-east-1 could not be asked');
    const both = await run('--template', template, '--stage', 'dev');
    expect(both.output).toContain('--template and a stage exclude each other; give one of them');
    const context = await run('-c', 'stage');
    expect(context.output).toContain("--context is 'stage'; write a name and its value, such as stage=dev");
    expect([both.code, context.code]).toEqual([2, 2]);
  });
});
