import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  ListBucketsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { ensurePythonEnvironment } from '../../lib/emulator/engine/python-environment';
import { createAwsClients, type AwsClients } from '../../lib/local/deploy/aws';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { startEmulatorPlatform, type EmulatorPlatform } from '../../lib/local/deploy/emulator-platform';
import { hardenedBucket } from '../../lib/runtime/hardened-bucket';

const projectDirectory = path.resolve(__dirname, '../..');

describe('a bucket whose objects are deleted with it, deployed and deleted by the CDK', () => {
  let folder: string;
  let platform: EmulatorPlatform;
  let aws: AwsClients;
  let cdk: CdkCommand;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-emptied-'));
    platform = await startEmulatorPlatform({
      projectDirectory,
      dataDirectory: folder,
      python: await ensurePythonEnvironment({ projectDirectory }),
      clock: LocalClock.startingNow(10),
      seed: 1,
      onError: () => undefined,
    });
    aws = createAwsClients(platform.engineUrl);
    cdk = new CdkCommand({ projectDirectory, engineUrl: platform.engineUrl, dataDirectory: folder, signal });
    await cdk.bootstrap(assemblyOf(true));
    // From here on every call of a role is checked against its policies.
    await platform.enforceIam();
  }, 600_000);

  afterAll(async () => {
    aws.close();
    await platform.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Assembly of a stack with two buckets, whose objects are deleted with them or kept. */
  function assemblyOf(autoDeleteObjects: boolean): string {
    const outdir = path.join(folder, autoDeleteObjects ? 'deletes' : 'keeps');
    const app = new App({ outdir, analyticsReporting: false });
    const stack = new Stack(app, 'Buckets', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
    for (const id of ['Results', 'Models']) {
      const bucket = hardenedBucket(stack, id, {
        accessLogsPrefix: 'unused/',
        removalPolicy: autoDeleteObjects ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        autoDeleteObjects,
        noncurrentVersionExpiration: Duration.days(1),
      });
      new CfnOutput(stack, `${id}Name`, { value: bucket.bucketName });
    }
    app.synth();
    return outdir;
  }

  async function deploy(autoDeleteObjects: boolean): Promise<readonly string[]> {
    await cdk.deploy(assemblyOf(autoDeleteObjects), () => undefined);
    const { Stacks } = await aws.cloudFormation.send(new DescribeStacksCommand({ StackName: 'Buckets' }));
    return Stacks![0]!.Outputs!.map(({ OutputValue }) => OutputValue!);
  }

  /** Writes overwritten, deleted and current objects, more than one page of versions. */
  async function fill(Bucket: string): Promise<void> {
    const put = (Key: string): Promise<unknown> => aws.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    for (let first = 0; first < 1000; first += 50)
      await Promise.all(Array.from({ length: 50 }, (_, index) => put(`results/${first + index}.jsonl`)));
    await put('results/0.jsonl');
    await put('results/0.jsonl');
    await aws.s3.send(new DeleteObjectCommand({ Bucket, Key: 'results/1.jsonl' }));
  }

  async function stackExists(): Promise<boolean> {
    const { Stacks = [] } = await aws.cloudFormation.send(new DescribeStacksCommand({}));
    return Stacks.some(({ StackName, StackStatus }) => StackName === 'Buckets' && StackStatus !== 'DELETE_COMPLETE');
  }

  const bucketNames = async (): Promise<(string | undefined)[]> =>
    ((await aws.s3.send(new ListBucketsCommand({}))).Buckets ?? []).map(({ Name }) => Name);

  test('goes with all versions and delete markers, by the permissions of its role alone', async () => {
    const names = await deploy(true);
    expect(names).toHaveLength(2);
    await fill(names[0]!);
    await cdk.destroy(assemblyOf(true));
    expect(await stackExists()).toBe(false);
    expect(await bucketNames()).not.toEqual(expect.arrayContaining([expect.stringMatching(/^buckets-/i)]));
    for (const name of names) expect(await bucketNames()).not.toContain(name);
    expect(await platform.deniedCalls()).toEqual([]);
  }, 600_000);

  test('stays with all of them once a deployment keeps the data, and when the stack is deleted after it', async () => {
    const names = await deploy(true);
    await fill(names[0]!);
    expect(await deploy(false)).toEqual(names);
    const versions = async (): Promise<number> => {
      let count = 0;
      let KeyMarker: string | undefined;
      do {
        const page = await aws.s3.send(new ListObjectVersionsCommand({ Bucket: names[0]!, KeyMarker }));
        count += (page.Versions ?? []).length + (page.DeleteMarkers ?? []).length;
        KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
      } while (KeyMarker !== undefined);
      return count;
    };
    expect(await versions()).toBe(1003);
    const { Policy } = await aws.s3.send(new GetBucketPolicyCommand({ Bucket: names[0]! }));
    expect(Policy).not.toContain('RefuseObjects');
    await cdk.destroy(assemblyOf(false));
    expect(await stackExists()).toBe(false);
    expect(await versions()).toBe(1003);
    for (const name of names) expect(await bucketNames()).toContain(name);
    expect(await platform.deniedCalls()).toEqual([]);
  }, 600_000);
});
