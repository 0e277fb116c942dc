import { App, Duration, Size, Stack, TimeZone } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import {
  CompressionPipeline,
  CompressionTechnique,
  type CompressionPipelineProps,
  LanguageModelCompression,
  type LanguageModelCompressionProps,
} from '../../../lib/compression';
import { InputError } from '../../../lib/core/errors';
import { CostGuard, type CostGuardProps } from '../../../lib/cost';
import { SparkPipeline, type SparkPipelineProps } from '../../../lib/features';
import { GpuEndpoint, ModelServer, type GpuEndpointProps } from '../../../lib/inference';
import {
  KafkaIngestion,
  KafkaSource,
  MskCluster,
  RecordField,
  StreamIngestion,
  type KafkaIngestionProps,
  type MskClusterProps,
  type StreamIngestionProps,
} from '../../../lib/ingestion';
import { checkScenarios } from '../../../lib/rehearsal/scenario-checks';
import { PlatformAlarms, type EndpointAlarmsProps } from '../../../lib/monitoring';
import { CapacityForecaster, FleetScaling } from '../../../lib/scaling';
import { TrainingPipeline, type TrainingPipelineProps } from '../../../lib/training';
import { textOf, type Form } from '../form';
import { mutatedSettings, valueOfSetting } from '../settings';

/** Construct with good props: an input changes values of theirs, each within its type, as TypeScript and jsii see to. */
interface Construction {
  readonly name: string;
  readonly share: number;
  readonly good: readonly object[];
  /** Names of members that the compiler demands. */
  readonly required: readonly string[];
  /** Creates the construct; settings are as in the good ones, with values in place of marks. */
  build(stack: Stack, props: never): void;
}

/** Marks of values that JSON does not have. */
const seconds = (value: number): object => ({ $duration: value });
const mebibytes = (value: number): object => ({ $size: value });

const MARKS: { readonly [mark: string]: (given: never) => unknown } = {
  $number: (text: string) => Number(text),
  $duration: (value: number) => Duration.seconds(value),
  $size: (value: number) => Size.mebibytes(value),
  $rate: (value: number) => events.Schedule.rate(Duration.seconds(value)),
  $cron: (fields: object) => events.Schedule.cron(fields),
  $path: (path: string) => RecordField.jsonPath(path),
  $distil: (widths: number[]) => CompressionTechnique.distil(widths),
  $prune: (sparsity: number) => CompressionTechnique.pruneUnits({ sparsity }),
  $zone: (name: string) => TimeZone.of(name),
};

const bucket = (stack: Stack, id: string): s3.IBucket => s3.Bucket.fromBucketName(stack, id, id.toLowerCase());

const endpointIn = (stack: Stack, props: Partial<GpuEndpointProps> = {}): GpuEndpoint =>
  new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    ...props,
  });

const scalingIn = (stack: Stack, limits: object = {}): FleetScaling =>
  new FleetScaling(stack, 'Scaling', { fleet: endpointIn(stack), minCapacity: 1, maxCapacity: 8, ...limits });

const INGESTION = {
  concurrency: 16,
  contentType: 'application/json',
  accept: 'application/json; charset=utf-8',
  maxModelFailures: 5,
  memorySize: mebibytes(512),
  expectedServiceTime: seconds(2),
  expectedRecordsPerSecond: 4,
  orderKey: { $path: '$.key' },
  recordId: { $path: '$.id' },
  maxRecordSize: mebibytes(2),
  batchSize: 200,
  maxBatchingWindow: seconds(1),
  retryAttempts: 10,
  maxRecordAge: seconds(3600),
  timeout: seconds(120),
  reservedConcurrentExecutions: 10,
};

const TRAINING = {
  trainingDataPrefix: 'measurements/',
  instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
  instanceCount: 2,
  maxRuntime: seconds(3600),
  retryAttempts: 3,
  jobNamePrefix: 'service-time',
  spot: true,
  maxWait: seconds(7200),
  schedule: { $rate: 86_400 },
  entryPoint: 'train.py',
  hyperparameters: { epochs: '3', rate: '0.1' },
  environment: { NCCL_DEBUG: 'INFO' },
  metricDefinitions: { 'train:loss': 'loss=([0-9.]+)' },
  volumeSize: mebibytes(51_200),
  inferenceEnvironment: { MODEL: 'm' },
};

export const CONSTRUCTIONS: readonly Construction[] = [
  {
    name: 'settings of Spark pipelines',
    share: 0.8,
    required: [],
    good: [
      {
        landingPrefixes: ['results/', 'measurements/'],
        featuresPrefix: 'features/',
        sparkProperties: { 'spark.executor.cores': '4', 'spark.sql.shuffle.partitions': '16' },
        worker: { vcpus: 4, memoryGb: 16 },
        maxWorkers: 4,
        idleTimeout: seconds(300),
        executionTimeout: seconds(1800),
        maxAttempts: 2,
        schedule: { $rate: 3600 },
        onNewObjects: { maxObjects: 100, maxWait: seconds(60) },
        watermark: seconds(3600),
        sessionGap: seconds(600),
        prices: { usdPerVcpuHour: 0.05, usdPerGbHour: 0.005 },
        autoDeleteObjects: false,
      },
      { job: { entryPoint: 's3://jobs/own.jar', arguments: ['--day', '1'], mainClass: 'org.example.Main' } },
    ],
    build: (stack, props: SparkPipelineProps) => {
      const pipeline = new SparkPipeline(stack, 'Spark', { ...props, landingBucket: bucket(stack, 'Landing') });
      finite({ maxUsdPerHour: pipeline.maxUsdPerHour, maxRuntime: pipeline.maxRuntime.toSeconds() });
    },
  },
  {
    name: 'settings of stream ingestion',
    share: 0.8,
    required: [],
    good: [
      { ...INGESTION, shardCount: 2, retention: seconds(604_800), parallelizationFactor: 2, enhancedFanOut: true },
      {
        shardCount: 2,
        shardScaling: { minShards: 1, maxShards: 8, targetUsePercent: 60, scaleInAfter: seconds(3600) },
      },
      { warmThroughputMebibytesPerSecond: 10, followsCapacity: true, batchSize: 1000 },
    ],
    build: (stack, props: StreamIngestionProps) => {
      const endpoint = endpointIn(stack);
      endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 });
      new StreamIngestion(stack, 'Requests', { ...props, endpoint });
    },
  },
  {
    name: 'settings of Kafka ingestion',
    share: 0.8,
    required: ['topic', 'topicName', 'partitions'],
    good: [
      {
        ...INGESTION,
        topic: { topicName: 'requests', partitions: 12, create: { replicationFactor: 3, retention: seconds(604_800) } },
        consumerGroupId: 'chat',
        minPollers: 1,
        maxPollers: 4,
      },
      { topic: { topicName: 'requests', partitions: 4 }, startingTimestamp: 1_767_571_200 },
    ],
    build: (stack, props: KafkaIngestionProps) => {
      const clusterArn = 'arn:aws:kafka:us-east-1:111122223333:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7';
      const source = KafkaSource.msk({ clusterArn });
      new KafkaIngestion(stack, 'Requests', { ...props, endpoint: endpointIn(stack), source });
    },
  },
  {
    name: 'settings of MSK clusters',
    share: 0.6,
    required: [],
    good: [
      {
        clusterName: 'chat',
        kafkaVersion: '3.9.x',
        brokerType: 'kafka.m7g.large',
        brokersPerSubnet: 2,
        brokerStorage: mebibytes(102_400),
        maxBrokerStorage: mebibytes(409_600),
        storageUtilizationPercent: 60,
      },
      { clusterName: 'mail', brokerType: 'express.m7g.large', brokersPerSubnet: 1 },
    ],
    build: (stack, props: MskClusterProps) => {
      const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
        vpcId: 'vpc-1',
        availabilityZones: ['us-east-1a', 'us-east-1b'],
        privateSubnetIds: ['subnet-1', 'subnet-2'],
      });
      new MskCluster(stack, 'Cluster', { ...props, vpc });
    },
  },
  {
    name: 'settings of training pipelines',
    share: 0.8,
    required: ['instanceTypes', 'maxRuntime'],
    good: [
      TRAINING,
      {
        instanceTypes: ['ml.m5.large'],
        maxRuntime: seconds(600),
        spot: false,
        keepAlive: seconds(300),
        checkpoints: false,
      },
    ],
    build: (stack, props: TrainingPipelineProps) =>
      void new TrainingPipeline(stack, 'Training', { ...props, trainingData: bucket(stack, 'Data') }),
  },
  {
    name: 'settings of compression pipelines',
    share: 0.6,
    required: ['trainingDataPrefix', 'image', 'instanceTypes', 'maxRuntime'],
    good: [
      {
        modelsPrefix: 'models/',
        trainingDataPrefix: 'rows/',
        image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312',
        instanceTypes: ['ml.c5.xlarge'],
        maxRuntime: seconds(3600),
        techniques: [{ $distil: [64, 32] }, { $prune: 0.5 }],
        gate: { maxAccuracyLoss: 0.01, maxLabelLoss: 0.05, minSizeRatio: 2, minSpeedup: 1 },
        modelName: 'classifier',
        jobNamePrefix: 'smaller',
      },
    ],
    build: (stack, props: CompressionPipelineProps) =>
      void new CompressionPipeline(stack, 'Compression', {
        ...props,
        models: bucket(stack, 'Models'),
        trainingData: bucket(stack, 'Rows'),
      }),
  },
  {
    name: 'settings of compressions of language models',
    share: 0.6,
    required: ['technique', 'deploymentInstanceType', 'maxRuntime'],
    good: [
      {
        modelsPrefix: 'models/',
        technique: 'awq',
        deploymentInstanceType: 'ml.g6.12xlarge',
        maxRuntime: seconds(3600),
        image: '763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.36.0-lmi28.0.0-cu130',
        environment: { OPTION_MAX_MODEL_LEN: '4096' },
        acceptEula: true,
        jobNamePrefix: 'awq',
      },
    ],
    build: (stack, props: LanguageModelCompressionProps) =>
      void new LanguageModelCompression(stack, 'Awq', { ...props, models: bucket(stack, 'Models') }),
  },
  {
    name: 'settings of endpoints',
    share: 0.8,
    required: ['pools', 'instanceType', 'capacity'],
    good: [
      {
        endpointName: 'chat',
        variantName: 'main',
        capacity: {
          pools: [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }],
          provisionTimeout: seconds(600),
          quotas: { 'ml.g5.xlarge': 10, 'ml.g6.xlarge': 10 },
          gapAlarm: { after: seconds(900) },
        },
        initialInstanceCount: 2,
        maxConcurrencyPerInstance: 8,
        variantWeight: 1,
        startupTimeout: seconds(600),
        modelDownloadTimeout: seconds(600),
        rollout: { waitInterval: seconds(300), maxErrorRatio: 0.05, maxModelLatency: seconds(20) },
        observability: { detailed: true, metricsFrequency: seconds(60) },
      },
    ],
    build: (stack, props: GpuEndpointProps) => void endpointIn(stack, props),
  },
  {
    name: 'settings of fleets and policies',
    share: 1,
    required: [
      'minCapacity',
      'maxCapacity',
      'threshold',
      'steps',
      'change',
      'targetRatio',
      'schedule',
      'kind',
      'policy',
    ],
    good: [
      {
        limits: { minCapacity: 1, maxCapacity: 8 },
        kind: 'concurrency',
        policy: {
          targetRatio: 0.7,
          targetPerInstance: 5.6,
          scaleInCooldown: seconds(300),
          scaleOutCooldown: seconds(60),
          policyName: 'p',
        },
      },
      {
        limits: { minCapacity: 1, maxCapacity: 8 },
        kind: 'invocations',
        policy: { maxRequestsPerSecond: 4, targetRatio: 0.5, targetPerInstancePerMinute: 100 },
      },
      {
        limits: { minCapacity: 1, maxCapacity: 8 },
        kind: 'steps',
        policy: {
          threshold: 6,
          steps: [
            { lowerBound: 0, upperBound: 10, change: 1 },
            { lowerBound: 10, change: 2 },
          ],
          period: seconds(60),
          evaluationPeriods: 3,
          datapointsToAlarm: 2,
          cooldown: seconds(300),
          minAdjustmentMagnitude: 1,
        },
      },
      {
        limits: { minCapacity: 1, maxCapacity: 8 },
        kind: 'schedule',
        policy: {
          schedule: { hour: '8', minute: '0', weekDay: 'MON-FRI' },
          minCapacity: 4,
          timeZone: { $zone: 'Europe/Berlin' },
        },
      },
    ],
    build: (stack, { limits, kind, policy }: { limits: object; kind: string; policy: never }) => {
      const scaling = scalingIn(stack, limits);
      if (kind === 'concurrency') scaling.scaleOnConcurrency('Policy', policy);
      else if (kind === 'invocations') scaling.scaleOnInvocations('Policy', policy);
      else if (kind === 'steps') scaling.scaleOnMetric('Policy', policy);
      else if (kind === 'schedule') {
        const { schedule, ...rest } = policy as { schedule: appscaling.CronOptions };
        scaling.scaleOnSchedule('Policy', { ...rest, schedule: appscaling.Schedule.cron(schedule) });
      }
    },
  },
  {
    name: 'settings of forecasters',
    share: 0.4,
    required: ['serviceTime'],
    good: [{ serviceTime: seconds(2), provisioningTime: seconds(258) }],
    build: (stack, props: object) =>
      void new CapacityForecaster(stack, 'Forecaster', { ...props, scaling: scalingIn(stack) } as never),
  },
  {
    name: 'settings of alarms',
    share: 0.4,
    required: [],
    good: [{ maxErrorRatio: 0.05, maxModelLatency: seconds(20), maxOverload: seconds(900) }],
    build: (stack, props: EndpointAlarmsProps) =>
      new PlatformAlarms(stack, 'Alarms', { topic: new sns.Topic(stack, 'Topic') }).watchEndpoint(
        endpointIn(stack),
        props,
      ),
  },
  {
    name: 'settings of cost guards',
    share: 0.6,
    required: ['budgetUsd', 'jobNamePrefix', 'instanceTypes'],
    good: [
      {
        budgetUsd: 3000,
        training: { jobNamePrefix: 'tidegate-', instanceTypes: ['ml.g5.xlarge'] },
        pricesPerHourUsd: { 'ml.g5.xlarge': 1.41 },
        trainingPricesPerHourUsd: { 'ml.g5.xlarge': 1.41 },
        thresholds: { warnAtPercent: 80, freezeAtPercent: 90, shrinkAtPercent: 100, releasePercent: 5 },
        forecastSmoothing: seconds(3600),
        guardName: 'guard',
      },
    ],
    build: (stack, props: CostGuardProps) =>
      void new CostGuard(stack, 'Guard', { ...props, fleets: [{ scaling: scalingIn(stack) }] }),
  },
  {
    name: 'scenarios of rehearsals in an app',
    share: 0.6,
    required: ['name', 'failIf', 'stepSeconds', 'requests'],
    good: [
      {
        name: 'rush hour',
        counts: { stepSeconds: 60, requests: [10, 20, 30] },
        failIf: ['slo<99', 'wait-max>60'],
        fleet: 'chat',
        provisioning: seconds(258),
        sloWait: seconds(1),
        seed: 1,
      },
    ],
    build: (_stack, scenario: never) => checkScenarios([scenario]),
  },
];

function finite(figures: { readonly [name: string]: number | undefined }): void {
  for (const [name, value] of Object.entries(figures))
    if (value !== undefined && !Number.isFinite(value)) throw new Error(`${name} is ${value}`);
}

/** Returns the template of a stack whose constructs find no fault in themselves. */
function templateOf(stack: Stack): unknown {
  const problems = stack.node.findAll().flatMap((one) => one.node.validate());
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  return stack.resolve((stack as unknown as { _toCloudFormation(): unknown })._toCloudFormation());
}

/** Throws an error for a value of a template that CloudFormation refuses as none; JSON makes null of a number that is none. */
function refuseNulls(value: unknown, path = ''): void {
  if (value === null) throw new Error(`${path} is null`);
  if (typeof value !== 'object') return;
  for (const [name, member] of Object.entries(value as object)) refuseNulls(member, `${path}.${name}`);
}

function built({ build }: Construction, text: string): unknown {
  let settings: unknown;
  try {
    settings = valueOfSetting(JSON.parse(text), MARKS);
  } catch (error) {
    // The CDK refuses some durations, sizes and schedules itself.
    throw new InputError(`no setting comes of it: ${String(error)}`);
  }
  const stack = new Stack(new App({ context: CONTEXT, analyticsReporting: false }), 'Hostile', { env: ENVIRONMENT });
  build(stack, settings as never);
  const template = templateOf(stack);
  refuseNulls(template);
  return template;
}

const ENVIRONMENT = { account: '111122223333', region: 'us-east-1' };
/** Assets are used where they are: copies of them show nothing. */
const CONTEXT = { 'aws:cdk:disable-asset-staging': true };

export const CONSTRUCT_FORMS: readonly Form[] = CONSTRUCTIONS.map((construction) => ({
  name: construction.name,
  share: construction.share,
  input: (random) => {
    const { good, required } = construction;
    return JSON.stringify(mutatedSettings(good[Math.floor(random.uniform() * good.length)], required, random));
  },
  read: (input) => built(construction, textOf(input)),
}));
