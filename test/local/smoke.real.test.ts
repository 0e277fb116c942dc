import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { ListEndpointsCommand } from '@aws-sdk/client-sagemaker';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../lib/emulator/credentials';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import { createAwsClients, type AwsClients } from '../../lib/local/deploy/aws';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { startEmulatorPlatform, type EmulatorPlatform } from '../../lib/local/deploy/emulator-platform';

const projectDirectory = path.resolve(__dirname, '../..');

/** Slow enough for the real start of processes to fit into the guard's minute. */
const SPEED = 10;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The command of a maintainer, against the local engine as the account. */
describe('npm run smoke:aws', () => {
  let folder: string;
  let platform: EmulatorPlatform;
  let aws: AwsClients;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-smoke-test-'));
    platform = await startEmulatorPlatform({
      projectDirectory,
      dataDirectory: folder,
      python: await ensurePythonEnvironment({ projectDirectory }),
      clock: LocalClock.startingNow(SPEED),
      seed: 1,
      onError: () => undefined,
    });
    aws = createAwsClients(platform.engineUrl);
    const { signal } = new AbortController();
    const cdk = new CdkCommand({ projectDirectory, engineUrl: platform.engineUrl, dataDirectory: folder, signal });
    const assembly = path.join(folder, 'assembly');
    await cdk.synth({ stage: 'dev' }, assembly);
    await cdk.bootstrap(assembly);
  }, 600_000);

  afterAll(async () => {
    aws.close();
    await platform.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the command; `onOutput` receives everything that it has printed so far. */
  async function smoke(
    args: readonly string[],
    onOutput: (output: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
  ): Promise<Ended> {
    const child = spawn(process.execPath, ['bin/setup.mjs', 'smoke:aws', ...args], {
      cwd: projectDirectory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        TIDEGATE_SET_UP: '1',
        AWS_ENDPOINT_URL: platform.engineUrl,
        AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
        AWS_REGION: LOCAL_REGION,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => {
        output += part.toString();
        onOutput(output, (signal) => child.kill(signal));
      });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, output };
  }

  /** Stacks of the platform and endpoints that the account has. */
  async function deployed(): Promise<string[]> {
    const { Stacks = [] } = await aws.cloudFormation.send(new DescribeStacksCommand({}));
    const { Endpoints = [] } = await aws.sageMaker.send(new ListEndpointsCommand({}));
    const names = Stacks.filter(({ StackStatus }) => StackStatus !== 'DELETE_COMPLETE').map(
      ({ StackName }) => StackName!,
    );
    return [
      ...names.filter((name) => name.startsWith('Tidegate-')),
      ...Endpoints.map(({ EndpointName }) => EndpointName!),
    ];
  }

  test('deploys nothing where nobody agrees, and nothing that would outlive the test', async () => {
    const silent = await smoke([]);
    expect(silent.output).toMatch(/about \d+\.\d\d USD in all, at most \d+\.\d\d/);
    expect(silent.output).toContain(`npm run smoke:aws -- --yes ${LOCAL_ACCOUNT}`);
    const kept = await smoke(['--yes', LOCAL_ACCOUNT, '--stage', 'prod']);
    expect(kept.output).toContain('so a smoke test would leave them and their cost behind');
    expect([silent.code, kept.code]).toEqual([2, 2]);
    expect(await deployed()).toEqual([]);
  }, 600_000);

  test('deploys, drives traffic, sets and lifts a limit by the guard, and deletes everything', async () => {
    let denied: Promise<readonly unknown[]> | undefined;
    const { code, output } = await smoke(['--yes', LOCAL_ACCOUNT], (text) => {
      if (text.includes('ok      deployment')) void platform.enforceIam();
      // The teardown takes the policies of handlers that still run.
      if (text.includes('limits of the guard')) denied ??= platform.deniedCalls();
    });
    expect(output).toMatch(
      /ok {6}resources: (\d+) of \1 resources verified by their services, \d\d alarms and 1 dashboard/,
    );
    expect(output).toMatch(/ok {6}traffic: (\d{3}) requests in 5 minutes through \S+, \1 answered, 0 dead-lettered/);
    expect(output).toMatch(/ok {6}limits of the guard: maximum 8 -> 1 after \d+ s .*, 8 again \d+ s after/);
    expect(output).toMatch(/\(ok, (?:warn, freeze-growth, )?shrink, ok\)/);
    expect(output).toMatch(
      /spent {3}\d+\.\d\d USD for instances by their number in time, \d+\.\d\d USD by the guard's meter/,
    );
    expect(output).toContain('Every check passed.');
    expect(code).toBe(0);
    expect(await deployed()).toEqual([]);
    expect(await denied).toEqual([]);
  }, 900_000);

  test('deletes what it has begun to deploy when it is interrupted', async () => {
    let isSent = false;
    const { code, output } = await smoke(['--yes', LOCAL_ACCOUNT], (text, kill) => {
      if (isSent || !text.includes('deploying')) return;
      isSent = true;
      setTimeout(() => kill('SIGINT'), 15_000);
    });
    expect(output).toContain('ok      teardown');
    expect(output).toContain('interrupted');
    expect(code).toBe(1);
    expect(await deployed()).toEqual([]);
  }, 900_000);
});
