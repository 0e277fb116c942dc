import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { DescribeStacksCommand, CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { DescribeModelCommand, ListModelsCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { CompressionGoal, CompressionPipeline, CompressionTechnique } from '../../lib/compression';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { PackedAsset, TrainingPipeline } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';
import { type Digit, digits } from '../training/torch';
import { pythonWithOnnx } from './onnx-runtime';

const SPEED = 30;
const LIMIT_MS = 400_000;

const onnx = pythonWithOnnx();
const found = 'missing' in onnx ? onnx : digits();
const missing = 'missing' in onnx ? onnx.missing : 'missing' in found ? found.missing : undefined;

interface Outputs {
  readonly [name: string]: string;
}

interface Registered {
  readonly ModelName: string;
  readonly ModelArn: string;
  readonly ModelDataUrl: string;
  readonly TrainingJobName: string;
}

/** A training and two compressions of its models, of which the gate of the second lets nothing through. */
function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Vision', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const rows = new s3.Bucket(stack, 'Rows', { removalPolicy: RemovalPolicy.DESTROY });
  const data = { trainingData: rows, trainingDataPrefix: 'train/' };
  const image = `763104351884.dkr.ecr.${LOCAL_REGION}.amazonaws.com/pytorch-training:2.6.0-cpu-py312`;
  const training = new TrainingPipeline(stack, 'Training', {
    ...data,
    sourceDirectory: PackedAsset.classifierSourcePath(),
    trainingImage: image,
    instanceTypes: ['ml.m5.xlarge'],
    maxRuntime: Duration.hours(4),
    hyperparameters: { epochs: '8', hidden: '256,256' },
    jobNamePrefix: 'digits',
  });
  const compression = (id: string, minSizeRatio: number): CompressionPipeline =>
    new CompressionPipeline(stack, id, {
      ...data,
      models: training.modelBucket,
      image,
      instanceTypes: ['ml.c5.xlarge'],
      maxRuntime: Duration.hours(4),
      techniques: [CompressionTechnique.int8Static()],
      // A busy machine decides about the latency.
      gate: { maxAccuracyLoss: 0.02, minSizeRatio, minSpeedup: 0 },
      goal: CompressionGoal.SIZE,
      jobNamePrefix: id.toLowerCase(),
    });
  const machines = {
    Training: training,
    Compression: compression('Compression', 2),
    Strict: compression('Strict', 500),
  };
  stack.exportValue(rows.bucketName, { name: 'Rows' });
  for (const [name, { stateMachine }] of Object.entries(machines)) {
    stack.exportValue(stateMachine.stateMachineArn, { name });
  }
  return app.synth().directory;
}

describeWith(missing, 'training, then compression, on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-compression-engine-'));
  let account: LocalAccount;
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let bucket: S3Client;
  let outputs: Outputs;
  let trained: Registered;

  beforeAll(async () => {
    const { python } = onnx as { python: string };
    account = await startLocalAccount(LocalClock.startingNow(SPEED), undefined, {
      python,
      trainingProvisioning: { medianSeconds: 10, sigma: 0 },
    });
    const { config, engine } = account;
    sfn = new SFNClient(config);
    sageMaker = new SageMakerClient(config);
    bucket = new S3Client({ ...config, forcePathStyle: true });
    const assembly = synthesize(path.join(folder, 'assembly'));
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: engine.url, signal, dataDirectory: folder });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Vision' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    const body = (found as readonly Digit[]).map((row) => `${JSON.stringify(row)}\n`).join('');
    await bucket.send(new PutObjectCommand({ Bucket: outputs['Rows'], Key: 'train/digits.jsonl', Body: body }));
    await engine.enforceIam();
    const { status, output, cause } = await execute('Training', {});
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    trained = JSON.parse(output!) as Registered;
  }, LIMIT_MS);

  afterAll(async () => {
    for (const client of [sfn, sageMaker, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  async function execute(machine: string, input: object) {
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn: outputs[machine], input: JSON.stringify(input) }),
    );
    return eventually(
      () => sfn.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
      LIMIT_MS,
    );
  }

  /** Unpacks an artifact and returns its folder. */
  async function unpack(uri: string): Promise<string> {
    const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri)!;
    const { Body } = await bucket.send(new GetObjectCommand({ Bucket, Key }));
    const at = fs.mkdtempSync(path.join(folder, 'artifact-'));
    const archive = path.join(at, 'model.tar.gz');
    fs.writeFileSync(archive, await Body!.transformToByteArray());
    execFileSync('tar', ['-xzf', archive, '-C', at]);
    return at;
  }

  const modelNames = async (): Promise<readonly string[]> =>
    (await sageMaker.send(new ListModelsCommand({}))).Models!.map(({ ModelName }) => ModelName!);

  test(
    'the output of the training is the input of the compression, whose chosen artifact is registered with its parent',
    async () => {
      const { status, output, cause } = await execute('Compression', trained);
      expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
      const compressed = JSON.parse(output!) as Registered;
      expect(compressed.ModelName).toMatch(/^compression--/);

      const { PrimaryContainer } = await sageMaker.send(new DescribeModelCommand({ ModelName: compressed.ModelName }));
      expect(PrimaryContainer!.ModelDataUrl).toBe(compressed.ModelDataUrl);
      const artifact = await unpack(compressed.ModelDataUrl);
      const report = JSON.parse(fs.readFileSync(path.join(artifact, 'report.json'), 'utf8')) as {
        readonly chosen: string;
        readonly parent: string;
        readonly models: { readonly [name: string]: { readonly bytes: number; readonly accuracy: number } };
      };
      expect(report.chosen).toBe('int8-static');
      expect(report.parent).toBe(trained.ModelDataUrl);
      const { parent, 'int8-static': chosen } = report.models;
      expect(fs.statSync(path.join(artifact, 'classifier', '1', 'model.onnx')).size).toBe(chosen!.bytes);
      expect(chosen!.bytes * 2).toBeLessThan(parent!.bytes);
      expect(parent!.accuracy - chosen!.accuracy).toBeLessThanOrEqual(0.02);
    },
    LIMIT_MS,
  );

  test(
    'a gate that lets nothing through fails the execution with the reasons, and no model is registered',
    async () => {
      const before = await modelNames();
      const { status, error, cause } = await execute('Strict', trained);
      expect([status, error]).toEqual(['FAILED', 'Tidegate.ScriptFailed']);
      expect(cause).toContain('the gate refuses every candidate: int8-static');
      expect(await modelNames()).toEqual(before);
    },
    LIMIT_MS,
  );

  test('an execution without a model fails before a job starts', async () => {
    const { error } = await execute('Compression', { Model: 'digits' });
    expect(error).toBe('Tidegate.NoModel');
  });

  test('no call of any role was refused', async () => {
    expect(await account.engine.deniedCalls()).toEqual([]);
  });
});
