import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeModelCommand,
  DescribeModelPackageCommand,
  DescribeOptimizationJobCommand,
  ListOptimizationJobsCommand,
  SageMakerClient,
  StopOptimizationJobCommand,
} from '@aws-sdk/client-sagemaker';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LanguageModelCompression, LanguageModelTechnique } from '../../lib/compression';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { ModelRegistry } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { type LocalAccount, startLocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';

const SPEED = 60;
const LIMIT_MS = 300_000;

/**
 * Program in place of the LMI container: it rounds float32 weights to whole numbers of four bits, two to a byte, by one scale a row of 16. A model
 * named `hang` never ends, and one named `broken` fails.
 */
const OPTIMIZE = `#!/usr/bin/env node
const fs = require('node:fs');
const [, , model, output] = process.argv;
const config = JSON.parse(fs.readFileSync(model + '/config.json', 'utf8'));
if (config.name === 'broken') { console.error('the architecture is not known'); process.exit(1); }
if (config.name === 'hang') setInterval(() => undefined, 1000);
else {
  const bytes = fs.readFileSync(model + '/weights.bin');
  const weights = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const packed = [], scales = [];
  for (let row = 0; row < weights.length; row += 16) {
    const values = [...weights.subarray(row, row + 16)];
    const scale = Math.max(...values.map(Math.abs)) / 7;
    scales.push(scale);
    const rounded = values.map((value) => Math.round(value / scale) + 8);
    for (let at = 0; at < 16; at += 2) packed.push(rounded[at] | (rounded[at + 1] << 4));
  }
  fs.writeFileSync(output + '/weights.bin', Buffer.from(packed));
  fs.writeFileSync(output + '/scales.json', JSON.stringify(scales));
  fs.writeFileSync(output + '/config.json', JSON.stringify({ ...config, quantization: process.env.OPTION_QUANTIZE }));
}
`;

interface Outputs {
  readonly [name: string]: string;
}

function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Chat', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const models = new s3.Bucket(stack, 'Source', { removalPolicy: RemovalPolicy.DESTROY });
  const registry = new ModelRegistry(stack, 'Registry', { modelPackageGroupName: 'chat' });
  const pipeline = new LanguageModelCompression(stack, 'Awq', {
    models,
    technique: LanguageModelTechnique.INT4_AWQ,
    deploymentInstanceType: 'ml.g6.12xlarge',
    maxRuntime: Duration.hours(6),
    jobNamePrefix: 'awq',
    registry,
  });
  stack.exportValue(models.bucketName, { name: 'Source' });
  stack.exportValue(pipeline.stateMachine.stateMachineArn, { name: 'Machine' });
  return app.synth().directory;
}

describe('a compression of a language model on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-language-model-'));
  const weights = Float32Array.from({ length: 1024 }, (_, index) => Math.sin(index) * (1 + (index >> 4)));
  let account: LocalAccount;
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let bucket: S3Client;
  let outputs: Outputs;

  beforeAll(async () => {
    const optimizer = path.join(folder, 'optimize');
    fs.writeFileSync(optimizer, OPTIMIZE, { mode: 0o755 });
    account = await startLocalAccount(LocalClock.startingNow(SPEED), undefined, {
      optimizer,
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
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Chat' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    for (const name of ['llama', 'broken', 'hang']) {
      const put = (file: string, Body: string | Uint8Array): Promise<unknown> =>
        bucket.send(new PutObjectCommand({ Bucket: outputs['Source'], Key: `models/${name}/${file}`, Body }));
      await put('config.json', JSON.stringify({ name, layers: 2 }));
      await put('weights.bin', new Uint8Array(weights.buffer));
    }
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    for (const client of [sfn, sageMaker, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  const start = async (input: object): Promise<string> =>
    (await sfn.send(new StartExecutionCommand({ stateMachineArn: outputs['Machine'], input: JSON.stringify(input) })))
      .executionArn!;

  const ended = (executionArn: string) =>
    eventually(
      () => sfn.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
      LIMIT_MS,
    );

  const modelUri = (name: string): string => `s3://${outputs['Source']}/models/${name}`;

  test(
    'registers the files that the container makes, as a version with its parent',
    async () => {
      const parent = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/chat/7';
      const { status, output, cause } = await ended(
        await start({ ModelDataUrl: modelUri('llama'), ModelPackageArn: parent }),
      );
      expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
      const made = JSON.parse(output!) as Outputs;
      expect(made['ModelName']).toMatch(/^awq--/);
      const [, Bucket, Prefix] = /^s3:\/\/([^/]+)\/(.+)$/.exec(made['ModelDataUrl']!)!;
      expect(Prefix).toBe(`models/${made['OptimizationJobName']}/`);

      const { Contents } = await bucket.send(new ListObjectsV2Command({ Bucket, Prefix }));
      const sizes = Object.fromEntries(Contents!.map(({ Key, Size }) => [Key!.slice(Prefix!.length), Size]));
      expect(Object.keys(sizes).sort()).toEqual(['config.json', 'scales.json', 'weights.bin']);
      expect(sizes['weights.bin']! * 8).toBe(weights.byteLength);
      const { Body } = await bucket.send(new GetObjectCommand({ Bucket, Key: `${Prefix}config.json` }));
      expect(JSON.parse(await Body!.transformToString())).toEqual({ name: 'llama', layers: 2, quantization: 'awq' });

      const source = { S3DataSource: { S3Uri: made['ModelDataUrl'], S3DataType: 'S3Prefix', CompressionType: 'None' } };
      const model = await sageMaker.send(new DescribeModelCommand({ ModelName: made['ModelName'] }));
      expect(model.PrimaryContainer).toMatchObject({
        Image: made['InferenceImage'],
        ModelDataSource: source,
        Environment: { HF_MODEL_ID: '/opt/ml/model', OPTION_QUANTIZE: 'awq' },
      });
      const version = await sageMaker.send(
        new DescribeModelPackageCommand({ ModelPackageName: made['ModelPackageArn'] }),
      );
      expect(version).toMatchObject({
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: { Containers: [{ ModelDataSource: source }] },
        CustomerMetadataProperties: {
          'tidegate:optimization-job': made['OptimizationJobName'],
          'tidegate:quantization': 'awq',
          'tidegate:parent-model-data': `${modelUri('llama')}/`,
          'tidegate:parent-model-package': parent,
        },
      });
      const job = await sageMaker.send(
        new DescribeOptimizationJobCommand({ OptimizationJobName: made['OptimizationJobName'] }),
      );
      expect(job.OptimizationJobStatus).toBe('COMPLETED');
    },
    LIMIT_MS,
  );

  test(
    'a container that fails, and a job that is stopped, end the execution with the class and the next step',
    async () => {
      const broken = await ended(await start({ ModelDataUrl: modelUri('broken') }));
      expect(broken.error).toBe('Tidegate.ContainerFailed');
      expect(broken.cause).toMatch(
        /Job: awq--\w+\. Reason: AlgorithmError: the architecture is not known.* Next: Read/s,
      );

      const hanging = await start({ ModelDataUrl: modelUri('hang') });
      const { OptimizationJobSummaries } = await eventually(
        () => sageMaker.send(new ListOptimizationJobsCommand({ StatusEquals: 'INPROGRESS' })),
        ({ OptimizationJobSummaries: found }) => found!.length > 0,
        LIMIT_MS,
      );
      const { OptimizationJobName } = OptimizationJobSummaries![0]!;
      await sageMaker.send(new StopOptimizationJobCommand({ OptimizationJobName }));
      expect(await ended(hanging)).toMatchObject({ status: 'FAILED', error: 'Tidegate.Stopped' });
    },
    LIMIT_MS,
  );

  test.each<[string, () => object, string]>([
    ['no model', () => ({ Model: 'llama' }), 'Tidegate.NoModel'],
    ['a model elsewhere', () => ({ ModelDataUrl: 's3://elsewhere/models/llama/' }), 'Tidegate.NoModel'],
    ['an archive', () => ({ ModelDataUrl: `${modelUri('llama')}/model.tar.gz` }), 'Tidegate.ModelPacked'],
    ['a model that is not there', () => ({ ModelDataUrl: modelUri('none') }), 'Tidegate.DataMissing'],
  ])(
    'an input with %s fails by name',
    async (_what, input, error) => {
      expect((await ended(await start(input()))).error).toBe(error);
    },
    LIMIT_MS,
  );

  test('no call of any role was refused', async () => {
    expect(await account.engine.deniedCalls()).toEqual([]);
  });
});
