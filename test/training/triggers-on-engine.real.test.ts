import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, ListExecutionsCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { TrainingPipeline, TrainingTriggers } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { resultLines } from './python';

const LIMIT_MS = 300_000;

function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Learning', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const rows = new s3.Bucket(stack, 'Rows', { removalPolicy: RemovalPolicy.DESTROY });
  const pipeline = new TrainingPipeline(stack, 'Training', {
    trainingData: rows,
    trainingDataPrefix: 'measurements/',
    instanceTypes: ['ml.m5.large'],
    maxRuntime: Duration.hours(2),
    jobNamePrefix: 'chat',
  });
  const alarm = new cloudwatch.Alarm(stack, 'Drift', {
    metric: new cloudwatch.Metric({ namespace: 'Mine', metricName: 'Drift', period: Duration.minutes(1) }),
    threshold: 1,
    evaluationPeriods: 1,
    treatMissingData: cloudwatch.TreatMissingData.IGNORE,
  });
  const triggers = new TrainingTriggers(stack, 'Triggers', { pipeline, alarms: [alarm] });
  stack.exportValue(rows.bucketName, { name: 'Rows' });
  stack.exportValue(pipeline.stateMachine.stateMachineArn, { name: 'Training' });
  stack.exportValue(triggers.stateMachine.stateMachineArn, { name: 'Triggers' });
  return app.synth().directory;
}

describe('an alarm that starts training, on the local engine', () => {
  const clock = LocalClock.startingNow(30);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-triggers-'));
  let account: LocalAccount;
  let outputs: { readonly [name: string]: string };
  let sfn: SFNClient;
  let metrics: CloudWatchClient;

  beforeAll(async () => {
    account = await startLocalAccount(clock, undefined, { trainingProvisioning: { medianSeconds: 10, sigma: 0 } });
    const { config, engine } = account;
    sfn = new SFNClient(config);
    metrics = new CloudWatchClient(config);
    const assembly = synthesize(path.join(folder, 'assembly'));
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: engine.url, signal, dataDirectory: folder });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Learning' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    const truth = {
      overheadSeconds: 0.05,
      secondsPerContextToken: 0.0001,
      secondsPerGeneratedToken: 0.02,
      noiseSeconds: 0.01,
    };
    const bucket = new S3Client({ ...config, forcePathStyle: true });
    const Body = resultLines(truth, 0, 500).join('\n');
    await bucket.send(new PutObjectCommand({ Bucket: outputs['Rows'], Key: 'measurements/1.jsonl', Body }));
    bucket.destroy();
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    for (const client of [sfn, metrics]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  /** Ended executions of a machine, with their input and output. */
  async function ended(machine: string) {
    const { executions } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: outputs[machine] }));
    const over = executions!.filter(({ status }) => status !== 'RUNNING');
    return Promise.all(over.map(({ executionArn }) => sfn.send(new DescribeExecutionCommand({ executionArn }))));
  }

  test(
    'runs the pipeline once, and a second trigger soon after it finds no reason to',
    async () => {
      await metrics.send(
        new PutMetricDataCommand({ Namespace: 'Mine', MetricData: [{ MetricName: 'Drift', Value: 2 }] }),
      );
      const [decision] = await eventually(
        () => ended('Triggers'),
        (found) => found.length > 0,
      );
      expect([decision!.status, decision!.cause]).toEqual(['SUCCEEDED', undefined]);
      expect(JSON.parse(decision!.output!)).toMatchObject({ Started: true, Trigger: 'alarm' });
      const [run] = await eventually(
        () => ended('Training'),
        (found) => found.length > 0,
        120_000,
      );
      expect([run!.status, run!.cause]).toEqual(['SUCCEEDED', undefined]);
      expect(JSON.parse(run!.input!)).toMatchObject({ Trigger: 'alarm' });

      await sfn.send(
        new StartExecutionCommand({ stateMachineArn: outputs['Triggers'], input: '{"Trigger": "schedule"}' }),
      );
      const decisions = await eventually(
        () => ended('Triggers'),
        (found) => found.length === 2,
      );
      expect(decisions.map(({ output }) => (JSON.parse(output!) as { Started: boolean }).Started).sort()).toEqual([
        false,
        true,
      ]);
      expect(await account.engine.deniedCalls()).toEqual([]);
    },
    LIMIT_MS,
  );
});
