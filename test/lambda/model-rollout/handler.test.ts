import { createHash } from 'node:crypto';
import type { MetricAlarm, PutMetricAlarmCommandInput } from '@aws-sdk/client-cloudwatch';
import type {
  CreateEndpointConfigCommandInput,
  CreateModelCommandInput,
  DescribeEndpointConfigCommandOutput,
  DescribeModelCommandOutput,
  UpdateEndpointCommandInput,
} from '@aws-sdk/client-sagemaker';
import type { RegisteredVersion, VersionChange } from '../../../lambda/clients/model-registry';
import { createHandler, type RolloutDependencies, type RolloutReply } from '../../../lambda/model-rollout/handler';
import { RetryableError } from '../../../lib/core/errors';
import { formatLiveModel, parseLiveModel, type RolloutConfiguration } from '../../../lib/rollout/contract';
import type { ObservedEndpoint } from '../../../lib/rollout/decide/deployment';
import type { VariantLoad } from '../../../lib/rollout/decide/shadow';

const ARN = 'arn:aws:sagemaker:us-east-1:123456789012:model-package/digits/2';
const FIRST = { bucket: 'models', key: 'models/a/output/model.tar.gz', maxConcurrencyPerInstance: 8 };
const EVALUATION = '0123456789abcdef0123456789abcdef';
// The hash of the execution, and the beginning of that of `config-1`.
const NAME = `digits--0123456789ab-${createHash('sha256').update('config-1').digest('hex').slice(0, 4)}`;

const CONFIGURATION: RolloutConfiguration = {
  endpointName: 'digits',
  variantName: 'main',
  parameterName: 'live',
  namePrefix: 'digits--',
  hostedBy: 'endpoint/digits',
  approval: 'AUTOMATIC',
  limits: {
    maxAccuracyLoss: 0.005,
    maxSliceLoss: 0.05,
    minSliceRows: 20,
    maxLatencyGrowth: 0.2,
    maxCostGrowth: 0.2,
    maxSizeGrowth: undefined,
  },
  reports: { bucket: 'reports', prefix: 'reports/' },
  deployment: {
    BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'CANARY', WaitIntervalInSeconds: 60 } },
    AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'errors' }, { AlarmName: 'business' }] },
  },
};

const SHADOW = { samplingPercent: 50, instanceCount: 2, minRequests: 10, maxErrorRatio: 0.01, maxLatencyGrowth: 0.2 };

const model = (accuracy: number) => ({
  accuracy,
  slices: { 'label=1': { rows: 100, accuracy } },
  bytes: 1000,
  latencySeconds: { p50: 0.01, p95: 0.02 },
  requestsPerSecond: 100,
  maxConcurrency: 4,
  costPer1000Usd: 0.004,
  dataWatermark: 1_700_000_000,
});

/** Everything outside the handler, in memory. */
class World {
  public live = formatLiveModel(FIRST);
  public endpoint: ObservedEndpoint = { status: 'InService', configName: 'config-1', failureReason: undefined };
  public readonly configs: { [name: string]: CreateEndpointConfigCommandInput } = {
    'config-1': {
      EndpointConfigName: 'config-1',
      ProductionVariants: [
        { VariantName: 'main', ModelName: 'model-1', InitialInstanceCount: 3, InitialVariantWeight: 1 },
      ],
      KmsKeyId: 'key',
      Tags: [
        { Key: 'aws:cloudformation:stack-name', Value: 'serving' },
        { Key: 'team', Value: 'vision' },
        { Key: 'tidegate:max-concurrency-per-instance', Value: '8' },
      ],
    },
  };
  public readonly models: { [name: string]: CreateModelCommandInput } = {
    'model-1': {
      ModelName: 'model-1',
      ExecutionRoleArn: 'arn:role',
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: 'triton',
        Environment: { A: 'b' },
        ModelDataSource: {
          S3DataSource: {
            S3Uri: 's3://models/models/a/output/model.tar.gz',
            S3DataType: 'S3Object',
            CompressionType: 'Gzip',
          },
        },
      },
    },
  };
  public version: RegisteredVersion = {
    arn: ARN,
    modelDataUrl: 's3://models/models/b/output/model.tar.gz',
    approvalStatus: 'PendingManualApproval',
    approvalDescription: undefined,
    metadata: {},
  };
  public readonly changes: VersionChange[] = [];
  public readonly updates: UpdateEndpointCommandInput[] = [];
  public readonly alarms: MetricAlarm[] = [
    {
      AlarmName: 'errors',
      MetricName: 'Invocation5XXErrors',
      Namespace: 'AWS/SageMaker',
      Threshold: 0.05,
      Dimensions: [
        { Name: 'EndpointName', Value: 'digits' },
        { Name: 'EndpointConfigName', Value: 'config-1' },
      ],
    },
    { AlarmName: 'business', MetricName: 'Orders', Namespace: 'Shop' },
  ];
  public readonly putAlarms: PutMetricAlarmCommandInput[] = [];
  public readonly deletedAlarms: string[] = [];
  public readonly reports = new Map<string, string>();
  public loads: { readonly [variant: string]: VariantLoad } = {};
  public loadsAsked: { readonly from: number; readonly to: number }[] = [];
  public now = 1000;
  public isBusy = false;
  private readonly handler: (event: unknown) => Promise<RolloutReply>;

  public constructor(configuration: Partial<RolloutConfiguration> = {}) {
    const dependencies: RolloutDependencies = {
      configuration: { ...CONFIGURATION, ...configuration },
      versions: {
        describe: async (arn) => {
          if (arn !== ARN) throw new Error(`the registry has no version ${arn}`);
          return this.version;
        },
        update: async (_, change) => {
          this.changes.push(change);
          this.version = {
            ...this.version,
            approvalStatus: change.approvalStatus ?? this.version.approvalStatus,
            metadata: { ...this.version.metadata, ...change.metadata },
          };
        },
      },
      endpoints: {
        endpoint: async () => this.endpoint,
        config: async (name) => {
          const { Tags: tags = [], ...config } = this.configs[name]!;
          return {
            config: { ...config, EndpointConfigArn: `arn:${name}` } as DescribeEndpointConfigCommandOutput,
            tags,
          };
        },
        model: async (name) => this.models[name] as DescribeModelCommandOutput,
        createModel: async (input) => void (this.models[input.ModelName!] = input),
        createConfig: async (input) => void (this.configs[input.EndpointConfigName!] = input),
        updateEndpoint: async (update) => {
          if (this.isBusy) throw new RetryableError('the endpoint is changing already');
          this.updates.push(update);
          this.endpoint = { status: 'Updating', configName: update.EndpointConfigName!, failureReason: undefined };
        },
        alarms: async (names) => this.alarms.filter(({ AlarmName }) => names.includes(AlarmName!)),
        alarmsBeginningWith: async (prefix) =>
          this.putAlarms.filter(
            ({ AlarmName }) => AlarmName!.startsWith(prefix) && !this.deletedAlarms.includes(AlarmName!),
          ),
        putAlarm: async (alarm) => void this.putAlarms.push(alarm),
        deleteAlarms: async (names) => void this.deletedAlarms.push(...names),
        load: async (_, variant, from, to) => {
          this.loadsAsked.push({ from, to });
          return this.loads[variant]!;
        },
      },
      parameters: { read: async () => this.live, write: async (_, value) => void (this.live = value) },
      reports: {
        get: async (key) => this.reports.get(key),
        put: async () => undefined,
        putNew: async () => true,
        keysAfter: async () => [],
      },
      clock: { now: () => this.now },
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined } as never,
    };
    this.handler = createHandler(dependencies);
  }

  public async step(step: string, state: object): Promise<RolloutReply> {
    // Between two steps the state passes through Step Functions as JSON.
    const event = { step, execution: 'arn:execution', evaluation: EVALUATION, state };
    return JSON.parse(JSON.stringify(await this.handler(JSON.parse(JSON.stringify(event))))) as RolloutReply;
  }

  public evaluated(live: number, candidate: number, over: object = {}): void {
    const report = { rows: 100, models: { live: model(live), candidate: { ...model(candidate), ...over } } };
    this.reports.set(`reports/${EVALUATION}/report.json`, JSON.stringify(report));
  }

  public settle(configName: string, failureReason?: string): void {
    this.endpoint = { status: 'InService', configName, failureReason };
  }
}

const begun = (world: World): Promise<RolloutReply> => world.step('begin', { ModelPackageArn: ARN, ModelName: 'more' });

describe('the beginning', () => {
  test('looks the version and the live model up, and evaluates', async () => {
    expect(await begun(new World())).toEqual({
      action: 'evaluate',
      candidate: { modelPackageArn: ARN, modelDataUrl: 's3://models/models/b/output/model.tar.gz' },
      live: FIRST,
      liveModelDataUrl: 's3://models/models/a/output/model.tar.gz',
    });
  });

  test('names the way out where the input names no version', async () => {
    await expect(new World().step('begin', { ModelPackageArn: '' })).rejects.toThrow(
      'the input of the execution names no version; start it with {"ModelPackageArn": "arn:aws:sagemaker:',
    );
  });

  test('refuses a version without an artifact', async () => {
    const world = new World();
    world.version = { ...world.version, modelDataUrl: undefined };
    await expect(begun(world)).rejects.toThrow(
      `${ARN} has no artifact in S3; register one with a ModelDataUrl or a ModelDataSource`,
    );
  });

  test('refuses a version in another form than that of the live model', async () => {
    const world = new World();
    world.version = { ...world.version, modelDataUrl: 's3://models/chat/' };
    await expect(begun(world)).rejects.toThrow(
      `${ARN} is a folder (s3://models/chat/) and the live model an archive (s3://models/models/a/output/model.tar.gz), which one endpoint cannot serve in turns`,
    );
  });

  test.each<[string, Partial<RegisteredVersion>, string, string]>([
    ['a rejected version', { approvalStatus: 'Rejected', approvalDescription: 'slow' }, 'REFUSED', 'approve this one'],
  ])('ends with %s', async (_, version, outcome, nextStep) => {
    const world = new World();
    world.version = { ...world.version, ...version };
    const { action, output } = await begun(world);
    expect([action, output!.Outcome]).toEqual(['end', outcome]);
    expect(output!.NextStep).toContain(nextStep);
    expect(output!.Reasons).toEqual([expect.stringContaining('slow')]);
  });

  test('ends where the version is live already', async () => {
    const world = new World();
    world.live = formatLiveModel({ ...FIRST, modelPackageArn: ARN });
    const { output } = await begun(world);
    expect(output).toMatchObject({
      Outcome: 'UNCHANGED',
      LiveModelPackageArn: ARN,
      NextStep: 'There is nothing to do.',
    });
  });

  test('holds a version that has passed, and says how to approve it', async () => {
    const world = new World({ approval: 'MANUAL' });
    world.version = { ...world.version, metadata: { 'tidegate:evaluation-report': 's3://x' } };
    const { output } = await begun(world);
    expect(output!.Outcome).toBe('HELD');
    expect(output!.NextStep).toContain(`--model-package-arn ${ARN} --model-approval-status Approved`);
  });

  test('restores the live model where the endpoint serves another one', async () => {
    const world = new World();
    expect(await world.step('begin', { Restore: true })).toMatchObject({
      action: 'end',
      output: { Outcome: 'UNCHANGED', Reasons: ['the endpoint serves the live model'] },
    });
    world.live = formatLiveModel({ ...FIRST, key: 'models/c/output/model.tar.gz', modelPackageArn: ARN });
    expect(await world.step('begin', { Restore: true })).toMatchObject({
      action: 'deploy',
      candidate: { modelPackageArn: ARN, modelDataUrl: 's3://models/models/c/output/model.tar.gz' },
    });
  });

  test.each<[string, Partial<CreateModelCommandInput>, string]>([
    ['of an endpoint without a source is deployed', { PrimaryContainer: { Image: 'triton' } }, 'deploy'],
    ['of several containers is deployed', { PrimaryContainer: undefined }, 'deploy'],
    [
      'at the address of its archive is the one that is served',
      { PrimaryContainer: { ModelDataUrl: 's3://models/models/a/output/model.tar.gz' } },
      'end',
    ],
  ])('a restored model %s', async (_, container, expected) => {
    const world = new World();
    world.models['model-1'] = { ModelName: 'model-1', ExecutionRoleArn: 'arn:role', ...container };
    expect((await world.step('begin', { Restore: true })).action).toBe(expected);
  });
});

describe('the judgement', () => {
  test('lets a good version through, with its measures in the registry', async () => {
    const world = new World();
    world.evaluated(0.95, 0.95);
    const reply = await world.step('judge', await begun(world));
    expect(reply.action).toBe('deploy');
    expect(world.changes).toEqual([
      {
        metadata: {
          'tidegate:accuracy': '0.950000',
          'tidegate:worst-slice': 'label=1 0.000000',
          'tidegate:artifact-bytes': '1000',
          'tidegate:latency-p50-ms': '10.00',
          'tidegate:latency-p95-ms': '20.00',
          'tidegate:requests-per-second': '100.00',
          'tidegate:max-concurrency-per-instance': '4',
          'tidegate:cost-per-1000-requests-usd': '0.004000',
          'tidegate:data-watermark': '1700000000',
          'tidegate:evaluation-report': `s3://reports/reports/${EVALUATION}/report.json`,
          'tidegate:evaluated-against': 's3://models/models/a/output/model.tar.gz',
        },
      },
    ]);
  });

  test('writes the tokens a second of a language model down', async () => {
    const world = new World();
    world.evaluated(0.95, 0.95, { tokensPerSecond: 1234.56 });
    await world.step('judge', await begun(world));
    expect(world.changes[0]!.metadata).toMatchObject({ 'tidegate:tokens-per-second': '1235' });
  });

  test('measures against the version that is live, without what a report lacks', async () => {
    const world = new World();
    world.live = formatLiveModel({ ...FIRST, modelPackageArn: `${ARN}0` });
    world.evaluated(0.95, 0.95, { slices: {}, costPer1000Usd: undefined, dataWatermark: undefined });
    await world.step('judge', await begun(world));
    const { metadata } = world.changes[0]!;
    expect(metadata).toMatchObject({ 'tidegate:evaluated-against': `${ARN}0` });
    for (const name of ['worst-slice', 'cost-per-1000-requests-usd', 'data-watermark'])
      expect(metadata).not.toHaveProperty([`tidegate:${name}`]);
  });

  test('tells the loss of the worst slice as a negative number', async () => {
    const world = new World();
    world.evaluated(0.95, 0.95, { slices: { 'label=1': { rows: 100, accuracy: 0.93 } } });
    await world.step('judge', await begun(world));
    expect(world.changes[0]!.metadata).toMatchObject({ 'tidegate:worst-slice': 'label=1 -0.020000' });
  });

  test('rejects a bad version with the reasons and the next step', async () => {
    const world = new World();
    world.evaluated(0.95, 0.5);
    const { action, output } = await world.step('judge', await begun(world));
    expect(action).toBe('end');
    expect(output).toMatchObject({
      Outcome: 'REFUSED',
      ModelPackageArn: ARN,
      LiveModelPackageArn: null,
      ReportUri: `s3://reports/reports/${EVALUATION}/report.json`,
      Report: { rows: 100, candidate: { accuracy: 0.5 } },
    });
    expect(output!.Report!.candidate).not.toHaveProperty('slices');
    expect(output!.Reasons).toHaveLength(2);
    expect(output!.NextStep).toContain('train or compress another version');
    expect(world.changes[0]).toMatchObject({
      approvalStatus: 'Rejected',
      approvalDescription: `Refused by the gate: ${output!.Reasons.join('; ')}`,
    });
  });

  test('holds a good version where a person approves', async () => {
    const world = new World({ approval: 'MANUAL' });
    world.evaluated(0.95, 0.95);
    const { action, output } = await world.step('judge', await begun(world));
    expect([action, output!.Outcome]).toEqual(['end', 'HELD']);
    expect(output!.Reasons).toEqual(['the version has passed the gate and waits for approval']);
    expect(world.changes[0]!.approvalStatus).toBeUndefined();
  });

  test('shows a good version to a shadow where there is one', async () => {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.95);
    expect((await world.step('judge', await begun(world))).action).toBe('shadow');
  });

  test('fails without a report', async () => {
    const world = new World();
    await expect(world.step('judge', await begun(world))).rejects.toThrow(
      `the evaluation left no report at s3://reports/reports/${EVALUATION}/report.json`,
    );
  });

  test('fails without the state of the beginning', async () => {
    await expect(new World().step('judge', {})).rejects.toThrow('step judge has no state of a rollout');
  });
});

describe('the rollout', () => {
  async function judged(world: World): Promise<RolloutReply> {
    world.evaluated(0.95, 0.96);
    return world.step('judge', await begun(world));
  }

  test('changes the model alone, keeps the settings and watches the new instances', async () => {
    const world = new World();
    const { action, deployment } = await world.step('deploy', await judged(world));
    expect([action, deployment]).toEqual([
      'wait',
      {
        configName: NAME,
        previousConfigName: 'config-1',
        alarmNames: [`${NAME}-0`],
        maxConcurrencyPerInstance: 4,
        startedAt: 1000,
      },
    ]);
    expect(world.models[NAME]).toEqual({
      ModelName: NAME,
      ExecutionRoleArn: 'arn:role',
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: 'triton',
        Environment: { A: 'b' },
        ModelDataSource: {
          S3DataSource: {
            S3Uri: 's3://models/models/b/output/model.tar.gz',
            S3DataType: 'S3Object',
            CompressionType: 'Gzip',
          },
        },
      },
      Tags: [{ Key: 'tidegate:hosted-by', Value: 'endpoint/digits' }],
    });
    expect(world.configs[NAME]).toEqual({
      EndpointConfigName: NAME,
      ProductionVariants: [{ VariantName: 'main', ModelName: NAME, InitialInstanceCount: 3, InitialVariantWeight: 1 }],
      KmsKeyId: 'key',
      Tags: [
        { Key: 'team', Value: 'vision' },
        { Key: 'tidegate:hosted-by', Value: 'endpoint/digits' },
        { Key: 'tidegate:max-concurrency-per-instance', Value: '4' },
      ],
    });
    expect(world.putAlarms).toEqual([
      expect.objectContaining({
        AlarmName: `${NAME}-0`,
        MetricName: 'Invocation5XXErrors',
        Threshold: 0.05,
        Dimensions: [
          { Name: 'EndpointName', Value: 'digits' },
          { Name: 'EndpointConfigName', Value: NAME },
        ],
      }),
    ]);
    expect(world.updates).toEqual([
      {
        EndpointName: 'digits',
        EndpointConfigName: NAME,
        RetainAllVariantProperties: true,
        DeploymentConfig: {
          BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'CANARY', WaitIntervalInSeconds: 60 } },
          AutoRollbackConfiguration: { Alarms: [{ AlarmName: `${NAME}-0` }, { AlarmName: 'business' }] },
        },
      },
    ]);
  });

  test('that is tried again finds its own update', async () => {
    const world = new World();
    const state = await judged(world);
    await world.step('deploy', state);
    world.now = 1030;
    expect((await world.step('deploy', state)).deployment).toMatchObject({ configName: NAME });
    expect(world.updates).toHaveLength(1);
  });

  test('waits while another change is in progress, and then starts from what that has made', async () => {
    const world = new World();
    const state = await judged(world);
    world.isBusy = true;
    expect(await world.step('deploy', state)).toEqual({ ...state, action: 'retry' });
    world.isBusy = false;
    world.configs['config-2'] = { ...world.configs['config-1']!, EndpointConfigName: 'config-2', KmsKeyId: 'other' };
    world.settle('config-2');
    const { deployment } = await world.step('deploy', state);
    expect(deployment!.configName).not.toBe(NAME);
    expect(world.configs[deployment!.configName]!.KmsKeyId).toBe('other');
  });

  test('is observed until the endpoint serves the version, then written down', async () => {
    const world = new World();
    const deployed = await world.step('deploy', await judged(world));
    expect((await world.step('observe', deployed)).action).toBe('wait');
    world.settle(NAME);
    const observed = await world.step('observe', deployed);
    expect(observed.action).toBe('record');
    expect(world.version.approvalStatus).toBe('PendingManualApproval');

    const { action, output } = await world.step('record', observed);
    expect([action, output!.Outcome, output!.LiveModelPackageArn]).toEqual(['end', 'ROLLED_OUT', ARN]);
    expect([output!.Reasons, output!.NextStep]).toEqual([[], expect.stringContaining('The next deployment')]);
    expect(parseLiveModel(world.live)).toEqual({
      bucket: 'models',
      key: 'models/b/output/model.tar.gz',
      modelPackageArn: ARN,
      maxConcurrencyPerInstance: 4,
    });
    expect(world.version.approvalStatus).toBe('Approved');
    expect(world.deletedAlarms).toEqual([`${NAME}-0`]);
  });

  test('of an approved version takes the concurrency of its evaluation, and leaves its approval alone', async () => {
    const world = new World({ approval: 'MANUAL' });
    world.version = {
      ...world.version,
      approvalStatus: 'Approved',
      metadata: { 'tidegate:max-concurrency-per-instance': '16' },
    };
    const deployed = await world.step('deploy', await begun(world));
    expect(deployed.deployment!.maxConcurrencyPerInstance).toBe(16);
    world.settle(NAME);
    await world.step('record', await world.step('observe', deployed));
    expect(world.changes).toEqual([]);
  });

  test('of a folder of files has them as they are, not packed', async () => {
    const world = new World();
    world.live = formatLiveModel({ ...FIRST, key: 'models/float/' });
    world.version = { ...world.version, modelDataUrl: 's3://models/models/awq/' };
    await world.step('deploy', await judged(world));
    expect(world.models[NAME]!.PrimaryContainer!.ModelDataSource).toEqual({
      S3DataSource: { S3Uri: 's3://models/models/awq/', S3DataType: 'S3Prefix', CompressionType: 'None' },
    });
  });

  test('keeps the network isolation of a configuration that has it, and names none to one that has not', async () => {
    for (const [isolated, kept] of [
      [true, true],
      [false, undefined],
    ] as const) {
      const world = new World();
      world.configs['config-1'] = { ...world.configs['config-1']!, EnableNetworkIsolation: isolated };
      await world.step('deploy', await judged(world));
      expect(world.configs[NAME]!.EnableNetworkIsolation).toBe(kept);
    }
  });

  test('copies an alarm on an expression whose metrics watch one configuration, and keeps its other metrics', async () => {
    const world = new World();
    const stat = (MetricName: string, Dimensions: MetricAlarm['Dimensions']) => ({
      Id: MetricName.toLowerCase(),
      MetricStat: { Metric: { Namespace: 'AWS/SageMaker', MetricName, Dimensions }, Period: 60, Stat: 'Sum' },
      ReturnData: false,
    });
    const expression = { Id: 'ratio', Expression: 'errors / requests' };
    const endpoint = { Name: 'EndpointName', Value: 'digits' };
    const onConfig = (Value: string) => [endpoint, { Name: 'EndpointConfigName', Value }];
    world.alarms[0] = {
      AlarmName: 'errors',
      Metrics: [expression, stat('Errors', onConfig('config-1')), stat('Requests', [endpoint])],
    };
    const { deployment } = await world.step('deploy', await judged(world));
    expect(deployment!.alarmNames).toEqual([`${NAME}-0`]);
    expect(world.putAlarms[0]).toMatchObject({ AlarmName: `${NAME}-0`, ActionsEnabled: false });
    expect(world.putAlarms[0]!.Metrics).toEqual([
      expression,
      stat('Errors', onConfig(NAME)),
      stat('Requests', [endpoint]),
    ]);
    expect(world.putAlarms[0]).not.toHaveProperty('MetricName');
  });

  test('keeps an alarm that watches the endpoint whatever its configuration, and one that cannot be found', async () => {
    const world = new World();
    world.alarms.splice(0, 2, {
      AlarmName: 'errors',
      MetricName: 'Errors',
      Dimensions: [{ Name: 'EndpointName', Value: 'digits' }],
    });
    await world.step('deploy', await judged(world));
    expect(world.putAlarms).toEqual([]);
    expect(world.updates[0]!.DeploymentConfig!.AutoRollbackConfiguration).toEqual({
      Alarms: [{ AlarmName: 'errors' }, { AlarmName: 'business' }],
    });
  });

  test('without alarms has no rollback by alarms', async () => {
    const { AutoRollbackConfiguration: _none, ...deployment } = CONFIGURATION.deployment as {
      AutoRollbackConfiguration: unknown;
    };
    const world = new World({ deployment });
    await world.step('deploy', await judged(world));
    expect(world.updates[0]!.DeploymentConfig).toEqual(deployment);
  });

  test('changes one variant of several', async () => {
    const world = new World();
    const [main] = world.configs['config-1']!.ProductionVariants!;
    const other = { ...main!, VariantName: 'other', ModelName: 'model-2' };
    world.configs['config-1'] = { ...world.configs['config-1']!, ProductionVariants: [other, main!] };
    await world.step('deploy', await judged(world));
    expect(world.configs[NAME]!.ProductionVariants).toEqual([other, { ...main!, ModelName: NAME }]);
  });

  test('of an approved version whose concurrency was measured as none keeps that of the live model', async () => {
    const world = new World();
    const metadata = { 'tidegate:max-concurrency-per-instance': '0' };
    world.version = { ...world.version, approvalStatus: 'Approved', metadata };
    expect((await world.step('deploy', await begun(world))).deployment!.maxConcurrencyPerInstance).toBe(8);
  });

  test('of an approved version that was never evaluated keeps the concurrency of the live model', async () => {
    const world = new World();
    world.version = { ...world.version, approvalStatus: 'Approved' };
    expect((await world.step('deploy', await begun(world))).deployment!.maxConcurrencyPerInstance).toBe(8);
  });

  test('that SageMaker rolls back rejects the version and fails with the reason', async () => {
    const world = new World();
    const deployed = await world.step('deploy', await judged(world));
    world.settle('config-1', 'the alarm errors is in ALARM');
    const { action, cause, output } = await world.step('observe', deployed);
    expect([action, output!.Outcome]).toEqual(['fail', 'ROLLED_BACK']);
    expect(cause).toContain('the endpoint rolled the update back: the alarm errors is in ALARM');
    expect(world.version.approvalStatus).toBe('Rejected');
    expect(world.deletedAlarms).toEqual([`${NAME}-0`]);
    expect(parseLiveModel(world.live)).toEqual(FIRST);
  });

  test('of a restored model without a version changes no registry', async () => {
    const world = new World();
    world.live = formatLiveModel({ ...FIRST, key: 'models/c/output/model.tar.gz' });
    const deployed = await world.step('deploy', await world.step('begin', { Restore: true }));
    world.settle(NAME);
    const { output } = await world.step('record', await world.step('observe', deployed));
    expect(output).toMatchObject({ Outcome: 'ROLLED_OUT', ModelPackageArn: null });
    expect(world.changes).toEqual([]);
    world.settle('config-1');
    expect((await world.step('observe', deployed)).action).toBe('fail');
    expect(world.changes).toEqual([]);
  });

  test.each<[string, (world: World) => void, string]>([
    [
      'a model of several containers',
      (world) => (world.models['model-1'] = { ModelName: 'model-1', ExecutionRoleArn: 'r', Containers: [] }),
      'the model model-1 has several containers, and a version of the registry one',
    ],
    [
      'a configuration without the variant',
      (world) => (world.configs['config-1'] = { ...world.configs['config-1']!, ProductionVariants: [] }),
      'the configuration config-1 has no variant main',
    ],
  ])('refuses %s', async (_, change, message) => {
    const world = new World();
    const state = await judged(world);
    change(world);
    await expect(world.step('deploy', state)).rejects.toThrow(message);
  });
});

describe('the shadow', () => {
  const SHADOW_NAME = `${NAME}-shadow`;

  async function shadowed(world: World): Promise<RolloutReply> {
    world.evaluated(0.95, 0.96);
    const shadowing = await world.step('shadow', await world.step('judge', await begun(world)));
    expect(shadowing.action).toBe('wait');
    world.settle(SHADOW_NAME);
    const observed = await world.step('observe', shadowing);
    expect(observed.action).toBe('compare');
    return observed;
  }

  test('stands beside the variant, with its part of the requests', async () => {
    const world = new World({ shadow: SHADOW });
    await shadowed(world);
    expect(world.configs[SHADOW_NAME]).toMatchObject({
      ProductionVariants: [{ VariantName: 'main', ModelName: 'model-1' }],
      ShadowProductionVariants: [
        { VariantName: 'main-shadow', ModelName: NAME, InitialInstanceCount: 2, InitialVariantWeight: 0.5 },
      ],
    });
    expect(world.updates[0]!.DeploymentConfig).not.toHaveProperty('AutoRollbackConfiguration');
  });

  test('that is good is followed by the rollout, without the shadow', async () => {
    const world = new World({ shadow: SHADOW });
    const observed = await shadowed(world);
    world.now = 2000;
    world.loads = {
      main: { requests: 100, serverErrors: 0, meanLatencySeconds: 0.1 },
      'main-shadow': { requests: 50, serverErrors: 0, meanLatencySeconds: 0.1 },
    };
    const compared = await world.step('compare', observed);
    expect([compared.action, compared.refusedBy]).toEqual(['deploy', undefined]);
    expect(world.loadsAsked[0]).toEqual({ from: 1000, to: 2000 });
    const deployed = await world.step('deploy', compared);
    expect(deployed.deployment).toMatchObject({ configName: NAME, previousConfigName: 'config-1' });
    expect(world.configs[NAME]!.ShadowProductionVariants).toBeUndefined();
    world.settle(NAME);
    expect((await world.step('observe', deployed)).action).toBe('record');
  });

  test('that is bad is taken away, and the version is rejected', async () => {
    const world = new World({ shadow: SHADOW });
    const observed = await shadowed(world);
    world.loads = {
      main: { requests: 100, serverErrors: 0, meanLatencySeconds: 0.1 },
      'main-shadow': { requests: 50, serverErrors: 50, meanLatencySeconds: 0.1 },
    };
    const compared = await world.step('compare', observed);
    const deployed = await world.step('deploy', compared);
    expect(world.updates.at(-1)!.EndpointConfigName).toBe('config-1');
    expect(world.updates.at(-1)!.DeploymentConfig).not.toHaveProperty('AutoRollbackConfiguration');
    expect(world.changes.at(-1)!.approvalDescription).toMatch(/^Refused by its shadow: 100\.0 % of the shadow's/);
    expect(world.version.approvalStatus).toBe('Rejected');
    world.settle('config-1');
    const { action, output } = await world.step('observe', deployed);
    expect([action, output!.Outcome]).toEqual(['end', 'REFUSED']);
    expect(output!.Reasons).toEqual(["100.0 % of the shadow's responses are server errors; 1.0 % are allowed"]);
  });

  test('is refused by name where the endpoint cannot have one', async () => {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.96);
    const state = await world.step('judge', await begun(world));
    const [variant] = world.configs['config-1']!.ProductionVariants!;
    world.configs['config-1'] = {
      ...world.configs['config-1']!,
      ProductionVariants: [variant!, { ...variant!, VariantName: 'other' }],
    };
    await expect(world.step('shadow', state)).rejects.toThrow(
      'SageMaker takes one shadow beside one variant, and digits has 2 variants and 0 shadows; leave shadow out of the rollout, or remove the others',
    );
  });

  test('that is on the endpoint already is not made again by another attempt', async () => {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.96);
    const state = await world.step('judge', await begun(world));
    const first = await world.step('shadow', state);
    expect(await world.step('shadow', state)).toEqual(first);
    expect(world.updates).toHaveLength(1);
  });

  test('is refused beside another shadow', async () => {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.96);
    const state = await world.step('judge', await begun(world));
    const [variant] = world.configs['config-1']!.ProductionVariants!;
    world.configs['config-1'] = { ...world.configs['config-1']!, ShadowProductionVariants: [variant!] };
    await expect(world.step('shadow', state)).rejects.toThrow('digits has 1 variants and 1 shadows');
  });

  test.each([
    [2, 1],
    [undefined, 0.5],
  ])('gets half of the requests of a variant with the weight %s by the weight %s', async (weight, expected) => {
    const world = new World({ shadow: SHADOW });
    const [variant] = world.configs['config-1']!.ProductionVariants!;
    world.configs['config-1'] = {
      ...world.configs['config-1']!,
      ProductionVariants: [{ ...variant!, InitialVariantWeight: weight }],
    };
    await shadowed(world);
    expect(world.configs[SHADOW_NAME]!.ShadowProductionVariants![0]!.InitialVariantWeight).toBe(expected);
  });

  test('has a name that SageMaker takes beside a variant with a long one', async () => {
    const variantName = 'v'.repeat(63);
    const world = new World({ shadow: SHADOW, variantName });
    const [variant] = world.configs['config-1']!.ProductionVariants!;
    world.configs['config-1'] = {
      ...world.configs['config-1']!,
      ProductionVariants: [{ ...variant!, VariantName: variantName }],
    };
    await shadowed(world);
    expect(world.configs[SHADOW_NAME]!.ShadowProductionVariants![0]!.VariantName).toBe(`${'v'.repeat(56)}-shadow`);
  });

  test('that SageMaker rolls back rejects the version, and deletes no alarm', async () => {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.96);
    const shadowing = await world.step('shadow', await world.step('judge', await begun(world)));
    world.settle('config-1', 'no capacity');
    expect((await world.step('observe', shadowing)).action).toBe('fail');
    expect(world.version.approvalStatus).toBe('Rejected');
    expect(world.deletedAlarms).toEqual([]);
  });
});

describe('an execution that fails', () => {
  const SHADOW_NAME = `${NAME}-shadow`;

  /** An endpoint with the shadow of an execution. */
  async function shadowed(): Promise<{ readonly world: World; readonly state: RolloutReply }> {
    const world = new World({ shadow: SHADOW });
    world.evaluated(0.95, 0.96);
    const state = await world.step('shadow', await world.step('judge', await begun(world)));
    world.settle(SHADOW_NAME);
    return { world, state };
  }

  test('takes its shadow away, which an update that is rolled back returns to', async () => {
    const { world, state } = await shadowed();
    const deployed = await world.step('deploy', { ...state, action: undefined });
    world.settle(SHADOW_NAME, 'errors');
    const observed = await world.step('observe', deployed);
    expect(observed.action).toBe('fail');
    expect((await world.step('leave', observed)).action).toBe('retry');
    expect(world.updates.at(-1)).toMatchObject({ EndpointConfigName: 'config-1' });
    expect((await world.step('leave', observed)).action).toBe('retry');
    world.settle('config-1');
    const left = await world.step('leave', observed);
    expect([left.action, left.cause]).toEqual(['fail', observed.cause]);
    expect(world.updates).toHaveLength(3);
  });

  test('takes a shadow away that its step has begun and not returned', async () => {
    const { world, state } = await shadowed();
    await world.step('leave', { ...state, shadow: undefined });
    expect(world.updates.at(-1)).toMatchObject({ EndpointConfigName: 'config-1' });
  });

  test('waits while the endpoint changes', async () => {
    const { world, state } = await shadowed();
    world.endpoint = { ...world.endpoint, status: 'Updating' };
    expect((await world.step('leave', state)).action).toBe('retry');
    world.settle(SHADOW_NAME);
    world.isBusy = true;
    expect((await world.step('leave', state)).action).toBe('retry');
    expect(world.updates).toHaveLength(1);
  });

  test('deletes the alarms that it has created, also where no update has begun', async () => {
    const world = new World();
    world.evaluated(0.95, 0.96);
    const state = await world.step('judge', await begun(world));
    world.isBusy = true;
    expect((await world.step('deploy', state)).action).toBe('retry');
    expect((await world.step('leave', state)).action).toBe('fail');
    expect(world.deletedAlarms).toEqual([`${NAME}-0`]);
  });

  test('leaves the shadow of another execution alone', async () => {
    const { world, state } = await shadowed();
    const other = 'digits--ffffffffffff-0000-shadow';
    world.configs[other] = { ...world.configs[SHADOW_NAME]!, EndpointConfigName: other };
    world.settle(other);
    expect((await world.step('leave', state)).action).toBe('fail');
    expect(world.updates).toHaveLength(1);
  });

  test('says what to do about a shadow that does not name its former configuration', async () => {
    const { world, state } = await shadowed();
    world.configs[SHADOW_NAME] = { ...world.configs[SHADOW_NAME]!, Tags: [] };
    await expect(world.step('leave', state)).rejects.toThrow(
      `the configuration ${SHADOW_NAME} does not say what it was made of (tag tidegate:shadow-of); update the endpoint to the one before it`,
    );
  });
});

describe('an execution that ended early', () => {
  const ABANDONED = 'arn:aws:states:us-east-1:123456789012:execution:rollout:a';
  const STEM = `digits--${createHash('md5').update(ABANDONED).digest('hex').slice(0, 12)}`;
  const restore = (world: World): Promise<RolloutReply> => world.step('begin', { Restore: true, Abandoned: ABANDONED });

  test('has its shadow taken away by another one', async () => {
    const world = new World();
    const name = `${STEM}-0000-shadow`;
    world.configs[name] = {
      ...world.configs['config-1']!,
      EndpointConfigName: name,
      Tags: [{ Key: 'tidegate:shadow-of', Value: 'config-1' }],
    };
    world.settle(name);
    const begun = await restore(world);
    expect(begun.action).toBe('leave');
    expect((await world.step('leave', begun)).action).toBe('retry');
    expect(world.updates.at(-1)).toMatchObject({ EndpointConfigName: 'config-1' });
    world.settle('config-1');
    expect(await world.step('leave', begun)).toMatchObject({ action: 'end', output: { Outcome: 'UNCHANGED' } });
  });

  test('has its model replaced by the live one, and its alarms deleted', async () => {
    const world = new World();
    const name = `${STEM}-0000`;
    const [variant] = world.configs['config-1']!.ProductionVariants!;
    world.configs[name] = {
      EndpointConfigName: name,
      ProductionVariants: [{ ...variant!, ModelName: name }],
    };
    world.models[name] = {
      ModelName: name,
      PrimaryContainer: { ModelDataUrl: 's3://models/models/b/output/model.tar.gz' },
    };
    world.putAlarms.push({ AlarmName: `${name}-0` } as PutMetricAlarmCommandInput);
    world.settle(name);
    expect((await world.step('leave', await restore(world))).action).toBe('deploy');
    expect(world.deletedAlarms).toEqual([`${name}-0`]);
  });

  test('loses nothing that others have deployed since', async () => {
    const world = new World();
    world.live = formatLiveModel({ ...FIRST, key: 'models/c/output/model.tar.gz', modelPackageArn: ARN });
    expect(await world.step('leave', await restore(world))).toMatchObject({
      action: 'end',
      output: { Outcome: 'UNCHANGED', Reasons: ['the endpoint has nothing of the execution that ended early'] },
    });
    expect(world.updates).toEqual([]);
  });
});
