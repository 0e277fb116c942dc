import { Duration, Size, type Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sns from 'aws-cdk-lib/aws-sns';
import { CompressionPipeline, LanguageModelCompression, LanguageModelTechnique } from '../../lib/compression';
import { DriftMonitor } from '../../lib/drift';
import { EdgeFleet, EdgeModel } from '../../lib/edge';
import { SparkPipeline } from '../../lib/features';
import {
  AsyncEndpoint,
  GpuEndpoint,
  ModelArtifact,
  ModelServer,
  ServerlessEndpoint,
  SharedGpuEndpoint,
} from '../../lib/inference';
import {
  KafkaAuthentication,
  KafkaIngestion,
  KafkaSource,
  ResultSink,
  ResultTable,
  StreamIngestion,
} from '../../lib/ingestion';
import { PlatformAlarms } from '../../lib/monitoring';
import { LiveModel, ModelRollout } from '../../lib/rollout';
import { ModelRegistry, TrainingPipeline, TrainingTriggers } from '../../lib/training';
import { modelFolder } from '../edge/models';

/** A model server and its model. */
function servingIn(stack: Stack): { readonly modelServer: ModelServer; readonly modelArtifact: ModelArtifact } {
  const models = s3.Bucket.fromBucketName(stack, 'Models', 'models');
  return { modelServer: ModelServer.triton(), modelArtifact: ModelArtifact.fromBucketPrefix(models, 'chat/') };
}

/** Alarms that notify a topic. */
function alarmsIn(stack: Stack): PlatformAlarms {
  const topic = sns.Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:us-east-1:123456789012:oncall');
  return new PlatformAlarms(stack, 'Alarms', { topic });
}

const cpuServer = ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3');
const pools = [{ instanceType: 'ml.g5.xlarge' }, { instanceType: 'ml.g6.xlarge' }];

/** Account and region of the stacks of {@link CONSTRUCTS}. */
export const CONSTRUCT_ENV = { account: '123456789012', region: 'us-east-1' };

/** Uses of the constructs beside those of the stages, each in a stack of its own. */
export const CONSTRUCTS: readonly (readonly [name: string, define: (stack: Stack) => void])[] = [
  [
    'an asynchronous endpoint that scales to zero',
    (stack) => {
      const scaling = new AsyncEndpoint(stack, 'Films', {
        ...servingIn(stack),
        capacity: { pools },
      }).autoScale({
        minCapacity: 0,
        maxCapacity: 3,
      });
      scaling.scaleOnBacklog('backlog');
      scaling.scaleToZero('wake');
    },
  ],
  [
    'an endpoint with two variants',
    (stack) => {
      const serving = servingIn(stack);
      const endpoint = new GpuEndpoint(stack, 'Chat', {
        ...serving,
        capacity: { pools },
        endpointName: 'chat',
        variantWeight: 9,
      });
      const challenger = endpoint.addVariant('challenger', { ...serving, maxConcurrencyPerInstance: 16 });
      for (const fleet of [endpoint, challenger])
        fleet.autoScale({ minCapacity: 1, maxCapacity: 4 }).scaleOnConcurrency('concurrency');
    },
  ],
  [
    'versions of a model that are trained, compressed, shown to a shadow and rolled out',
    (stack) => {
      const rows = s3.Bucket.fromBucketName(stack, 'Rows', 'vision-rows');
      const image = '763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6.0-cpu-py312';
      const registry = new ModelRegistry(stack, 'Registry');
      const job = { instanceTypes: ['ml.g5.xlarge'], maxRuntime: Duration.hours(1), registry };
      const trained = new TrainingPipeline(stack, 'Training', { ...job, trainingData: rows });
      const compressed = new CompressionPipeline(stack, 'Compression', {
        ...job,
        models: trained.modelBucket,
        trainingData: rows,
        trainingDataPrefix: 'train/',
        image,
      });
      const live = new LiveModel(stack, 'Live', {
        initialModel: ModelArtifact.fromBucket(trained.modelBucket, 'models/first/output/model.tar.gz'),
      });
      const endpoint = new GpuEndpoint(stack, 'Classifier', {
        modelServer: ModelServer.triton(),
        modelArtifact: live.artifact,
        maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
        capacity: { pools },
      });
      endpoint
        .autoScale({ minCapacity: 1, maxCapacity: 4 })
        .scaleOnConcurrency('concurrency', { targetPerInstance: live.targetPerInstance });
      const rollout = new ModelRollout(stack, 'Rollout', {
        endpoint,
        live,
        registry,
        models: [trained.modelBucket, compressed.modelBucket],
        evaluationData: rows,
        image,
        maxRuntime: Duration.hours(1),
        shadow: { duration: Duration.hours(1) },
      });
      alarmsIn(stack).watchRollout(rollout);
    },
  ],
  [
    'a rollout of language models',
    (stack) => {
      const models = s3.Bucket.fromBucketName(stack, 'Models', 'language-models');
      const live = new LiveModel(stack, 'Live', {
        initialModel: ModelArtifact.fromBucketPrefix(models, 'models/chat/'),
      });
      const rollout = new ModelRollout(stack, 'Rollout', {
        endpoint: new GpuEndpoint(stack, 'Chat', {
          modelServer: ModelServer.lmi(),
          modelArtifact: live.artifact,
          capacity: { pools },
        }),
        live,
        registry: new ModelRegistry(stack, 'Registry'),
        models: [models],
        evaluationData: s3.Bucket.fromBucketName(stack, 'Prompts', 'prompts'),
        maxRuntime: Duration.hours(2),
        languageModel: {},
        guardTable: dynamodb.Table.fromTableName(stack, 'Guard', 'guard'),
      });
      alarmsIn(stack).watchRollout(rollout);
    },
  ],
  [
    'a compression of a language model',
    (stack) =>
      void new LanguageModelCompression(stack, 'Awq', {
        models: s3.Bucket.fromBucketName(stack, 'Models', 'language-models'),
        technique: LanguageModelTechnique.INT4_AWQ,
        deploymentInstanceType: 'ml.g6.12xlarge',
        maxRuntime: Duration.hours(6),
        registry: new ModelRegistry(stack, 'Registry'),
        guardTable: dynamodb.Table.fromTableName(stack, 'Guard', 'guard'),
        outputKey: kms.Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:us-east-1:123456789012:key/1'),
      }),
  ],
  [
    'a serverless endpoint',
    (stack) => void new ServerlessEndpoint(stack, 'Router', { modelServer: cpuServer, provisionedConcurrency: 1 }),
  ],
  [
    'a component on shared instances that scales to zero',
    (stack) => {
      const shared = new SharedGpuEndpoint(stack, 'Shared', {
        capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }, { instanceType: 'ml.g6.12xlarge' }] },
        maxInstances: 4,
        inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
      });
      const chat = shared.addModel('Chat', { ...servingIn(stack), memory: Size.gibibytes(16) });
      const scaling = chat.autoScale({ minCapacity: 0, maxCapacity: 3 });
      scaling.scaleOnConcurrency('concurrency');
      scaling.scaleToZero('wake');
    },
  ],
  [
    'a Spark pipeline with every trigger',
    (stack) =>
      void new SparkPipeline(stack, 'Features', {
        landingBucket: s3.Bucket.fromBucketName(stack, 'Landing', 'landed'),
        schedule: events.Schedule.rate(Duration.hours(1)),
        onNewObjects: {},
        guardTable: dynamodb.Table.fromTableName(stack, 'Guard', 'guard'),
      }),
  ],
  [
    'the results of an ingestion on an event bus, a stream and in a table',
    (stack) => {
      const { resultsBucket } = new StreamIngestion(stack, 'Requests', {
        endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
      });
      void new ResultSink(stack, 'Bus', { resultsBucket, eventBus: new events.EventBus(stack, 'Answers') });
      const stream = kinesis.Stream.fromStreamArn(
        stack,
        'Stream',
        `arn:aws:kinesis:us-east-1:123456789012:stream/answers`,
      );
      void new ResultSink(stack, 'OnStream', { resultsBucket, stream });
      void new ResultTable(stack, 'Table', { resultsBucket });
    },
  ],
  [
    'a topic of a cluster outside MSK, in a network of its own',
    (stack) => {
      const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
        vpcId: 'vpc-12345678',
        availabilityZones: ['us-east-1a', 'us-east-1b'],
        privateSubnetIds: ['subnet-11111111', 'subnet-22222222'],
        privateSubnetRouteTableIds: ['rtb-11111111', 'rtb-22222222'],
      });
      const secret = (name: string): secretsmanager.ISecret =>
        secretsmanager.Secret.fromSecretCompleteArn(
          stack,
          name,
          `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-abcdef`,
        );
      const requests = new KafkaIngestion(stack, 'Requests', {
        endpoint: GpuEndpoint.fromEndpointName(stack, 'Chat', 'chat', 'main'),
        source: KafkaSource.selfManaged({
          bootstrapServers: ['broker-1.example.com:9096', 'broker-2.example.com:9096'],
          authentication: KafkaAuthentication.scramSha512(secret('login')),
          rootCaCertificate: secret('authority'),
          vpc,
          securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Brokers', 'sg-12345678')],
        }),
        topic: { topicName: 'requests', partitions: 4 },
      });
      const { resultsBucket, source: cluster } = requests;
      void new ResultSink(stack, 'OnTopic', { resultsBucket, topic: { cluster, topicName: 'answers' } });
      alarmsIn(stack).watchKafkaIngestion(requests);
    },
  ],
  [
    'a drift monitor whose alarm starts training, as do a schedule and new data',
    (stack) => {
      const rows = s3.Bucket.fromBucketName(stack, 'Rows', 'rows');
      const monitor = new DriftMonitor(stack, 'Drift', {
        capturedData: s3.Bucket.fromBucketName(stack, 'Captured', 'captured'),
        capturedDataPrefix: 'data-capture/chat/main/',
        columns: ['input.age', 'input.plan'],
        baselineData: rows,
      });
      alarmsIn(stack).watchDrift(monitor);
      const pipeline = new TrainingPipeline(stack, 'Training', {
        trainingData: rows,
        instanceTypes: ['ml.g5.xlarge'],
        maxRuntime: Duration.hours(1),
      });
      void new TrainingTriggers(stack, 'Triggers', {
        pipeline,
        schedule: events.Schedule.cron({ hour: '3', minute: '0' }),
        newData: { bucket: rows, prefix: 'rows/', minSize: Size.mebibytes(10) },
        alarms: [
          cloudwatch.Alarm.fromAlarmArn(stack, 'Drifted', 'arn:aws:cloudwatch:us-east-1:123456789012:alarm:drifted'),
        ],
      });
    },
  ],
  [
    'a fleet of devices that asks an endpoint',
    (stack) =>
      alarmsIn(stack).watchEdgeFleet(
        new EdgeFleet(stack, 'Cameras', {
          model: EdgeModel.fromDirectory(modelFolder()),
          stream: new kinesis.Stream(stack, 'Results', { encryption: kinesis.StreamEncryption.MANAGED }),
          endpoint: GpuEndpoint.fromEndpointName(stack, 'Digits', 'digits', 'main'),
          expectedDevices: 20,
        }),
      ),
  ],
];
