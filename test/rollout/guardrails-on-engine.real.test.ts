import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateModelPackageCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  DescribeModelPackageCommand,
  SageMakerClient,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand, SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { GpuEndpoint, ModelArtifact, ModelServer, RolloutStrategy } from '../../lib/inference';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { LiveModel, ModelRollout, RolloutApproval, type RolloutShadow } from '../../lib/rollout';
import { ModelRegistry } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { pythonWithOnnx } from '../compression/onnx-runtime';
import { tinyModel } from '../edge/device';
import { type LocalAccount, startLocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';
import { describeWith } from '../support/needs';

const SPEED = 60;
const LIMIT_MS = 600_000;
const IMAGE = `763104351884.dkr.ecr.${LOCAL_REGION}.amazonaws.com/pytorch-training:2.6.0-cpu-py312`;
const ENDPOINT = { EndpointName: 'tiny' };

const onnx = pythonWithOnnx();

interface Outputs {
  readonly [name: string]: string;
}

interface Output {
  readonly Outcome: string;
  readonly Reasons: readonly string[];
}

/** Settings of the rollout that a deployment changes. */
interface Guardrails {
  readonly approval?: RolloutApproval;
  readonly shadow?: RolloutShadow;
  readonly maxModelLatency?: Duration;
}

function storageStack(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Storage', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const models = new s3.Bucket(stack, 'Models', { removalPolicy: RemovalPolicy.DESTROY });
  new ModelRegistry(stack, 'Registry', { modelPackageGroupName: 'tiny' });
  stack.exportValue(models.bucketName, { name: 'Models' });
  return app.synth().directory;
}

function servingStack(outdir: string, outputs: Outputs, guardrails: Guardrails): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Serving', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const models = s3.Bucket.fromBucketName(stack, 'ModelsBucket', outputs['Models']!);
  const live = new LiveModel(stack, 'Live', {
    initialModel: ModelArtifact.fromBucket(models, 'models/0/model.tar.gz'),
  });
  const endpoint = new GpuEndpoint(stack, 'Tiny', {
    endpointName: ENDPOINT.EndpointName,
    modelServer: ModelServer.triton({ defaultModelName: 'classifier' }),
    modelArtifact: live.artifact,
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    rollout: {
      strategy: RolloutStrategy.CANARY,
      waitInterval: Duration.minutes(5),
      maxModelLatency: guardrails.maxModelLatency,
    },
  });
  const rollout = new ModelRollout(stack, 'Rollout', {
    endpoint,
    live,
    registry: ModelRegistry.fromModelPackageGroupName(stack, 'Registry', 'tiny'),
    models: [models],
    evaluationData: models,
    evaluationDataPrefix: 'frozen/',
    image: IMAGE,
    maxRuntime: Duration.hours(4),
    // A busy machine decides about latency and cost.
    gate: { maxLatencyGrowth: 1000, maxCostGrowth: 1000 },
    approval: guardrails.approval,
    shadow: guardrails.shadow,
    jobNamePrefix: 'evaluation',
  });
  stack.exportValue(rollout.stateMachine.stateMachineArn, { name: 'Rollout' });
  return app.synth().directory;
}

/** Requests to the endpoint, one after the other, until it is stopped. */
class Requests {
  public answered = 0;
  public readonly failures: string[] = [];
  private isStopped = false;
  private readonly ended: Promise<void>;

  public constructor(private readonly runtime: SageMakerRuntimeClient) {
    this.ended = this.send();
  }

  public async stop(): Promise<void> {
    this.isStopped = true;
    await this.ended;
  }

  private async send(): Promise<void> {
    for (let number = 1; !this.isStopped; number++) {
      const Body = JSON.stringify({ id: `r-${number}`, key: 'k', context_tokens: 10, generated_tokens: 5 });
      await this.runtime.send(new InvokeEndpointCommand({ ...ENDPOINT, Body })).then(
        () => this.answered++,
        (error) => this.failures.push(String(error)),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describeWith('missing' in onnx ? onnx.missing : undefined, 'the guardrails of rollouts on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-guardrails-'));
  let account: LocalAccount;
  let sfn: SFNClient;
  let sageMaker: SageMakerClient;
  let runtime: SageMakerRuntimeClient;
  let bucket: S3Client;
  let outputs: Outputs = {};
  let requests: Requests | undefined;
  let deployments = 0;

  async function deploy(synthesize: (outdir: string) => string): Promise<void> {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: account.engine.url, signal, dataDirectory: folder });
    const assembly = synthesize(path.join(folder, `assembly-${deployments++}`));
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

  const serve = (guardrails: Guardrails): Promise<void> =>
    deploy((outdir) => servingStack(outdir, outputs, guardrails));
  const uriOf = (version: number): string => `s3://${outputs['Models']}/models/${version}/model.tar.gz`;

  beforeAll(async () => {
    const { python } = onnx as { python: string };
    account = await startLocalAccount(LocalClock.startingNow(SPEED), undefined, {
      python,
      trainingProvisioning: { medianSeconds: 10, sigma: 0 },
    });
    const { config } = account;
    sfn = new SFNClient(config);
    sageMaker = new SageMakerClient(config);
    runtime = new SageMakerRuntimeClient(config);
    bucket = new S3Client({ ...config, forcePathStyle: true });
    await deploy(storageStack);
    const model = path.join(folder, 'model');
    tinyModel(python, model);
    execFileSync('tar', ['-czf', path.join(folder, 'model.tar.gz'), '-C', model, '.']);
    const put = (Key: string, Body: string | Uint8Array): Promise<unknown> =>
      bucket.send(new PutObjectCommand({ Bucket: outputs['Models'], Key, Body }));
    for (const version of [0, 1, 2, 3]) {
      await put(`models/${version}/model.tar.gz`, fs.readFileSync(path.join(folder, 'model.tar.gz')));
    }
    const rows = Array.from({ length: 100 }, (_, index) => ({
      id: `f-${index}`,
      features: [index % 2, 1 - (index % 2)],
      label: index % 2 === 1 ? 'a' : 'b',
    }));
    await put('frozen/rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await account.engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    await requests?.stop();
    for (const client of [sfn, sageMaker, runtime, bucket]) client?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  async function register(version: number): Promise<string> {
    const { ModelPackageArn } = await sageMaker.send(
      new CreateModelPackageCommand({
        ModelPackageGroupName: 'tiny',
        ModelApprovalStatus: 'PendingManualApproval',
        InferenceSpecification: {
          Containers: [{ Image: IMAGE, ModelDataUrl: uriOf(version) }],
          SupportedContentTypes: ['application/json'],
          SupportedResponseMIMETypes: ['application/json'],
        },
      }),
    );
    return ModelPackageArn!;
  }

  /** Ends of the executions that the events of a version have started, when there are as many; the first one first. */
  async function rolloutsOf(arn: string, count: number): Promise<DescribeExecutionCommandOutput[]> {
    return eventually(
      async () => {
        const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn: outputs['Rollout'] }));
        const all = await Promise.all(
          executions.map(({ executionArn }) => sfn.send(new DescribeExecutionCommand({ executionArn }))),
        );
        return all
          .filter(({ input, status }) => input!.includes(arn) && status !== 'RUNNING')
          .sort((a, b) => a.startDate!.getTime() - b.startDate!.getTime());
      },
      (ended) => ended.length >= count,
      LIMIT_MS,
    );
  }

  async function served(): Promise<string> {
    const { EndpointConfigName } = await sageMaker.send(new DescribeEndpointCommand(ENDPOINT));
    const config = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const { ModelName } = config.ProductionVariants![0]!;
    const { PrimaryContainer } = await sageMaker.send(new DescribeModelCommand({ ModelName }));
    return PrimaryContainer!.ModelDataSource!.S3DataSource!.S3Uri!;
  }

  const outputOf = ({ output }: DescribeExecutionCommandOutput): Output => JSON.parse(output!) as Output;
  const approvalOf = async (arn: string) =>
    (await sageMaker.send(new DescribeModelPackageCommand({ ModelPackageName: arn }))).ModelApprovalStatus;

  test(
    'a version is shown to a shadow, whose requests are copies, before it is rolled out',
    async () => {
      await serve({ shadow: { duration: Duration.minutes(10), minRequests: 20, maxLatencyGrowth: 1000 } });
      expect(await served()).toBe(uriOf(0));
      requests = new Requests(runtime);
      const arn = await register(1);
      const shadow = await eventually(
        async () => (await sageMaker.send(new DescribeEndpointCommand(ENDPOINT))).ShadowProductionVariants ?? [],
        (variants) => variants.length > 0,
        LIMIT_MS,
      );
      expect(shadow).toHaveLength(1);
      const [rollout] = await rolloutsOf(arn, 1);
      expect([rollout!.status, rollout!.cause]).toEqual(['SUCCEEDED', undefined]);
      expect([outputOf(rollout!).Outcome, outputOf(rollout!).Reasons]).toEqual(['ROLLED_OUT', []]);
      expect(await served()).toBe(uriOf(1));
      const { ShadowProductionVariants: left = [] } = await sageMaker.send(new DescribeEndpointCommand(ENDPOINT));
      expect(left).toEqual([]);
      expect(await approvalOf(arn)).toBe('Approved');
      expect(requests.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'with approval by hand a version that passes waits, and its approval starts the rollout',
    async () => {
      await serve({ approval: RolloutApproval.MANUAL });
      const arn = await register(2);
      const [held] = await rolloutsOf(arn, 1);
      expect(outputOf(held!)).toMatchObject({
        Outcome: 'HELD',
        Reasons: ['the version has passed the gate and waits for approval'],
      });
      expect([await served(), await approvalOf(arn)]).toEqual([uriOf(1), 'PendingManualApproval']);

      await sageMaker.send(new UpdateModelPackageCommand({ ModelPackageArn: arn, ModelApprovalStatus: 'Approved' }));
      const [, rollout] = await rolloutsOf(arn, 2);
      expect(outputOf(rollout!).Outcome).toBe('ROLLED_OUT');
      expect(await served()).toBe(uriOf(2));
      expect(requests!.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    'SageMaker rolls a version back that an alarm of the endpoint goes off for, and it is rejected',
    async () => {
      // The alarm would refuse the deployment of the stack too.
      await requests!.stop();
      await serve({ approval: RolloutApproval.MANUAL, maxModelLatency: Duration.millis(1) });
      requests = new Requests(runtime);
      const arn = await register(3);
      await rolloutsOf(arn, 1);
      await sageMaker.send(new UpdateModelPackageCommand({ ModelPackageArn: arn, ModelApprovalStatus: 'Approved' }));
      const rollout = (await rolloutsOf(arn, 2)).find(({ status }) => status === 'FAILED');
      expect(rollout).toMatchObject({ error: 'Tidegate.RolledBack', cause: expect.stringContaining('alarm') });
      expect(await served()).toBe(uriOf(2));
      expect(await approvalOf(arn)).toBe('Rejected');
      expect((await sageMaker.send(new DescribeEndpointCommand(ENDPOINT))).EndpointStatus).toBe('InService');
      expect(requests.failures).toEqual([]);
    },
    LIMIT_MS,
  );

  test('no call of any role was refused', async () => {
    expect(await account.engine.deniedCalls()).toEqual([]);
  });
});
