import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateModelPackageCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  ListEndpointConfigsCommand,
  ListEndpointsCommand,
  ListModelsCommand,
  ListTrainingJobsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LanguageModelCompression, LanguageModelTechnique } from '../../lib/compression';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { LiveModel, ModelRollout } from '../../lib/rollout';
import { ModelRegistry } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { type LocalAccount, startLocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';
import { pythonWithTorch } from '../training/torch';

const SPEED = 60;
const LIMIT_MS = 600_000;
const SUMS = path.join(__dirname, 'sums');
const GROUP = 'sums';
const ENDPOINT = { EndpointName: 'sums' };

// Any interpreter with NumPy will do.
const found = pythonWithTorch();

interface Outputs {
  readonly [name: string]: string;
}

interface Output {
  readonly Outcome: string;
  readonly Reasons: readonly string[];
  readonly ReportUri: string;
  readonly Report: { readonly candidate: { readonly tokensPerSecond: number } };
}

interface Registered {
  readonly ModelPackageArn: string;
  readonly ModelDataUrl: string;
}

function storageStack(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Storage', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const models = new s3.Bucket(stack, 'Models', { removalPolicy: RemovalPolicy.DESTROY });
  const compression = new LanguageModelCompression(stack, 'Awq', {
    models,
    technique: LanguageModelTechnique.INT4_AWQ,
    deploymentInstanceType: 'ml.g5.xlarge',
    maxRuntime: Duration.hours(6),
    jobNamePrefix: 'awq',
    registry: new ModelRegistry(stack, 'Registry', { modelPackageGroupName: GROUP }),
  });
  stack.exportValue(models.bucketName, { name: 'Models' });
  stack.exportValue(compression.modelBucket.bucketName, { name: 'Compressed' });
  stack.exportValue(compression.stateMachine.stateMachineArn, { name: 'Compression' });
  return app.synth().directory;
}

function servingStack(outdir: string, outputs: Outputs, python: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Serving', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const models = s3.Bucket.fromBucketName(stack, 'ModelsBucket', outputs['Models']!);
  const live = new LiveModel(stack, 'Live', {
    initialModel: ModelArtifact.fromBucketPrefix(models, 'models/float/'),
  });
  const endpoint = new GpuEndpoint(stack, 'Sums', {
    endpointName: ENDPOINT.EndpointName,
    modelServer: ModelServer.lmi(),
    modelArtifact: live.artifact,
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  const rollout = new ModelRollout(stack, 'Rollout', {
    endpoint,
    live,
    registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', GROUP),
    models: [s3.Bucket.fromBucketName(stack, 'CompressedBucket', outputs['Compressed']!)],
    evaluationData: models,
    evaluationDataPrefix: 'frozen/',
    languageModel: {
      serverCommand: [python, path.join(SUMS, 'serve.py')],
      maxTokens: 4,
      concurrencies: [1, 2],
      loadDuration: Duration.seconds(1),
    },
    maxRuntime: Duration.hours(12),
    // A busy machine decides about latency and cost.
    gate: { maxLatencyGrowth: 1000, maxCostGrowth: 1000, maxSizeGrowth: 0 },
    jobNamePrefix: 'evaluation',
  });
  stack.exportValue(rollout.stateMachine.stateMachineArn, { name: 'Rollout' });
  return app.synth().directory;
}

describeWith('missing' in found ? found.missing : undefined, 'language models on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-language-gate-'));
  let account: LocalAccount;
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let bucket: S3Client;
  let outputs: Outputs = {};

  async function deploy(assembly: string): Promise<void> {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: account.engine.url, signal, dataDirectory: folder });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(account.config);
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({}));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks.flatMap(({ Outputs: of = [] }) => of).map(({ ExportName = '', OutputValue = '' }) => [
        ExportName,
        OutputValue,
      ]),
    );
  }

  const put = (Key: string, Body: string | Uint8Array): Promise<unknown> =>
    bucket.send(new PutObjectCommand({ Bucket: outputs['Models'], Key, Body }));

  beforeAll(async () => {
    const { python } = found as { python: string };
    const run = (lines: string): void =>
      void execFileSync(python, ['-B', '-c', `import sys; sys.path.insert(0, ${JSON.stringify(SUMS)}); ${lines}`]);
    const optimizer = path.join(folder, 'optimize');
    fs.writeFileSync(
      optimizer,
      `#!${python} -B\nimport sys\nsys.path.insert(0, ${JSON.stringify(SUMS)})\nimport model\nmodel.quantize(*sys.argv[1:])\n`,
      { mode: 0o755 },
    );
    account = await startLocalAccount(LocalClock.startingNow(SPEED), undefined, {
      optimizer,
      trainingProvisioning: { medianSeconds: 10, sigma: 0 },
    });
    const { config, engine } = account;
    sfn = new SFNClient(config);
    sageMaker = new SageMakerClient(config);
    bucket = new S3Client({ ...config, forcePathStyle: true });
    await deploy(storageStack(path.join(folder, 'storage')));
    const at = JSON.stringify(folder);
    run(
      `import model; weights = model.train(300); model.save(${at} + "/float", weights); model.save(${at} + "/coarse", weights, bits=2)`,
    );
    for (const name of ['float', 'coarse']) {
      for (const file of fs.readdirSync(path.join(folder, name))) {
        await put(`models/${name}/${file}`, fs.readFileSync(path.join(folder, name, file)));
      }
    }
    const prompts = Array.from({ length: 100 }, (_, index) => {
      const [left, right] = [Math.floor(index / 10), index % 10];
      const asked = `${left}+${right}=`;
      const question = index % 2 === 0 ? { prompt: asked } : { messages: [{ role: 'user', content: asked }] };
      return { id: asked, ...question, expected: String(left + right), slice: left + right < 10 ? 'short' : 'carry' };
    });
    await put('frozen/sums.jsonl', prompts.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await deploy(servingStack(path.join(folder, 'serving'), outputs, python));
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    for (const client of [sfn, sageMaker, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  const settled = (executionArn: string): Promise<DescribeExecutionCommandOutput> =>
    eventually(
      () => sfn.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
      LIMIT_MS,
    );

  /** Execution that the event of a version has started. */
  const rolloutOf = (arn: string): Promise<string> =>
    eventually(
      async () => {
        const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: outputs['Rollout'] }));
        const all = await Promise.all(
          executions.map(({ executionArn }) => sfn.send(new DescribeExecutionCommand({ executionArn }))),
        );
        return all.find(({ input }) => input!.includes(`"${arn}"`))?.executionArn ?? '';
      },
      (executionArn) => executionArn !== '',
      LIMIT_MS,
    );

  async function compressed(name: string): Promise<Registered> {
    const input = JSON.stringify({ ModelDataUrl: `s3://${outputs['Models']}/models/${name}/` });
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn: outputs['Compression'], input }),
    );
    const { status, output, cause } = await settled(executionArn!);
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    return JSON.parse(output!) as Registered;
  }

  /** Registers files that no job has made. */
  async function registered(name: string, config: object): Promise<string> {
    const Key = `models/${name}/config.json`;
    await bucket.send(new PutObjectCommand({ Bucket: outputs['Compressed'], Key, Body: JSON.stringify(config) }));
    const S3Uri = `s3://${outputs['Compressed']}/models/${name}`;
    const source = { S3DataSource: { S3Uri, S3DataType: 'S3Prefix', CompressionType: 'None' } } as const;
    const { ModelPackageArn } = await sageMaker.send(
      new CreateModelPackageCommand({
        ModelPackageGroupName: GROUP,
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: { Containers: [{ Image: 'lmi', ModelDataSource: source }] },
      }),
    );
    return ModelPackageArn!;
  }

  async function served(): Promise<unknown> {
    const { EndpointConfigName } = await sageMaker.send(new DescribeEndpointCommand(ENDPOINT));
    const config = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const { ModelName } = config.ProductionVariants![0]!;
    const { PrimaryContainer } = await sageMaker.send(new DescribeModelCommand({ ModelName }));
    return PrimaryContainer!.ModelDataSource!.S3DataSource;
  }

  const folderOf = (S3Uri: string) => ({ S3Uri, S3DataType: 'S3Prefix', CompressionType: 'None' });
  const versionOf = (arn: string) => sageMaker.send(new DescribeModelPackageCommand({ ModelPackageName: arn }));

  /** Everything of the account that an evaluation might leave, and the servers of this machine. */
  async function left(): Promise<object> {
    const { Endpoints = [] } = await sageMaker.send(new ListEndpointsCommand({}));
    const { EndpointConfigs = [] } = await sageMaker.send(new ListEndpointConfigsCommand({}));
    const { Models = [] } = await sageMaker.send(new ListModelsCommand({}));
    return {
      endpoints: Endpoints.map(({ EndpointName }) => EndpointName),
      configs: EndpointConfigs.map(({ EndpointConfigName }) => EndpointConfigName).sort(),
      models: Models.map(({ ModelName }) => ModelName).sort(),
      servers: servers(),
    };
  }

  /** Numbers of the processes that serve a model of this test. */
  const servers = (): string[] =>
    fs.readdirSync('/proc').filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path.join(SUMS, 'serve.py'));
      } catch {
        return false;
      }
    });

  /** True for the server of a candidate: its folder has links to the files of that channel. */
  function servesCandidate(pid: string): boolean {
    try {
      const [, model] = /(?:^|\0)HF_MODEL_ID=([^\0]+)/.exec(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'))!;
      return fs.readlinkSync(path.join(model!, 'config.json')).includes('/candidate/');
    } catch {
      // It has ended since.
      return false;
    }
  }

  const runningJobs = async (): Promise<number> =>
    (await sageMaker.send(new ListTrainingJobsCommand({ StatusEquals: 'InProgress' }))).TrainingJobSummaries!.length;

  test(
    'a quantised model that answers as well is approved and rolled out, with its parent and its measures',
    async () => {
      const made = await compressed('float');
      const { status, output, cause } = await settled(await rolloutOf(made.ModelPackageArn));
      expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
      const { Outcome, Reasons, Report } = JSON.parse(output!) as Output;
      expect([Outcome, Reasons]).toEqual(['ROLLED_OUT', []]);
      expect(await served()).toEqual(folderOf(made.ModelDataUrl));
      const { ModelApprovalStatus, CustomerMetadataProperties } = await versionOf(made.ModelPackageArn);
      expect(ModelApprovalStatus).toBe('Approved');
      expect(CustomerMetadataProperties).toMatchObject({
        'tidegate:optimization-job': expect.stringMatching(/^awq--/),
        'tidegate:parent-model-data': `s3://${outputs['Models']}/models/float/`,
        'tidegate:evaluated-against': `s3://${outputs['Models']}/models/float/`,
        'tidegate:accuracy': expect.stringMatching(/^(1\.0|0\.99)/),
        'tidegate:tokens-per-second': expect.stringMatching(/^\d/),
        'tidegate:cost-per-1000-requests-usd': expect.stringMatching(/^\d/),
      });
      expect(Report.candidate.tokensPerSecond).toBeGreaterThan(0);
      expect(servers()).toEqual([]);
      console.info(JSON.stringify(Report));
    },
    LIMIT_MS,
  );

  test(
    'a model that two bits have spoilt is refused with the reasons, and the live model stays',
    async () => {
      const before = [await served(), await left()];
      const made = await compressed('coarse');
      const { output } = await settled(await rolloutOf(made.ModelPackageArn));
      const { Outcome, Reasons, ReportUri } = JSON.parse(output!) as Output;
      expect(Outcome).toBe('REFUSED');
      expect(Reasons[0]).toMatch(/^accuracy is \d+\.\d %, \d+\.\d points below the live model's/);
      expect(Reasons.filter((reason) => /accuracy on slice=(short|carry) \(\d\d rows\)/.test(reason))).toHaveLength(2);
      const { ModelApprovalStatus, ApprovalDescription } = await versionOf(made.ModelPackageArn);
      expect([ModelApprovalStatus, ApprovalDescription]).toEqual([
        'Rejected',
        expect.stringContaining(`Refused by the gate: ${Reasons[0]}`),
      ]);
      const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(ReportUri)!;
      const { Body } = await bucket.send(new GetObjectCommand({ Bucket, Key }));
      const { lost } = JSON.parse(await Body!.transformToString()) as { lost: { id: string; live: string }[] };
      expect(lost.length).toBe(20);
      for (const { id, live } of lost) expect(live).toBe(String(Number(id[0]) + Number(id[2])));
      const { models, ...rest } = before[1] as { models: string[] };
      const after = (await left()) as { models: string[] };
      // The compression has registered a model.
      expect(after).toEqual({ ...rest, models: expect.arrayContaining(models) });
      expect(await served()).toEqual(before[0]);
    },
    LIMIT_MS,
  );

  test(
    'files that the server cannot load end the execution with its words; the version waits, and nothing is left behind',
    async () => {
      const before = [await served(), await left()];
      const arn = await registered('broken', { layers: 1 });
      const { status, cause } = await settled(await rolloutOf(arn));
      expect(status).toBe('FAILED');
      expect(cause).toMatch(
        /the server of the candidate model ended with status 1 before it was ready: .*weights\.bin/s,
      );
      expect((await versionOf(arn)).ModelApprovalStatus).toBe('PendingManualApproval');
      expect([await served(), await left(), await runningJobs()]).toEqual([...before, 0]);
    },
    LIMIT_MS,
  );

  test(
    'an execution that is stopped ends its job and the server in it',
    async () => {
      const before = [await served(), await left()];
      const arn = await registered('hanging', { hangs: true });
      const executionArn = await rolloutOf(arn);
      await eventually(async () => servers().some(servesCandidate), Boolean, LIMIT_MS);
      await sfn.send(new StopExecutionCommand({ executionArn }));
      await eventually(runningJobs, (count) => count === 0, LIMIT_MS);
      await eventually(
        async () => [await served(), await left()],
        (now) => JSON.stringify(now) === JSON.stringify(before),
        LIMIT_MS,
      );
      expect((await versionOf(arn)).ModelApprovalStatus).toBe('PendingManualApproval');
    },
    LIMIT_MS,
  );

  test('no call of any role was refused', async () => {
    expect(await account.engine.deniedCalls()).toEqual([]);
  });
});
