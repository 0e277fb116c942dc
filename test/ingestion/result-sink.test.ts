import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as events from 'aws-cdk-lib/aws-events';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { InputError } from '../../lib/core/errors';
import { GpuEndpoint } from '../../lib/inference';
import {
  KafkaAuthentication,
  KafkaIngestion,
  KafkaSource,
  ResultSink,
  type ResultSinkProps,
  type ResultTopic,
  ResultTable,
  type ResultTableProps,
} from '../../lib/ingestion';

const CLUSTER = 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7';
const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/answers';

function inStack<T>(define: (stack: Stack, resultsBucket: s3.IBucket) => T) {
  const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
  const made = define(stack, new s3.Bucket(stack, 'Results'));
  return { made, template: Template.fromStack(stack) };
}

const sink = (props: (stack: Stack) => Partial<ResultSinkProps>) =>
  inStack((stack, resultsBucket) => new ResultSink(stack, 'Sink', { resultsBucket, ...props(stack) }));
const onStream = (stack: Stack) => ({ stream: kinesis.Stream.fromStreamArn(stack, 'Stream', STREAM) });
const onBus = (stack: Stack) => ({ eventBus: events.EventBus.fromEventBusName(stack, 'Bus', 'answers') });

describe('a result sink', () => {
  test('delivers each new result object, one at a time, from a queue whose events survive half a day of failures', () => {
    const { template } = sink(onStream);
    template.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    });
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({
        'detail-type': ['Object Created'],
        detail: Match.objectLike({ object: { key: [{ prefix: 'results/' }] } }),
      }),
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
    template.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 360,
      RedrivePolicy: Match.objectLike({ maxReceiveCount: 120 }),
    });
  });

  test.each([
    ['a stream', onStream, 'kinesis:PutRecords', STREAM],
    ['an event bus', onBus, 'events:PutEvents', Match.anyValue()],
  ])('may send to %s and to nothing else', (_, props, action, resource) => {
    const { template } = sink(props);
    const policies = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect([...policies.matchAll(/"(kinesis|events):\w+"/g)].map(([match]) => match)).toEqual([`"${action}"`]);
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: action, Resource: resource })]),
      },
    });
  });

  test('names its lag', () => {
    const { made } = sink(onBus);
    expect(made.metricLag()).toMatchObject({ metricName: 'ApproximateAgeOfOldestMessage', statistic: 'Maximum' });
  });

  test.each<[string, (stack: Stack) => Partial<ResultSinkProps>, RegExp]>([
    ['no target', () => ({}), /none given of stream, eventBus and topic; give one of them/],
    [
      'two targets',
      (stack) => ({ ...onStream(stack), ...onBus(stack) }),
      /stream and eventBus given of stream, eventBus and topic; give one of them/,
    ],
    ['a concurrency of one', (stack) => ({ ...onBus(stack), maxConcurrency: 1 }), /maxConcurrency \(1\)/],
  ])('is refused with %s', (_, props, message) => {
    expect(() => sink(props)).toThrow(InputError);
    expect(() => sink(props)).toThrow(message);
  });
});

describe('a result sink on a topic', () => {
  const networkIn = (stack: Stack) => ({
    vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-1',
      availabilityZones: ['us-east-1a', 'us-east-1b'],
      privateSubnetIds: ['subnet-1', 'subnet-2'],
    }),
    securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Clients', 'sg-1')],
  });
  const msk = (stack: Stack) => KafkaSource.msk({ clusterArn: CLUSTER, ...networkIn(stack) });
  const onTopic = (topic: (stack: Stack) => Partial<ResultTopic>) =>
    sink((stack) => {
      const given = topic(stack);
      return { topic: { topicName: 'answers', ...given, cluster: given.cluster ?? msk(stack) } };
    });
  const statementsOf = (template: Template) =>
    Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) =>
        (Properties as { PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] } })
          .PolicyDocument.Statement,
    );

  test('of Amazon MSK is a client in the network of the cluster that may write to this topic, and to no other', () => {
    const { template } = onTopic(() => ({}));
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Delivers results to a topic',
      VpcConfig: { SubnetIds: ['subnet-1', 'subnet-2'], SecurityGroupIds: ['sg-1'] },
      Environment: {
        Variables: Match.objectLike({
          TIDEGATE_TOPIC_NAME: 'answers',
          TIDEGATE_KAFKA_CONNECTION: JSON.stringify({ clusterArn: CLUSTER, mechanism: 'IAM' }),
        }),
      },
    });
    expect(statementsOf(template).filter(({ Action }) => /kafka/.test(String(Action)))).toEqual([
      {
        Sid: 'FindBrokers',
        Effect: 'Allow',
        Action: ['kafka:GetBootstrapBrokers', 'kafka-cluster:Connect'],
        Resource: CLUSTER,
      },
      {
        Sid: 'UseTopic',
        Effect: 'Allow',
        Action: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'],
        Resource: `${CLUSTER.replace(':cluster/', ':topic/')}/answers`,
      },
    ]);
    expect(JSON.stringify(statementsOf(template))).not.toMatch(/"(kinesis|events|secretsmanager):/);
  });

  test('of another cluster reads its secrets, with their keys, and has no permission on a cluster', () => {
    const { template } = onTopic((stack) => {
      const encryptionKey = new kms.Key(stack, 'Key');
      return {
        cluster: KafkaSource.selfManaged({
          bootstrapServers: ['broker-1.example.com:9096'],
          authentication: KafkaAuthentication.scramSha512(new secretsmanager.Secret(stack, 'User', { encryptionKey })),
          ...networkIn(stack),
        }),
      };
    });
    const actions = statementsOf(template).flatMap(({ Action }) => Action);
    expect(actions).toEqual(expect.arrayContaining(['secretsmanager:GetSecretValue', 'kms:Decrypt']));
    expect(actions.filter((action) => action.startsWith('kafka'))).toEqual([]);
  });

  test('creates the topic first where it is asked to', () => {
    const { template } = onTopic(() => ({ create: { partitions: 6, retention: Duration.days(1) } }));
    template.hasResourceProperties('AWS::MSK::Topic', {
      ClusterArn: CLUSTER,
      TopicName: 'answers',
      PartitionCount: 6,
      ReplicationFactor: 3,
      Configs: { 'Fn::Base64': '{"retention.ms":"86400000"}' },
    });
    template.hasResource('AWS::Lambda::EventSourceMapping', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('^SinkTopic')]),
    });
  });

  test.each<[string, (stack: Stack) => Partial<ResultTopic>, RegExp]>([
    ['a name that no topic has', () => ({ topicName: 'a b' }), /topic.topicName \('a b'\) is no name of a topic/],
    [
      'a cluster whose network is not known',
      () => ({ cluster: KafkaSource.msk({ clusterArn: CLUSTER }) }),
      /topic.cluster has no network: .*give KafkaSource.msk a vpc and securityGroups/,
    ],
    ['no partition', () => ({ create: { partitions: 0 } }), /topic.create.partitions \(0\) is out of range/],
    [
      'a topic that AWS does not create',
      (stack) => ({
        cluster: KafkaSource.msk({ clusterArn: CLUSTER, serverless: true, ...networkIn(stack) }),
        create: { partitions: 2 },
      }),
      /topic.create is given, and AWS creates topics on provisioned MSK clusters only; .*--topic answers --partitions 2/,
    ],
  ])('is refused with %s', (_, topic, message) => {
    expect(() => onTopic(topic)).toThrow(InputError);
    expect(() => onTopic(topic)).toThrow(message);
  });

  const chained = (topicName: string, isSameBucket: boolean) => () => {
    const stack = new Stack(new App(), 'Test', { env: { account: '123456789012', region: 'us-east-1' } });
    const cluster = msk(stack);
    const { resultsBucket } = new KafkaIngestion(stack, 'Requests', {
      endpoint: GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main'),
      source: cluster,
      topic: { topicName: 'requests', partitions: 2 },
    });
    const other = new s3.Bucket(stack, 'Other');
    new ResultSink(stack, 'Sink', {
      resultsBucket: isSameBucket ? resultsBucket : other,
      topic: { cluster, topicName },
    });
    return Template.fromStack(stack);
  };

  test('is refused on the topic from which the ingestion takes its requests, where each result would become a request', () => {
    expect(chained('requests', true)).toThrow(
      /Test\/Sink: topic.topicName is 'requests', from which Test\/Requests takes the requests of these results: .*; give another topic/,
    );
    expect(chained('answers', true)).not.toThrow();
    // The results of one model may be the requests of another.
    expect(chained('requests', false)).not.toThrow();
  });
});

describe('a result table', () => {
  const table = (props: Partial<ResultTableProps> = {}) =>
    inStack((stack, resultsBucket) => new ResultTable(stack, 'Table', { resultsBucket, ...props }));

  test('is Parquet by hour, with the columns of a result in the Glue catalog', () => {
    const { made, template } = table();
    template.hasResourceProperties('AWS::KinesisFirehose::DeliveryStream', {
      DeliveryStreamType: 'KinesisStreamAsSource',
      ExtendedS3DestinationConfiguration: Match.objectLike({
        Prefix: 'parquet/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/',
        BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 128 },
        DataFormatConversionConfiguration: Match.objectLike({
          Enabled: true,
          SchemaConfiguration: Match.objectLike({ DatabaseName: made.databaseName, TableName: 'results' }),
        }),
      }),
    });
    template.hasResourceProperties('AWS::Glue::Table', {
      TableInput: {
        PartitionKeys: [
          { Name: 'day', Type: 'string' },
          { Name: 'hour', Type: 'string' },
        ],
        StorageDescriptor: { Columns: Match.arrayWith([{ Name: 'id', Type: 'string' }]) },
      },
    });
    expect(made.databaseName).toMatch(/^[a-z0-9_]+$/);
  });

  test('is written with the key of its bucket, before Firehose looks at the role', () => {
    const { made, template } = inStack((stack, resultsBucket) => {
      const key = new kms.Key(stack, 'Key');
      const tableBucket = new s3.Bucket(stack, 'Parquet', { encryptionKey: key });
      return { key, stack, table: new ResultTable(stack, 'Table', { resultsBucket, tableBucket }) };
    });
    const [roleId] = Object.entries(template.findResources('AWS::IAM::Role')).flatMap(([id, { Properties }]) =>
      (Properties as { Description?: string }).Description === 'Writes the table of results' ? [id] : [],
    );
    const policies = Object.entries(
      template.findResources('AWS::IAM::Policy', {
        Properties: {
          Roles: [{ Ref: roleId }],
          PolicyDocument: Match.objectLike({
            Statement: Match.arrayWith([
              {
                Effect: 'Allow',
                Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
                Resource: made.stack.resolve(made.key.keyArn) as unknown,
              },
            ]),
          }),
        },
      }),
    ).map(([id]) => id);
    expect(policies).toHaveLength(1);
    // The stream waits for the policy of the delivery, which waits for the use of the key.
    const [delivery] = Object.values(template.findResources('AWS::KinesisFirehose::DeliveryStream'));
    const waitsFor = (delivery as { DependsOn: string[] }).DependsOn;
    const before = Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => waitsFor.includes(id))
      .flatMap(([, policy]) => (policy as { DependsOn?: string[] }).DependsOn ?? []);
    expect(before).toContain(policies[0]);
  });

  test.each<[string, Partial<ResultTableProps>, RegExp]>([
    ['a prefix without a slash', { tablePrefix: 'parquet' }, /must end with '\/'/],
    ['an interval below a minute', { bufferingInterval: Duration.seconds(59) }, /59 s/],
    ['an interval above fifteen minutes', { bufferingInterval: Duration.seconds(901) }, /901 s/],
  ])('is refused with %s', (_, props, message) => {
    expect(() => table(props)).toThrow(message);
  });
});
