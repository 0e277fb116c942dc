import { Duration, Stack, type App } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as glue from 'aws-cdk-lib/aws-glue';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { GlueSchemaRegistry } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { SparkPipeline } from '../../lib/features';
import { AsyncEndpoint, GpuEndpoint } from '../../lib/inference';
import {
  KafkaFailureDestination,
  KafkaIngestion,
  MskCluster,
  MskServerlessCluster,
  PayloadMapping,
  ResultSink,
  ResultTable,
  StreamIngestion,
} from '../../lib/ingestion';
import { PlatformStack } from '../../lib/platform';
import { EndpointTourStack } from '../../lib/platform/endpoint-tour-stack';
import { LEARNING_TOUR_STATES } from '../../lib/platform/contract';
import { LearningTourStack } from '../../lib/platform/learning-tour-stack';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';

/** The rules that are accepted wherever an endpoint is served: on its alarms, its configuration and its role. */
const OF_ENDPOINTS = [
  'CloudWatchAlarmAction',
  'IAM5',
  'IAMNoInlinePolicy',
  'SageMakerEndpointConfigurationKMSKeyConfigured',
];

/** The rules that are accepted of every bucket. */
const OF_BUCKETS = ['S3BucketDefaultLockEnabled', 'S3BucketReplicationEnabled', 'S3DefaultEncryptionKMS'];

/** The rules that are accepted of a bucket without access logs. */
const WITHOUT_ACCESS_LOGS = ['S1', 'S3BucketLoggingEnabled'];

/** The rules that are accepted of handlers, with their logs, tables, schedules and dead-letter queues. */
const OF_HANDLERS = [
  'CloudWatchLogGroupEncrypted',
  'DynamoDBInBackupPlan',
  'EventBusDLQ',
  'LambdaAsyncFailureDestination',
  'LambdaConcurrency',
  'LambdaDLQ',
  'LambdaInsideVPC',
  'LambdaTracing',
  'SQS3',
  'SQSRedrivePolicy',
];

/** The rules that are accepted of sinks of results. */
const OF_SINKS = ['KDF1', 'LambdaEventSourceMappingDestination'];

/** A stack that is deployed as it is, with the findings of cdk-nag that it acknowledges. */
export interface StackCase {
  readonly name: string;
  readonly define: (app: App) => Stack;
  /** The rules that are accepted, without the names of their packs. */
  readonly accepts: readonly string[];
}

const stages: StackCase[] = STAGE_NAMES.map((name) => ({
  name: `stage ${name}`,
  define: (app) => new PlatformStack(app, `Tidegate-${name}`, { stage: stageConfiguration(name) }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...(name === 'prod' ? [] : WITHOUT_ACCESS_LOGS)],
}));
const withEverything: StackCase = {
  name: 'stage with a feature pipeline, a topic, shards that are scaled, and recipients of every kind',
  define: (app) =>
    new PlatformStack(app, 'Tidegate-dev', {
      stage: {
        ...stageConfiguration('dev'),
        accessLogs: true,
        shardCount: 2,
        maxShardCount: 16,
        features: {},
        kafka: {
          clusterArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7',
        },
        notifications: {
          emailAddresses: ['oncall@example.com'],
          webhookParameterNames: ['/tidegate/slack'],
          httpsEndpoints: ['https://events.example.com/integration/1'],
        },
      },
    }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, 'SNSRedrivePolicy'],
};
const withKafka: StackCase = {
  name: 'stack with topics of both kinds of MSK clusters',
  define: (app) => {
    const stack = new Stack(app, 'Tidegate-dev-kafka', { env: { region: 'us-east-1' } });
    const endpoint = GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'AllTraffic');
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-12345678',
      availabilityZones: ['us-east-1a', 'us-east-1b'],
      privateSubnetIds: ['subnet-11111111', 'subnet-22222222'],
      privateSubnetRouteTableIds: ['rtb-11111111', 'rtb-22222222'],
    });
    const topic = { topicName: 'requests', partitions: 4 };
    const serverless = new MskServerlessCluster(stack, 'Serverless', { vpc });
    new KafkaIngestion(stack, 'FromServerless', { endpoint, source: serverless.source, topic });
    const provisioned = new MskCluster(stack, 'Provisioned', { vpc });
    new KafkaIngestion(stack, 'FromProvisioned', {
      endpoint,
      source: provisioned.source,
      topic: { ...topic, create: {} },
    });
    return stack;
  },
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS],
};
const dataPlane: StackCase = {
  name: 'stack with everything of the data plane',
  define: (app) => {
    const stack = new Stack(app, 'Tidegate-dev-data', { env: { region: 'us-east-1', account: '123456789012' } });
    const endpoint = GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'AllTraffic');
    const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:prompts';
    const mappings = {
      requestMapping: PayloadMapping.jmesPath('{inputs: prompt}'),
      responseMapping: PayloadMapping.lambdaFunction(
        lambda.Function.fromFunctionAttributes(stack, 'Prompts', { functionArn, sameEnvironment: true }),
      ),
    };
    const spillTo = {
      endpoint: AsyncEndpoint.fromAsyncEndpointAttributes(stack, 'Later', {
        endpointName: 'later',
        variantName: 'main',
        storage: { bucket: s3.Bucket.fromBucketName(stack, 'Films', 'films') },
      }),
      afterAge: Duration.minutes(2),
    };
    const requests = new StreamIngestion(stack, 'Requests', {
      endpoint,
      ...mappings,
      shardCount: 2,
      shardScaling: { maxShards: 16 },
      spillTo,
    });
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-12345678',
      availabilityZones: ['us-east-1a', 'us-east-1b'],
      privateSubnetIds: ['subnet-11111111', 'subnet-22222222'],
      privateSubnetRouteTableIds: ['rtb-11111111', 'rtb-22222222'],
    });
    const { source } = new MskCluster(stack, 'Cluster', { vpc });
    const topic = { partitions: 4, create: {} };
    const prompts = new KafkaIngestion(stack, 'Topic', {
      endpoint,
      source,
      topic: { ...topic, topicName: 'prompts' },
      failureDestination: KafkaFailureDestination.kafkaTopic({ topicName: 'prompts-failed', create: {} }),
      ...mappings,
      spillTo,
    });
    const account = 'us-east-1:123456789012';
    const destinations = {
      ToBucket: KafkaFailureDestination.bucket(s3.Bucket.fromBucketName(stack, 'FailedBatches', 'failed-batches')),
      ToQueue: KafkaFailureDestination.queue(
        sqs.Queue.fromQueueArn(stack, 'FailedQueue', `arn:aws:sqs:${account}:failed`),
      ),
      ToSns: KafkaFailureDestination.snsTopic(
        sns.Topic.fromTopicArn(stack, 'FailedTopic', `arn:aws:sns:${account}:failed`),
      ),
    };
    for (const [id, failureDestination] of Object.entries(destinations))
      new KafkaIngestion(stack, id, {
        endpoint,
        source,
        topic: { ...topic, topicName: id },
        resultsBucket: prompts.resultsBucket,
        failureDestination,
      });
    const registry = new glue.CfnRegistry(stack, 'Registry', { name: 'chat' });
    new KafkaIngestion(stack, 'CheckedTopic', {
      endpoint,
      source,
      topic: { ...topic, topicName: 'checked' },
      schemaRegistry: new GlueSchemaRegistry({
        schemaRegistry: registry,
        eventRecordFormat: lambda.EventRecordFormat.JSON,
        schemaValidationConfigs: [{ attribute: lambda.KafkaSchemaValidationAttribute.VALUE }],
      }),
    });
    const { resultsBucket } = requests;
    new ResultSink(stack, 'ToBus', {
      resultsBucket,
      eventBus: events.EventBus.fromEventBusName(stack, 'Bus', 'answers'),
    });
    new ResultSink(stack, 'ToStream', {
      resultsBucket: prompts.resultsBucket,
      stream: kinesis.Stream.fromStreamArn(stack, 'Answers', 'arn:aws:kinesis:us-east-1:123456789012:stream/answers'),
    });
    new ResultTable(stack, 'Table', { resultsBucket });
    new SparkPipeline(stack, 'Spark', { landingBucket: resultsBucket, onNewObjects: {} });
    return stack;
  },
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS, ...OF_SINKS],
};
const everyEndpoint: StackCase = {
  name: 'endpoints of every kind',
  define: (app) =>
    new EndpointTourStack(app, 'Tidegate-dev-tour', { stage: stageConfiguration('dev'), state: 'initial' }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS],
};

const learning: StackCase[] = LEARNING_TOUR_STATES.map((state) => ({
  name: `stack of the learning tour, ${state}`,
  define: (app) => new LearningTourStack(app, 'Tidegate-dev-learning', { stage: stageConfiguration('dev'), state }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS],
}));

/** Every stage, and the stacks beside them. */
export const STACKS: readonly StackCase[] = [
  ...stages,
  withEverything,
  withKafka,
  dataPlane,
  everyEndpoint,
  ...learning,
];
