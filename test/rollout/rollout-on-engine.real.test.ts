import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { ApplicationAutoScalingClient, DescribeScalingPoliciesCommand } from '@aws-sdk/client-application-auto-scaling';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { PutObjectCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  ListModelPackagesCommand,
  SageMakerClient,
  UpdateEndpointCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { readServiceProfile } from '../../bin/input/service-profile-file';
import { CompressionGoal, CompressionPipeline, CompressionTechnique } from '../../lib/compression';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { GpuEndpoint, ModelArtifact, ModelServer, RolloutStrategy } from '../../lib/inference';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { LiveModel, ModelRollout, RolloutApproval } from '../../lib/rollout';
import { FleetScaling } from '../../lib/scaling';
import { ModelRegistry, PackedAsset, TrainingPipeline } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { type LocalAccount, startLocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';
import { type Digit, digits } from '../training/torch';
import { pythonWithOnnx } from '../compression/onnx-runtime';

const SPEED = 30;
const LIMIT_MS = 900_000;
const IMAGE = `763104351884.dkr.ecr.${LOCAL_REGION}.amazonaws.com/pytorch-training:2.6.0-cpu-py312`;
const env = { account: LOCAL_ACCOUNT, region: LOCAL_REGION };

const onnx = pythonWithOnnx();
const found = 'missing' in onnx ? onnx : digits();
const missing = 'missing' in onnx ? onnx.missing : 'missing' in found ? found.missing : undefined;

interface Outputs {
  readonly [name: string]: string;
}

interface Output {
  readonly Outcome: string;
  readonly ModelPackageArn: string;
  readonly Reasons: readonly string[];
  readonly NextStep: string;
  readonly ReportUri?: string;
  readonly Report?: { readonly candidate: { readonly maxConcurrency: number } };
}

/** A registry with three pipelines that fill it: a good training, a weak one, and a compression. */
function trainingStack(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Vision', { env });
  const rows = new s3.Bucket(stack, 'Rows', { removalPolicy: RemovalPolicy.DESTROY });
  const models = new s3.Bucket(stack, 'Models', { removalPolicy: RemovalPolicy.DESTROY });
  const registry = new ModelRegistry(stack, 'Registry', { modelPackageGroupName: 'digits' });
  const training = (id: string, hyperparameters: { [name: string]: string }): TrainingPipeline =>
    new TrainingPipeline(stack, id, {
      trainingData: rows,
      trainingDataPrefix: 'train/',
      sourceDirectory: PackedAsset.classifierSourcePath(),
      trainingImage: IMAGE,
      instanceTypes: ['ml.g5.xlarge'],
      maxRuntime: Duration.hours(4),
      hyperparameters,
      modelBucket: models,
      registry,
      jobNamePrefix: id.toLowerCase(),
    });
  const machines = {
    Training: training('Training', { epochs: '8', hidden: '256,256' }),
    Weak: training('Weak', { epochs: '1', hidden: '4' }),
    Compression: new CompressionPipeline(stack, 'Compression', {
      trainingData: rows,
      trainingDataPrefix: 'train/',
      models,
      image: IMAGE,
      instanceTypes: ['ml.g5.xlarge'],
      maxRuntime: Duration.hours(4),
      techniques: [CompressionTechnique.int8Static()],
      gate: { maxAccuracyLoss: 0.02, minSpeedup: 0 },
      goal: CompressionGoal.SIZE,
      registry,
      jobNamePrefix: 'compression',
    }),
  };
  stack.exportValue(rows.bucketName, { name: 'Rows' });
  stack.exportValue(models.bucketName, { name: 'Models' });
  stack.exportValue(machines.Compression.modelBucket.bucketName, { name: 'Compressed' });
  for (const [name, { stateMachine }] of Object.entries(machines)) {
    stack.exportValue(stateMachine.stateMachineArn, { name });
  }
  return app.synth().directory;
}

interface Serving {
  readonly key: string;
  /** Time-out of the containers, whose change makes a new configuration. */
  readonly healthCheckSeconds?: number;
  readonly approval?: RolloutApproval;
}

/** The endpoint with its rollout. */
function servingStack(outdir: string, outputs: Outputs, { key, healthCheckSeconds = 600, approval }: Serving): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Serving', { env });
  const bucket = (name: string): s3.IBucket => s3.Bucket.fromBucketName(stack, `${name}Bucket`, outputs[name]!);
  const models = bucket('Models');
  const live = new LiveModel(stack, 'Live', {
    initialModel: ModelArtifact.fromBucket(models, key),
    initialMaxConcurrency: 64,
  });
  const endpoint = new GpuEndpoint(stack, 'Digits', {
    endpointName: 'digits',
    modelServer: ModelServer.triton({ defaultModelName: 'classifier' }),
    modelArtifact: live.artifact,
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    startupTimeout: Duration.seconds(healthCheckSeconds),
    rollout: { strategy: RolloutStrategy.CANARY, waitInterval: Duration.minutes(2) },
  });
  new FleetScaling(stack, 'Scaling', { fleet: endpoint, minCapacity: 1, maxCapacity: 2 }).scaleOnConcurrency(
    'Concurrency',
    {
      targetPerInstance: live.targetPerInstance,
    },
  );
  const rollout = new ModelRollout(stack, 'Rollout', {
    endpoint,
    live,
    registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', 'digits'),
    models: [models, bucket('Compressed')],
    evaluationData: bucket('Rows'),
    evaluationDataPrefix: 'frozen/',
    sliceBy: ['device'],
    image: IMAGE,
    maxRuntime: Duration.hours(4),
    // A busy machine decides about latency and cost.
    gate: { maxAccuracyLoss: 0.02, maxSliceLoss: 0.1, maxLatencyGrowth: 1000, maxCostGrowth: 1000 },
    approval,
    jobNamePrefix: 'evaluation',
  });
  stack.exportValue(rollout.stateMachine.stateMachineArn, { name: 'Rollout' });
  return app.synth().directory;
}

/** Requests to the endpoint, one after the other, until it is stopped. */
class Traffic {
  public answered = 0;
  public readonly failures: string[] = [];
  private isStopped = false;
  private readonly ended: Promise<unknown>;

  public constructor(private readonly runtime: SageMakerRuntimeClient) {
    this.ended = Promise.all([this.send('a'), this.send('b'), this.send('c')]);
  }

  public async stop(): Promise<void> {
    this.isStopped = true;
    await this.ended;
  }

  private async send(client: string): Promise<void> {
    for (let number = 1; !this.isStopped; number++) {
      const Body = JSON.stringify({ id: `${client}-${number}`, key: 'k', context_tokens: 10, generated_tokens: 5 });
      try {
        await this.runtime.send(new InvokeEndpointCommand({ EndpointName: 'digits', Body }));
        this.answered++;
      } catch (error) {
        this.failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describeWith(missing, 'versions of a model on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-rollout-engine-'));
  let account: LocalAccount;
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let scaling: ApplicationAutoScalingClient;
  let runtime: SageMakerRuntimeClient;
  let bucket: S3Client;
  let outputs: Outputs;
  let trained: { readonly ModelDataUrl: string; readonly ModelPackageArn: string };
  let weak: { readonly ModelDataUrl: string; readonly ModelPackageArn: string };
  let compressed: { readonly ModelDataUrl: string; readonly ModelPackageArn: string };
  let traffic: Traffic;
  let first: { readonly configName: string };

  async function deploy(assembly: string): Promise<Outputs> {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({
      projectDirectory,
      engineUrl: account.engine.url,
      signal,
      dataDirectory: folder,
    });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(account.config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({}));
    cloudFormation.destroy();
    return Object.fromEntries(
      Stacks!
        .flatMap(({ Outputs: of = [] }) => of)
        .map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
  }

  const keyOf = (uri: string): string => uri.split('/').slice(3).join('/');
  let stacks = 0;
  const serve = async (serving: Omit<Serving, 'key'> & { readonly key?: string }): Promise<void> => {
    const at = path.join(folder, `serving-${stacks++}`);
    outputs = {
      ...outputs,
      ...(await deploy(servingStack(at, outputs, { key: keyOf(trained.ModelDataUrl), ...serving }))),
    };
  };

  beforeAll(async () => {
    const { python } = onnx as { python: string };
    account = await startLocalAccount(LocalClock.startingNow(SPEED), undefined, {
      python,
      trainingProvisioning: { medianSeconds: 10, sigma: 0 },
    });
    const { config } = account;
    sfn = new SFNClient(config);
    sageMaker = new SageMakerClient(config);
    scaling = new ApplicationAutoScalingClient(config);
    runtime = new SageMakerRuntimeClient(config);
    bucket = new S3Client({ ...config, forcePathStyle: true });
    outputs = await deploy(trainingStack(path.join(folder, 'training')));
    const put = (Key: string, rows: readonly object[]): Promise<unknown> =>
      bucket.send(
        new PutObjectCommand({
          Bucket: outputs['Rows'],
          Key,
          Body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
        }),
      );
    const rows = (found as readonly Digit[]).map((row, index) => ({
      ...row,
      device: index % 3 === 0 ? 'phone' : 'web',
    }));
    await put(
      'train/digits.jsonl',
      rows.filter((_, index) => index % 4 !== 0),
    );
    await put(
      'frozen/digits.jsonl',
      rows.filter((_, index) => index % 4 === 0),
    );
    await account.engine.enforceIam();
    trained = await made('Training', {});
    await serve({});
    first = await served();
    traffic = new Traffic(runtime);
  }, LIMIT_MS);

  afterAll(async () => {
    await traffic?.stop();
    for (const client of [sfn, sageMaker, scaling, runtime, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  const settled = (executionArn: string): Promise<DescribeExecutionCommandOutput> =>
    eventually(
      () => sfn.send(new DescribeExecutionCommand({ executionArn })),
      ({ status }) => status !== 'RUNNING',
      LIMIT_MS,
    );

  async function execute(machine: string, input: object): Promise<DescribeExecutionCommandOutput> {
    const request = { stateMachineArn: outputs[machine], input: JSON.stringify(input) };
    const { executionArn } = await sfn.send(new StartExecutionCommand(request));
    return settled(executionArn!);
  }

  async function made(machine: string, input: object): Promise<typeof trained> {
    const { status, output, cause } = await execute(machine, input);
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    return JSON.parse(output!) as typeof trained;
  }

  /** Output of the execution that the registration of a version has started. */
  async function rolloutOf(arn: string): Promise<Output> {
    const input = JSON.stringify({ ModelPackageArn: arn });
    const executionArn = await eventually(
      async () => {
        const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: outputs['Rollout'] }));
        for (const one of executions) {
          const described = await sfn.send(new DescribeExecutionCommand({ executionArn: one.executionArn }));
          if (JSON.stringify(JSON.parse(described.input!)) === input) return one.executionArn;
        }
        return undefined;
      },
      (arnOfExecution) => arnOfExecution !== undefined,
    );
    const { status, output, cause } = await settled(executionArn!);
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    return JSON.parse(output!) as Output;
  }

  async function served(): Promise<{ readonly configName: string; readonly uri: string }> {
    const { EndpointConfigName } = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: 'digits' }));
    const config = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const { ModelName } = config.ProductionVariants![0]!;
    const { PrimaryContainer } = await sageMaker.send(new DescribeModelCommand({ ModelName }));
    return { configName: EndpointConfigName!, uri: PrimaryContainer!.ModelDataSource!.S3DataSource!.S3Uri! };
  }

  const versionOf = (arn: string) => sageMaker.send(new DescribeModelPackageCommand({ ModelPackageName: arn }));

  test(
    'a weak version is refused with the reasons, and the live model stays',
    async () => {
      const before = await served();
      expect(before.uri).toBe(trained.ModelDataUrl);
      weak = await made('Weak', {});
      const output = await rolloutOf(weak.ModelPackageArn);
      expect(output.Outcome).toBe('REFUSED');
      expect(output.Reasons[0]).toMatch(/^accuracy is \d+\.\d %, \d+\.\d points below the live model's/);
      expect(output.NextStep).toContain(output.ReportUri!);
      expect(output.Reasons.some((reason) => /accuracy on device=(phone|web) /.test(reason))).toBe(true);
      const version = await versionOf(weak.ModelPackageArn);
      expect(version.ModelApprovalStatus).toBe('Rejected');
      expect(version.ApprovalDescription).toContain(output.Reasons[0]!);
      expect(await served()).toEqual(before);
    },
    LIMIT_MS,
  );

  test(
    'a good version is rolled out over live traffic, with its parent and its measures in the registry',
    async () => {
      compressed = await made('Compression', trained);
      const answeredBefore = traffic.answered;
      const output = await rolloutOf(compressed.ModelPackageArn);
      expect([output.Outcome, output.Reasons]).toEqual(['ROLLED_OUT', []]);
      expect((await served()).uri).toBe(compressed.ModelDataUrl);
      expect(traffic.answered - answeredBefore).toBeGreaterThan(50);
      expect(traffic.failures).toEqual([]);

      const { ModelApprovalStatus, CustomerMetadataProperties: metadata } = await versionOf(compressed.ModelPackageArn);
      expect(ModelApprovalStatus).toBe('Approved');
      expect(metadata).toMatchObject({
        'tidegate:parent-model-package': trained.ModelPackageArn,
        'tidegate:parent-model-data': trained.ModelDataUrl,
        'tidegate:training-job': expect.stringMatching(/^compression--/),
        'tidegate:accuracy': expect.stringMatching(/^0\.9\d+$/),
        'tidegate:evaluated-against': trained.ModelDataUrl,
        'tidegate:evaluation-report': output.ReportUri,
      });
      const { ModelPackageSummaryList } = await sageMaker.send(
        new ListModelPackagesCommand({ ModelPackageGroupName: 'digits' }),
      );
      expect(ModelPackageSummaryList).toHaveLength(3);
      console.info(
        JSON.stringify(output.Report),
        `${traffic.answered} requests answered, ${traffic.failures.length} failed`,
      );
    },
    LIMIT_MS,
  );

  test('the service times of the version are a profile of simulate', async () => {
    const { CustomerMetadataProperties: metadata } = await versionOf(compressed.ModelPackageArn);
    const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(metadata!['tidegate:evaluation-report']!)!;
    const { Body } = await bucket.send(
      new GetObjectCommand({ Bucket, Key: Key!.replace('report.json', 'profile.json') }),
    );
    const file = path.join(folder, 'profile.json');
    fs.writeFileSync(file, await Body!.transformToString());
    expect(readServiceProfile(file)).toMatchObject({ kind: 'measured' });
  });

  test(
    'a model that a failed deployment has returned to is replaced by the live one',
    async () => {
      const unchanged = await execute('Rollout', { Restore: true });
      expect((JSON.parse(unchanged.output!) as Output).Outcome).toBe('UNCHANGED');
      await sageMaker.send(new UpdateEndpointCommand({ EndpointName: 'digits', EndpointConfigName: first.configName }));
      const status = () => sageMaker.send(new DescribeEndpointCommand({ EndpointName: 'digits' }));
      await eventually(status, ({ EndpointStatus }) => EndpointStatus === 'InService');
      expect((await served()).uri).toBe(trained.ModelDataUrl);

      const restored = await execute('Rollout', { Restore: true });
      expect((JSON.parse(restored.output!) as Output).Outcome).toBe('ROLLED_OUT');
      expect((await served()).uri).toBe(compressed.ModelDataUrl);
      expect(traffic.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'a deployment that changes the endpoint keeps the version, and aims at its measured concurrency',
    async () => {
      const before = await served();
      await serve({ healthCheckSeconds: 700 });
      const after = await served();
      expect(after.configName).not.toBe(before.configName);
      expect(after.uri).toBe(compressed.ModelDataUrl);
      const { CustomerMetadataProperties: metadata } = await versionOf(compressed.ModelPackageArn);
      const measured = Number(metadata!['tidegate:max-concurrency-per-instance']);
      const { ScalingPolicies } = await scaling.send(
        new DescribeScalingPoliciesCommand({ ServiceNamespace: 'sagemaker' }),
      );
      const targets = ScalingPolicies!.flatMap(
        ({ TargetTrackingScalingPolicyConfiguration: tracking }) => tracking?.TargetValue ?? [],
      );
      expect(targets).toEqual([Math.round(measured * 0.7 * 10) / 10]);
      expect(account.emulator.snapshot().endpoints[0]!.variants[0]!.slotsPerInstance).toBe(measured);
      expect(traffic.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'a model that the stack declares anew replaces the version',
    async () => {
      await serve({ healthCheckSeconds: 700, key: keyOf(weak.ModelDataUrl) });
      expect((await served()).uri).toBe(weak.ModelDataUrl);
      expect(traffic.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test('no call of any role was refused', async () => {
    expect(await account.engine.deniedCalls()).toEqual([]);
  });
});
