import { Stack, Validations, type App } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { GpuEndpoint } from '../../lib/inference';
import { KafkaIngestion, MskCluster, MskServerlessCluster } from '../../lib/ingestion';
import { PlatformStack } from '../../lib/platform';
import { EndpointTourStack } from '../../lib/platform/endpoint-tour-stack';
import { deploymentActions } from '../../lib/preflight/decide/check-account';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import { type Synthesis, synthesise } from './synthesis';

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

interface Case {
  readonly name: string;
  readonly define: (app: App) => Stack;
  /** The rules that are accepted, without the names of their packs. */
  readonly accepts: readonly string[];
}

const stages: Case[] = STAGE_NAMES.map((name) => ({
  name: `stage ${name}`,
  define: (app) => new PlatformStack(app, `Tidegate-${name}`, { stage: stageConfiguration(name) }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...(name === 'prod' ? [] : WITHOUT_ACCESS_LOGS)],
}));
const notifying: Case = {
  name: 'stage that notifies by e-mail, a webhook and an HTTPS endpoint',
  define: (app) =>
    new PlatformStack(app, 'Tidegate-dev', {
      stage: {
        ...stageConfiguration('dev'),
        notifications: {
          emailAddresses: ['oncall@example.com'],
          webhookParameterNames: ['/tidegate/slack'],
          httpsEndpoints: ['https://events.example.com/integration/1'],
        },
      },
    }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS, 'SNSRedrivePolicy'],
};
const withFeatures: Case = {
  name: 'stage with a feature pipeline, a topic, and shards that are scaled',
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
      },
    }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS],
};
const withKafka: Case = {
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
const everyEndpoint: Case = {
  name: 'endpoints of every kind',
  define: (app) =>
    new EndpointTourStack(app, 'Tidegate-dev-tour', { stage: stageConfiguration('dev'), state: 'initial' }),
  accepts: [...OF_ENDPOINTS, ...OF_BUCKETS, ...OF_HANDLERS, ...WITHOUT_ACCESS_LOGS],
};

describe.each([...stages, notifying, withFeatures, withKafka, everyEndpoint])('the $name', ({ define, accepts }) => {
  let synthesis: Synthesis;
  beforeAll(() => {
    synthesis = synthesise(define);
  });

  test('passes strict template validation and every pack of cdk-nag without an open finding or a warning', () => {
    expect(synthesis.violations).toEqual([]);
    expect(synthesis.annotations).toEqual([]);
    expect(synthesis.error).toBeUndefined();
  });

  test('has no type of a resource whose actions the preflight does not know', () => {
    expect(deploymentActions(synthesis.resourceTypes).unlisted).toEqual([]);
  });

  test('acknowledges findings by their full id and with a reason', () => {
    expect(synthesis.acknowledged.length).toBeGreaterThan(10);
    for (const { acknowledgedId, reason } of synthesis.acknowledged) {
      expect(acknowledgedId).toMatch(/^([\w.]+)::\1-\w/);
      expect(reason.length).toBeGreaterThan(30);
    }
  });

  test('acknowledges findings of the known rules only', () => {
    const rules = synthesis.acknowledged.map(({ acknowledgedId }) =>
      acknowledgedId.replace(/\[.*/, '').replace(/^.*-/, ''),
    );
    expect([...new Set(rules)].filter((rule) => !accepts.includes(rule))).toEqual([]);
  });

  test('has no acknowledgement that acknowledges nothing', () => {
    const given = synthesis.app.node.findAll().flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
        .flatMap(({ data }) => Object.keys(data as object))
        .map((id) => `${node.path} ${id}`),
    );
    const used = synthesis.acknowledged.map(
      ({ acknowledgedAt, acknowledgedId }) => `${acknowledgedAt} ${acknowledgedId}`,
    );
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((one) => !used.includes(one))).toEqual([]);
  });
});
