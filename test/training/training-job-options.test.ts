import * as sagemaker from '@aws-sdk/client-sagemaker';
import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  ChannelFileSystem,
  ChannelInputMode,
  PackedAsset,
  TrainingChannel,
  TrainingDistribution,
  TrainingPipeline,
  type TrainingPipelineProps,
} from '../../lib/training';

type Request = { readonly [member: string]: unknown };
type Properties = (stack: Stack) => Partial<TrainingPipelineProps>;

const PLAN = 'arn:aws:sagemaker:us-east-1:123456789012:training-plan/large';
const MLFLOW = 'arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/runs';
const RULES = '503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest';

function deploy(properties: Properties): Template {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const given = properties(stack);
  new TrainingPipeline(stack, 'Training', {
    trainingData: s3.Bucket.fromBucketName(stack, 'Data', 'landed'),
    ...(given.instanceGroups === undefined ? { instanceTypes: ['ml.g5.xlarge'] } : {}),
    maxRuntime: Duration.hours(1),
    ...given,
  });
  return Template.fromStack(stack);
}

function requestOf(template: Template): Request {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  const text = (machine!.Properties as { DefinitionString: { 'Fn::Join': [string, unknown[]] } }).DefinitionString;
  const joined = text['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'REF')).join('');
  const { States } = JSON.parse(joined) as { States: { [name: string]: { Parameters?: Request } } };
  return Object.entries(States).find(([name]) => name.startsWith('Train on '))![1].Parameters!;
}

const problems = (properties: Properties): string => {
  try {
    deploy(properties);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('accepted');
};

const channels = (stack: Stack) => {
  const bucket = s3.Bucket.fromBucketName(stack, 'Images', 'images');
  return {
    piped: TrainingChannel.fromManifest(bucket, {
      manifestKey: 'train.manifest',
      prefix: 'train/',
      attributeNames: ['source-ref', 'label'],
      inputMode: ChannelInputMode.PIPE,
      contentType: 'image/png',
      gzipped: true,
      recordIo: true,
      shuffleSeed: 7,
    }),
    model: TrainingChannel.fromBucket(bucket, {
      prefix: 'base/',
      inputMode: ChannelInputMode.FILE,
      acceptEula: true,
      hubContentArn: 'arn:aws:sagemaker:us-east-1:123456789012:hub-content/hub/ModelReference/llama/1.0.0',
    }),
    shared: TrainingChannel.fromFileSystem({
      fileSystemId: 'fs-0123456789abcdef0',
      fileSystem: ChannelFileSystem.EFS,
      directoryPath: '/data',
    }),
  };
};

const rule = {
  image: RULES,
  parameters: { rule_to_invoke: 'LossNotDecreasing' },
  instanceType: 'ml.t3.medium',
  volumeSize: Size.gibibytes(10),
  localPath: '/opt/ml/processing/output/rule/',
};

/** All that a job on instances of one type can have. */
const alike: Properties = (stack) => ({
  channels: channels(stack),
  network: { vpc: new ec2.Vpc(stack, 'Vpc', { maxAzs: 2 }) },
  instanceTypes: ['ml.m5.xlarge'],
  instanceCount: 4,
  spot: false,
  keepAlive: Duration.minutes(30),
  trainingPlanArn: PLAN,
  ultraServers: [{ ultraServerId: 'us-1', instanceCount: 2 }, { instanceCount: 2 }],
  sharedUltraServers: true,
  maxPendingTime: Duration.hours(2),
  retryAttempts: 3,
  volumeKey: new kms.Key(stack, 'VolumeKey'),
  outputKey: new kms.Key(stack, 'OutputKey'),
  environment: { LOG_LEVEL: 'debug' },
  metricDefinitions: { loss: 'loss=([0-9.]+)' },
  metricsTimeSeries: true,
  containerEntrypoint: ['python3', 'train.py'],
  containerArguments: ['--fast'],
  checkpointLocalPath: '/opt/ml/kept',
  infraCheck: true,
  remoteDebug: true,
  sessionTagChaining: true,
  tensorBoard: { localPath: '/opt/ml/output/board' },
  debugHook: {
    localPath: '/opt/ml/output/tensors/',
    parameters: { 'train.save_interval': '100' },
    collections: { losses: { save_interval: '50' } },
    rules: { loss: rule },
  },
  profiler: {
    interval: Duration.millis(200),
    parameters: { DataLoaderProfilingConfig: '{"StartStep": 2}' },
    rules: { cpu: rule },
  },
  experiment: { experimentName: 'digits', trialName: 'first', displayName: 'run', runName: 'one' },
  mlflow: { resourceArn: MLFLOW, experimentName: 'digits', runName: 'one' },
  jobTags: { team: 'vision' },
});

/** What excludes the rest: groups, spot capacity, isolation, and no profiler. */
const mixed: Properties = (stack) => ({
  channels: {
    images: TrainingChannel.fromBucket(s3.Bucket.fromBucketName(stack, 'Images', 'images'), {
      instanceGroups: ['gpu'],
    }),
  },
  instanceGroups: [
    { name: 'cpu', instanceType: 'ml.c5.xlarge', instanceCount: 2, distributed: false },
    { name: 'gpu', instanceType: 'ml.g5.xlarge', instanceCount: 1 },
  ],
  distribution: TrainingDistribution.TORCHRUN,
  sourceDirectory: PackedAsset.classifierSourcePath(),
  network: { isolation: true },
  disableProfiler: true,
});

/** Schemas of the SDK: `[3, …, names, schemas]` of a structure, `[1, …, schema]` of a list, a function that returns one, or a simple type. */
type Schema = number | (() => Schema) | readonly unknown[];

/** Paths of the members of a structure, those of the elements of lists among them. */
function pathsOf(schema: Schema, path = ''): string[] {
  const known = typeof schema === 'function' ? schema() : schema;
  if (!Array.isArray(known)) return [path];
  if (known[0] === 1) return pathsOf(known[4] as Schema, path);
  if (known[0] !== 3) return [path];
  const names = known[4] as string[];
  return names.flatMap((name, index) =>
    pathsOf((known[5] as Schema[])[index]!, path === '' ? name : `${path}.${name}`),
  );
}

const plain = (path: string): string => path.replace(/\.\$$/, '');

/** Whether a value has something at a path of the SDK. */
function has(value: unknown, [name, ...rest]: readonly string[]): boolean {
  if (Array.isArray(value)) return value.some((one) => has(one, [name!, ...rest]));
  if (name === undefined) return value !== undefined;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, member]) => plain(key) === name && has(member, rest));
}

/** Members that a pipeline does not send, and why. */
const NOT_SENT: { readonly [reason: string]: readonly string[] } = {
  'answered by DescribeTrainingJob only': [
    'ResourceConfig.SelectedInstanceType',
    'ResourceConfig.SelectedInstanceCount',
  ],
  'the pipeline tries its types itself, on spot capacity too': [
    'ResourceConfig.InstancePreferences.InstanceType',
    'ResourceConfig.InstancePreferences.InstanceCount',
    'ResourceConfig.InstancePreferences.TrainingPlanArns',
  ],
  'an algorithm of the Marketplace takes no script': ['AlgorithmSpecification.AlgorithmName'],
  'images are in ECR': [
    'AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAccessMode',
    'AlgorithmSpecification.TrainingImageConfig.TrainingRepositoryAuthConfig.TrainingRepositoryCredentialsProviderArn',
  ],
  'models are archives, which the registry, rollouts and edge devices read': ['OutputDataConfig.CompressionType'],
  'jobs without instances of their own customise models of JumpStart': [
    ...[
      'BaseModelArn',
      'AcceptEula',
      'JobType',
      'CustomizationTechnique',
      'Peft',
      'EvaluationType',
      'EvaluatorArn',
    ].map((name) => `ServerlessJobConfig.${name}`),
    'ServerlessJobConfig.SequenceLength',
    'ModelPackageConfig.ModelPackageGroupArn',
    'ModelPackageConfig.SourceModelPackageArn',
    'InputDataConfig.DataSource.DatasetSource.DatasetArn',
  ],
};

test('a pipeline can send every member of CreateTrainingJob that the SDK knows, but those with a reason', () => {
  const requests = [alike, mixed, () => ({})].map((properties) => requestOf(deploy(properties)));
  const missing = pathsOf(sagemaker.CreateTrainingJobRequest$ as unknown as Schema).filter(
    (path) => !requests.some((request) => has(request, path.split('.'))),
  );
  expect(missing.sort()).toEqual(Object.values(NOT_SENT).flat().sort());
});

test('a heterogeneous cluster has its groups, and torchrun in those that are distributed', () => {
  const request = requestOf(deploy(mixed));
  expect(request['ResourceConfig']).toEqual({
    InstanceGroups: [
      { InstanceGroupName: 'cpu', InstanceType: 'ml.c5.xlarge', InstanceCount: 2 },
      { InstanceGroupName: 'gpu', InstanceType: 'ml.g5.xlarge', InstanceCount: 1 },
    ],
    VolumeSizeInGB: 50,
  });
  expect(request).toMatchObject({
    EnableInterContainerTrafficEncryption: true,
    ProfilerConfig: { DisableProfiler: true },
    HyperParameters: {
      sagemaker_torch_distributed_enabled: 'true',
      sagemaker_distribution_instance_groups: '["gpu"]',
    },
  });
});

test('the role of the jobs may do what the options need, and no more without them', () => {
  const options = [
    's3:PutObject on debug/* and tensorboard/*',
    'sagemaker-mlflow:LogMetric',
    'ssmmessages:OpenDataChannel',
    'logs of ProcessingJobs',
  ];
  const allowed = (template: Template): string[] => {
    const text = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    return [
      ...(/\/debug\/\*/.test(text) && /\/tensorboard\/\*/.test(text) ? [options[0]!] : []),
      ...options.slice(1, 3).filter((action) => text.includes(action)),
      ...(text.includes('/aws/sagemaker/ProcessingJobs*') ? [options[3]!] : []),
    ];
  };
  expect(allowed(deploy(alike))).toEqual(options);
  expect(allowed(deploy(() => ({})))).toEqual([]);
});

test.each<[string, Properties]>([
  [
    "checkpointLocalPath ('checkpoints') is not absolute; begin it with /",
    () => ({ instanceTypes: ['ml.c5.xlarge'], checkpointLocalPath: 'checkpoints' }),
  ],
  [
    'network.securityGroups has 0 groups; 1 to 5 are allowed',
    (stack) => ({
      instanceTypes: ['ml.c5.xlarge'],
      network: { vpc: new ec2.Vpc(stack, 'Vpc', { maxAzs: 1 }), securityGroups: [] },
    }),
  ],
  [
    'instanceTypes and instanceGroups exclude each other',
    (stack) => ({ ...mixed(stack), instanceTypes: ['ml.g5.xlarge'] }),
  ],
  [
    'keepAlive keeps no heterogeneous cluster',
    (stack) => ({ ...mixed(stack), spot: false, keepAlive: Duration.hours(1) }),
  ],
  ['instanceCount is that of instanceTypes', (stack) => ({ ...mixed(stack), instanceCount: 2 })],
  ['there are 0 instanceGroups; 1 to 5 are allowed', () => ({ instanceGroups: [] })],
  [
    "instanceGroups[1].name ('a') must have 1 to 64 characters, and be the name of no other group",
    () => ({
      instanceGroups: [1, 2].map((instanceCount) => ({ name: 'a', instanceType: 'ml.c5.xlarge', instanceCount })),
    }),
  ],
  [
    'instanceGroups[0].instanceCount (0) must be a whole number from 1',
    () => ({ instanceGroups: [{ name: 'a', instanceType: 'ml.c5.xlarge', instanceCount: 0 }] }),
  ],
  [
    'volumeKey is refused for types with NVMe disks',
    (stack) => ({ ...mixed(stack), volumeKey: new kms.Key(stack, 'Key') }),
  ],
  ['there are no instanceGroups gpu; the pipeline has none', (stack) => ({ channels: mixed(stack).channels! })],
  ['ultraServers are reserved by a training plan', () => ({ ultraServers: [{ instanceCount: 1 }] })],
  [
    'ultraServers place 3 instances, and instanceCount is 2',
    () => ({ spot: false, trainingPlanArn: PLAN, instanceCount: 2, ultraServers: [{ instanceCount: 3 }] }),
  ],
  ['sharedUltraServers belongs to ultraServers', () => ({ sharedUltraServers: true })],
  ['maxPendingTime (60 s) must be 1800 to 2419200 whole seconds', () => ({ maxPendingTime: Duration.minutes(1) })],
  [
    'profiler.interval (300 ms) is not allowed; use 100, 200, 500',
    () => ({ profiler: { interval: Duration.millis(300) } }),
  ],
  ['profiler and disableProfiler exclude each other', () => ({ profiler: {}, disableProfiler: true })],
  ['remoteDebug opens a channel to Systems Manager', () => ({ remoteDebug: true, network: { isolation: true } })],
  ['containerEntrypoint has 0 texts; 1 to 100', () => ({ containerEntrypoint: [] })],
  [
    'debugHook.collections.losses.save is too long',
    () => ({ debugHook: { collections: { losses: { save: 'x'.repeat(257) } } } }),
  ],
  [
    'rules loss are in debugHook and profiler',
    () => ({ debugHook: { rules: { loss: rule } }, profiler: { rules: { loss: rule } } }),
  ],
  [
    'debugHook.rules.loss.volumeSize (0.5 GiB) must be a whole number',
    () => ({ debugHook: { rules: { loss: { ...rule, volumeSize: Size.mebibytes(512) } } } }),
  ],
  ["experiment.experimentName ('-') is not allowed", () => ({ experiment: { experimentName: '-' } })],
  ['experiment.trialName is a trial of an experiment', () => ({ experiment: { trialName: 'first' } })],
  ["mlflow.resourceArn ('runs') is no MLflow of SageMaker", () => ({ mlflow: { resourceArn: 'runs' } })],
  ['mlflow.runName must have 1 to 256 characters', () => ({ mlflow: { resourceArn: MLFLOW, runName: '' } })],
  ['jobTags.aws:team is not allowed', () => ({ jobTags: { 'aws:team': 'vision' } })],
  [
    'checkpointLocalPath has no effect without checkpoints',
    () => ({ spot: false, checkpoints: false, checkpointLocalPath: '/kept' }),
  ],
  [
    'channels.zipped: gzipped is for a pipe',
    (stack) => ({
      channels: {
        zipped: TrainingChannel.fromBucket(s3.Bucket.fromBucketName(stack, 'Rows', 'rows'), { gzipped: true }),
      },
    }),
  ],
  [
    'channels.lines: attributeNames is for a pipe',
    (stack) => ({
      channels: {
        lines: TrainingChannel.fromManifest(s3.Bucket.fromBucketName(stack, 'Rows', 'rows'), {
          manifestKey: 'lines.manifest',
          attributeNames: ['label'],
        }),
      },
    }),
  ],
])('%s', (message, properties) => {
  expect(problems(properties)).toContain(message);
});
