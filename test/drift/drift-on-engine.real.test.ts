import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { DriftMonitor } from '../../lib/drift';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { PlatformAlarms } from '../../lib/monitoring';
import { projectDirectory } from '../architecture/imports';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';

/** Local seconds per second: an hour takes 20 s. */
const SPEED = 180;
const HOUR = 3600;
const LIMIT_MS = 400_000;

interface Evaluation {
  readonly Status: string;
  readonly Hour: string;
  readonly Rows: number;
  readonly Drifted?: string;
}

function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Quality', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const captured = new s3.Bucket(stack, 'Captured', { removalPolicy: RemovalPolicy.DESTROY });
  const monitor = new DriftMonitor(stack, 'Drift', {
    capturedData: captured,
    capturedDataPrefix: 'data-capture/chat/main/',
    columns: ['input.context_tokens', 'output.generated_tokens'],
    limits: { minRows: 100 },
    monitorName: 'chat',
  });
  new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }).watchDrift(monitor);
  stack.exportValue(captured.bucketName, { name: 'Captured' });
  stack.exportValue(monitor.stateMachine.stateMachineArn, { name: 'Machine' });
  return app.synth().directory;
}

describe('a drift monitor on the local engine', () => {
  const clock = LocalClock.startingNow(SPEED);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-drift-'));
  let account: LocalAccount;
  let outputs: { readonly [name: string]: string };
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let runtime: SageMakerRuntimeClient;
  let bucket: S3Client;
  let sent = 0;

  beforeAll(async () => {
    account = await startLocalAccount(clock, undefined, { trainingProvisioning: { medianSeconds: 60, sigma: 0 } });
    const { config, engine, emulator } = account;
    sfn = new SFNClient(config);
    sageMaker = new SageMakerClient(config);
    runtime = new SageMakerRuntimeClient({ ...config, endpoint: emulator.invokeUrl });
    bucket = new S3Client({ ...config, forcePathStyle: true });
    const assembly = synthesize(path.join(folder, 'assembly'));
    const cdk = new CdkCommand({
      projectDirectory,
      engineUrl: engine.url,
      signal: AbortSignal.timeout(LIMIT_MS),
      dataDirectory: folder,
    });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Quality' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    await bucket.send(new PutObjectCommand({ Bucket: outputs['Captured'], Key: 'model.tar.gz', Body: 'weights' }));
    await sageMaker.send(
      new CreateModelCommand({
        ModelName: 'chat',
        ExecutionRoleArn: `arn:aws:iam::${LOCAL_ACCOUNT}:role/model`,
        PrimaryContainer: { Image: 'triton', ModelDataUrl: `s3://${outputs['Captured']}/model.tar.gz` },
      }),
    );
    await sageMaker.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'chat',
        ProductionVariants: [
          { VariantName: 'main', ModelName: 'chat', InitialInstanceCount: 2, InstanceType: 'ml.g5.xlarge' },
        ],
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: `s3://${outputs['Captured']}/data-capture/`,
          CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
          CaptureContentTypeHeader: { JsonContentTypes: ['application/json'] },
        },
      }),
    );
    await sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'chat' }));
    await eventually(
      () => sageMaker.send(new DescribeEndpointCommand({ EndpointName: 'chat' })),
      ({ EndpointStatus }) => EndpointStatus === 'InService',
    );
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    for (const client of [sfn, sageMaker, runtime, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  /** Sends requests until a moment, whose contexts are a factor as long as those of the baseline. */
  async function drive(until: number, factor: number): Promise<void> {
    while (clock.now() < until) {
      const batch = Array.from({ length: 8 }, () => {
        const index = sent++;
        // A lognormal-like spread from a fixed sequence.
        const spread = ((index * 7919) % 997) / 997;
        return runtime.send(
          new InvokeEndpointCommand({
            EndpointName: 'chat',
            ContentType: 'application/json',
            Body: JSON.stringify({
              id: `r-${index}`,
              key: `k-${index % 5}`,
              context_tokens: Math.round(factor * 200 * Math.exp(2 * spread)),
              generated_tokens: 20 + ((index * 104_729) % 31),
              sent_at: clock.now(),
            }),
          }),
        );
      });
      await Promise.all(batch);
      await clock.sleep(20);
    }
  }

  const nextHour = (): number => (Math.floor(clock.now() / HOUR) + 1) * HOUR;
  const hourOf = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 13).replace(/[-T]/g, '/');

  /** Waits for the evaluation of the hour that begins at a moment. */
  async function evaluated(hour: number): Promise<Evaluation> {
    const found = await eventually(
      async () => {
        const { executions } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: outputs['Machine'] }));
        for (const { executionArn, status } of executions ?? []) {
          if (status === 'RUNNING') continue;
          const { output, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
          expect(cause).toBeUndefined();
          const evaluation = JSON.parse(output!) as Evaluation;
          if (evaluation.Hour === hourOf(hour)) return evaluation;
        }
        return undefined;
      },
      (evaluation) => evaluation !== undefined,
      90_000,
    );
    return found!;
  }

  const stateOf = (prefix: string): string =>
    account.emulator.snapshot().alarms.find(({ name }) => new RegExp(`Alarms${prefix}[0-9A-F]`).test(name))!.state;

  test(
    'a drift is an alarm within two hours and a quarter, an undrifted hour is none, and an hour without traffic is neither',
    async () => {
      const first = nextHour();
      const [second, drifted, silent] = [first + HOUR, first + 2 * HOUR, first + 3 * HOUR] as const;
      await clock.sleepUntil(first);
      await drive(first + HOUR - 60, 1);
      // Each hour is evaluated ten minutes after its end, during the next one.
      const undrifted = (async () => {
        expect(await evaluated(first)).toMatchObject({ Status: 'baselined' });
        const stable = await evaluated(second);
        expect(stable).toMatchObject({ Status: 'stable', Drifted: '' });
        expect(stable.Rows).toBeGreaterThan(100);
        expect(stateOf('Drift')).not.toBe('ALARM');
      })();
      // It is awaited below; until then its failure is no unhandled one.
      undrifted.catch(() => undefined);
      await clock.sleepUntil(second);
      await drive(second + HOUR - 60, 1);

      // Contexts get longer.
      await clock.sleepUntil(drifted);
      await drive(drifted + HOUR - 60, 2);
      await undrifted;
      expect(await evaluated(drifted)).toMatchObject({ Status: 'drifted', Drifted: 'input.context_tokens' });
      await eventually(
        () => stateOf('Drift'),
        (state) => state === 'ALARM',
      );
      expect(clock.now() - drifted).toBeLessThan(2.25 * HOUR);

      // Nobody comes: that is no end of the drift.
      expect(await evaluated(silent)).toEqual({ Status: 'no-data', Hour: hourOf(silent), Rows: 0 });
      expect(stateOf('Drift')).toBe('ALARM');
      expect(await account.engine.deniedCalls()).toEqual([]);
      const { Contents } = await bucket.send(
        new ListObjectsV2Command({ Bucket: outputs['Captured'], Prefix: 'data-capture/' }),
      );
      expect(Contents!.length).toBeGreaterThan(10);
    },
    LIMIT_MS,
  );
});
