import { App, type CfnElement, Duration, Size, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { GlueSchemaRegistry } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { GpuEndpoint, ModelServer } from '../../lib/inference';
import {
  KafkaAuthentication,
  KafkaFailureDestination,
  KafkaIngestion,
  type KafkaIngestionProps,
  KafkaSource,
} from '../../lib/ingestion';
import { INGESTION_ENVIRONMENT, KAFKA_REDRIVE_ENVIRONMENT, parseKafkaConnection } from '../../lib/ingestion/contract';
import type { IInvocableEndpoint } from '../../lib/runtime/invocable-endpoint';

const PLACE = 'chat/6d5c8f3e-1111-2222-3333-444455556666-7';
const clusterArn = `arn:aws:kafka:us-east-1:123456789012:cluster/${PLACE}`;
const topicArn = `arn:aws:kafka:us-east-1:123456789012:topic/${PLACE}/requests`;
const topic = { topicName: 'requests', partitions: 12 };

const endpoint: IInvocableEndpoint = {
  endpointName: 'chat',
  grantInvoke: (grantee) =>
    iam.Grant.addToPrincipal({
      grantee,
      actions: ['sagemaker:InvokeEndpoint'],
      resourceArns: ['arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat'],
    }),
};

function deploy(props: Partial<KafkaIngestionProps> | ((stack: Stack) => Partial<KafkaIngestionProps>) = {}) {
  const stack = new Stack(new App(), 'Test');
  const given = typeof props === 'function' ? props(stack) : props;
  const ingestion = new KafkaIngestion(stack, 'Requests', {
    endpoint,
    source: KafkaSource.msk({ clusterArn }),
    topic,
    ...given,
  });
  return { stack, ingestion, template: () => Template.fromStack(stack) };
}

const secretOf = (stack: Stack, id: string, key?: kms.IKey) =>
  new secretsmanager.Secret(stack, id, { encryptionKey: key });

describe('the event source mapping', () => {
  test('reports single failures, bisects, retries until records are a day old, and keeps what fails', () => {
    const { stack, ingestion, template } = deploy();
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: clusterArn,
      Topics: ['requests'],
      AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: ingestion.consumerGroupId },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      BisectBatchOnFunctionError: true,
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: Match.absent(),
      // Without a number Lambda ends after ten retries, because there is a destination.
      MaximumRetryAttempts: 10_000,
      MaximumRecordAgeInSeconds: 86_400,
      StartingPosition: 'TRIM_HORIZON',
      ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: 2 },
      DestinationConfig: { OnFailure: { Destination: stack.resolve(ingestion.resultsBucket.bucketArn) } },
      SourceAccessConfigurations: Match.absent(),
    });
  });

  test('takes every setting it is given, zero included', () => {
    deploy({
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(2),
      retryAttempts: 0,
      maxRecordAge: Duration.hours(1),
      minPollers: 3,
      maxPollers: 9,
      startingTimestamp: 1_764_547_200,
      consumerGroupId: 'chat.v2',
    })
      .template()
      .hasResourceProperties('AWS::Lambda::EventSourceMapping', {
        BatchSize: 10,
        MaximumBatchingWindowInSeconds: 2,
        MaximumRetryAttempts: 0,
        MaximumRecordAgeInSeconds: 3600,
        ProvisionedPollerConfig: { MinimumPollers: 3, MaximumPollers: 9 },
        StartingPosition: 'AT_TIMESTAMP',
        StartingPositionTimestamp: 1_764_547_200,
        AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: 'chat.v2' },
      });
  });

  test('is made after the permissions that Lambda checks, and after the topic', () => {
    const template = deploy({ topic: { ...topic, create: {} } }).template();
    const [policy] = Object.keys(
      template.findResources('AWS::IAM::Policy', {
        Properties: {
          PolicyDocument: {
            Statement: Match.arrayWith([Match.objectLike({ Action: Match.arrayWith(['kafka-cluster:ReadData']) })]),
          },
        },
      }),
    );
    const [created] = Object.keys(template.findResources('AWS::MSK::Topic'));
    const [mapping] = Object.values(template.findResources('AWS::Lambda::EventSourceMapping'));
    expect([mapping!['DependsOn']].flat()).toEqual(expect.arrayContaining([policy, created]));
  });

  test('names its consumer group in the environment of the consumer', () => {
    const { ingestion, template } = deploy();
    expect(ingestion.consumerGroupId).toMatch(/^[A-Za-z0-9._-]{1,200}$/);
    template().hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [INGESTION_ENVIRONMENT.consumerGroupId]: ingestion.consumerGroupId,
          [INGESTION_ENVIRONMENT.concurrency]: '64',
          [INGESTION_ENVIRONMENT.readsAhead]: Match.absent(),
        }),
      },
    });
  });
});

describe('the consumer', () => {
  const statementsOf = (template: Template) =>
    Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      (policy) => policy['Properties'].PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[],
    );
  const allowed = (template: Template, service: string) =>
    statementsOf(template).flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .filter((action) => action.startsWith(`${service}:`))
        .map((action) => [action, Resource]),
    );

  test('may read this topic with this group of this cluster, and no other', () => {
    const { ingestion, template } = deploy();
    const groupArn = `arn:aws:kafka:us-east-1:123456789012:group/${PLACE}/${ingestion.consumerGroupId}`;
    expect(allowed(template(), 'kafka-cluster').sort()).toEqual([
      ['kafka-cluster:AlterGroup', groupArn],
      ['kafka-cluster:Connect', clusterArn],
      ['kafka-cluster:DescribeClusterDynamicConfiguration', clusterArn],
      ['kafka-cluster:DescribeGroup', groupArn],
      ['kafka-cluster:DescribeTopic', topicArn],
      ['kafka-cluster:ReadData', topicArn],
    ]);
    expect(allowed(template(), 'kafka').sort()).toEqual([
      ['kafka:DescribeClusterV2', clusterArn],
      ['kafka:GetBootstrapBrokers', clusterArn],
    ]);
    expect(allowed(template(), 'ec2').map(([action]) => action)).toContain('ec2:CreateNetworkInterface');
  });

  test('reads the secret of a cluster with SASL/SCRAM, and decrypts it with its key', () => {
    const { template } = deploy((stack) => ({
      source: KafkaSource.msk({
        clusterArn,
        authentication: KafkaAuthentication.scramSha512(secretOf(stack, 'Secret', new kms.Key(stack, 'Key'))),
      }),
    }));
    expect(allowed(template(), 'secretsmanager')).toEqual([
      ['secretsmanager:GetSecretValue', { Ref: expect.stringMatching(/^Secret/) as string }],
    ]);
    expect(allowed(template(), 'kms').map(([action]) => action)).toContain('kms:Decrypt');
    expect(allowed(template(), 'kafka').map(([action]) => action)).toContain('kafka:ListScramSecrets');
    expect(allowed(template(), 'kafka-cluster')).toEqual([]);
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      SourceAccessConfigurations: [{ Type: 'SASL_SCRAM_512_AUTH', URI: { Ref: Match.stringLikeRegexp('^Secret') } }],
    });
  });

  test('connects to a cluster of its own in a VPC with the certificate of its authority', () => {
    const { template } = deploy((stack) => {
      const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
        vpcId: 'vpc-1',
        availabilityZones: ['us-east-1a', 'us-east-1b'],
        privateSubnetIds: ['subnet-1', 'subnet-2'],
      });
      return {
        source: KafkaSource.selfManaged({
          bootstrapServers: ['broker-1.example.com:9096'],
          authentication: KafkaAuthentication.mutualTls(secretOf(stack, 'Client')),
          rootCaCertificate: secretOf(stack, 'Authority'),
          vpc,
          securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-1')],
        }),
      };
    });
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: Match.absent(),
      SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: ['broker-1.example.com:9096'] } },
      SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: Match.anyValue() },
      SourceAccessConfigurations: [
        { Type: 'CLIENT_CERTIFICATE_TLS_AUTH', URI: { Ref: Match.stringLikeRegexp('^Client') } },
        { Type: 'VPC_SUBNET', URI: 'subnet:subnet-1' },
        { Type: 'VPC_SUBNET', URI: 'subnet:subnet-2' },
        { Type: 'VPC_SECURITY_GROUP', URI: 'security_group:sg-1' },
        { Type: 'SERVER_ROOT_CA_CERTIFICATE', URI: { Ref: Match.stringLikeRegexp('^Authority') } },
      ],
    });
    // Those of the consumer and of the function that redrives.
    expect(allowed(template(), 'secretsmanager')).toHaveLength(2);
    expect(allowed(template(), 'kafka')).toEqual([]);
    expect(allowed(template(), 'ec2').map(([action]) => action)).toContain('ec2:CreateNetworkInterface');
  });

  test('needs no network interfaces for a cluster on the internet', () => {
    const { template } = deploy((stack) => ({
      source: KafkaSource.selfManaged({
        bootstrapServers: ['broker-1.example.com:9096'],
        authentication: KafkaAuthentication.plain(secretOf(stack, 'Client')),
      }),
    }));
    expect(allowed(template(), 'ec2')).toEqual([]);
  });

  test('has no more in flight than the largest fleet serves, over all partitions', () => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const gpu = new GpuEndpoint(stack, 'Endpoint', {
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      maxConcurrencyPerInstance: 8,
    });
    gpu.autoScale({ minCapacity: 1, maxCapacity: 6 });
    const source = KafkaSource.msk({ clusterArn });
    new KafkaIngestion(stack, 'Requests', { endpoint: gpu, source, topic });
    new KafkaIngestion(stack, 'Many', { endpoint: gpu, source, topic, concurrency: 16 });
    const variables = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'))
      .map((resource) => resource['Properties'].Environment?.Variables)
      .filter((found) => found?.[INGESTION_ENVIRONMENT.consumerGroupId] !== undefined);
    // 6 x 8 / 12 partitions
    expect(variables.map((found) => found[INGESTION_ENVIRONMENT.concurrency])).toEqual(['4', '16']);
    Annotations.fromStack(stack).hasWarning(
      '/Test/Many',
      Match.stringLikeRegexp('12 partitions x 16 records are 192 requests in flight, above the 6 x 8 = 48'),
    );
  });
});

describe('a consumer that follows the capacity of its endpoint', () => {
  const scaled = (props: Partial<KafkaIngestionProps>) => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const gpu = new GpuEndpoint(stack, 'Endpoint', {
      modelServer: ModelServer.triton(),
      capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
      maxConcurrencyPerInstance: 8,
    });
    const source = KafkaSource.msk({ clusterArn });
    new KafkaIngestion(stack, 'Requests', { endpoint: gpu, source, topic, followsCapacity: true, ...props });
    gpu.autoScale({ minCapacity: 1, maxCapacity: 6 });
    return stack;
  };

  test('knows the fleets and the partitions that share them, and may read the number of instances', () => {
    const template = Template.fromStack(scaled({}));
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: Match.objectLike({
          [INGESTION_ENVIRONMENT.fleets]: Match.anyValue(),
          [INGESTION_ENVIRONMENT.parallelizationFactor]: '1',
          [INGESTION_ENVIRONMENT.topicName]: 'requests',
          [INGESTION_ENVIRONMENT.topicPartitions]: '12',
          // 6 x 8 / 12 partitions
          [INGESTION_ENVIRONMENT.concurrency]: '4',
        }),
      },
    });
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'sagemaker:DescribeEndpoint', Effect: 'Allow' })]),
      },
    });
  });

  test('has no fleets where it follows none, or none is known', () => {
    for (const stack of [scaled({ followsCapacity: false }), deploy({ followsCapacity: true }).stack])
      Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
        Environment: { Variables: Match.objectLike({ [INGESTION_ENVIRONMENT.fleets]: Match.absent() }) },
      });
  });

  test('is warned where one request of each partition is more than the fleet serves at its minimum', () => {
    Annotations.fromStack(scaled({})).hasWarning(
      '/Test/Requests',
      Match.stringLikeRegexp(
        '12 partitions have a request each in flight, above the 8 .*so that 4 wait in it; raise minCapacity',
      ),
    );
  });
});

describe('the failure destination', () => {
  const account = 'us-east-1:123456789012';
  const { bucket, queue, snsTopic, kafkaTopic } = KafkaFailureDestination;
  const groupArn = (group: string) => `arn:aws:kafka:us-east-1:123456789012:group/${PLACE}/${group}`;
  const failedTopicArn = `arn:aws:kafka:us-east-1:123456789012:topic/${PLACE}/failed`;
  const queueArn = `arn:aws:sqs:${account}:failed`;
  const snsArn = `arn:aws:sns:${account}:failed`;
  const kinds: [string, (stack: Stack) => KafkaFailureDestination, string, [string, string][]][] = [
    [
      'a bucket',
      (stack) => bucket(s3.Bucket.fromBucketArn(stack, 'Failed', 'arn:aws:s3:::failed')),
      'arn:aws:s3:::failed',
      [
        ['s3:ListBucket', 'arn:aws:s3:::failed'],
        ['s3:PutObject', 'arn:aws:s3:::failed/aws/lambda/*'],
      ],
    ],
    [
      'a queue',
      (stack) => queue(sqs.Queue.fromQueueArn(stack, 'Failed', queueArn)),
      queueArn,
      [['sqs:SendMessage', queueArn]],
    ],
    [
      'an SNS topic',
      (stack) => snsTopic(sns.Topic.fromTopicArn(stack, 'Failed', snsArn)),
      snsArn,
      [['sns:Publish', snsArn]],
    ],
    [
      'a topic of the cluster',
      () => kafkaTopic({ topicName: 'failed' }),
      'kafka://failed',
      [
        ['kafka-cluster:DescribeTopic', failedTopicArn],
        ['kafka-cluster:WriteData', failedTopicArn],
      ],
    ],
  ];
  const roleStatements = (template: Template, mark: string) =>
    Object.entries(template.findResources('AWS::IAM::Policy'))
      .filter(([id]) => id.includes(mark))
      .flatMap(([, policy]) => policy['Properties'].PolicyDocument.Statement as Statement[])
      .flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((resource) => [action, resource] as const)),
      );
  interface Statement {
    readonly Action: string | string[];
    readonly Resource: unknown;
  }

  test.each(kinds)('that is %s is named by the mapping, which may send there and nowhere else', (...given) => {
    const [, destination, name, needs] = given;
    const { template } = deploy((stack) => ({ failureDestination: destination(stack) }));
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      DestinationConfig: { OnFailure: { Destination: name } },
      MetricsConfig: { Metrics: ['EventCount'] },
    });
    const allowed = roleStatements(template(), 'RequestsConsumerPolicy');
    for (const need of needs) expect(allowed).toContainEqual(need);
    const results = JSON.stringify(allowed.filter(([, resource]) => typeof resource !== 'string'));
    // Failed batches of the mapping do not go to the results, whose consumer still looks for what it wrote.
    expect(results).not.toContain('aws/lambda/*');
    expect(results).toContain('s3:ListBucket');
    const others = kinds.flatMap(([, , other, rights]) => (other === name ? [] : rights));
    for (const right of others) expect(allowed).not.toContainEqual(right);
  });

  test('is the bucket of the results unless it is given', () => {
    const { stack, ingestion, template } = deploy();
    const failed = stack.resolve(ingestion.resultsBucket.arnForObjects('aws/lambda/*'));
    expect(roleStatements(template(), 'RequestsConsumerPolicy')).toContainEqual(['s3:PutObject', failed]);
  });

  test('with a key of its own may be encrypted with it before the mapping is made', () => {
    const keyed: ((stack: Stack, encryptionKey: kms.IKey) => KafkaFailureDestination)[] = [
      (stack, encryptionKey) => bucket(new s3.Bucket(stack, 'Failed', { encryptionKey })),
      (stack, encryptionMasterKey) => queue(new sqs.Queue(stack, 'Failed', { encryptionMasterKey })),
      (stack, masterKey) => snsTopic(new sns.Topic(stack, 'Failed', { masterKey })),
    ];
    for (const destination of keyed) {
      const { template } = deploy((given) => ({
        failureDestination: destination(given, new kms.Key(given, 'Key')),
      }));
      const grants = Object.entries(template().findResources('AWS::IAM::Policy')).filter(([, { Properties }]) =>
        JSON.stringify(Properties).includes('kms:GenerateDataKey'),
      );
      expect(grants.length).toBeGreaterThan(0);
      const [mapping] = Object.values(template().findResources('AWS::Lambda::EventSourceMapping'));
      expect([mapping!['DependsOn']].flat()).toContain(grants[0]![0]);
    }
  });

  test('that is a topic is created with the partitions of the requests, before the mapping', () => {
    const { template } = deploy({
      failureDestination: kafkaTopic({ topicName: 'failed', create: { retention: Duration.days(14) } }),
    });
    template().hasResourceProperties('AWS::MSK::Topic', {
      TopicName: 'failed',
      PartitionCount: 12,
      Configs: { 'Fn::Base64': '{"retention.ms":"1209600000"}' },
    });
    const [created] = Object.keys(template().findResources('AWS::MSK::Topic'));
    const [mapping] = Object.values(template().findResources('AWS::Lambda::EventSourceMapping'));
    expect([mapping!['DependsOn']].flat()).toContain(created);
  });

  test('on a cluster with its own users needs no permission of the role', () => {
    const { template } = deploy((stack) => ({
      source: KafkaSource.selfManaged({
        bootstrapServers: ['broker-1.example.com:9096'],
        authentication: KafkaAuthentication.scramSha512(secretOf(stack, 'Secret')),
      }),
      failureDestination: kafkaTopic({ topicName: 'failed' }),
    }));
    expect(JSON.stringify(template().toJSON())).not.toContain('kafka-cluster:');
  });

  test('is known to the function that redrives, which may read it', () => {
    const reachable = (stack: Stack) =>
      KafkaSource.msk({
        clusterArn,
        vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
          vpcId: 'vpc-1',
          availabilityZones: ['us-east-1a', 'us-east-1b'],
          privateSubnetIds: ['subnet-1', 'subnet-2'],
        }),
        securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Clients', 'sg-1')],
      });
    const needs: { readonly [name: string]: [string, string][] } = {
      'arn:aws:s3:::failed': [
        ['s3:ListBucket', 'arn:aws:s3:::failed'],
        ['s3:GetObject', 'arn:aws:s3:::failed/aws/lambda/*'],
      ],
      'kafka://failed': [
        ['kafka-cluster:DescribeTopic', failedTopicArn],
        ['kafka-cluster:ReadData', failedTopicArn],
      ],
    };
    for (const [, destination, name] of kinds) {
      const { template, ingestion } = deploy((stack) => ({
        source: reachable(stack),
        failureDestination: destination(stack),
      }));
      template().hasResourceProperties('AWS::Lambda::Function', {
        Environment: { Variables: Match.objectLike({ [KAFKA_REDRIVE_ENVIRONMENT.failureDestination]: name }) },
      });
      const allowed = roleStatements(template(), 'RequestsRedrivePolicy');
      for (const need of needs[name] ?? []) expect(allowed).toContainEqual(need);
      expect(allowed).toContainEqual([
        'kafka-cluster:DescribeGroup',
        groupArn(`${ingestion.consumerGroupId}-redrive-*`),
      ]);
    }
  });

  test.each<[string, (stack: Stack) => Partial<KafkaIngestionProps>, string]>([
    [
      'the topic of the requests',
      () => ({ failureDestination: kafkaTopic({ topicName: 'requests' }) }),
      "failureDestination.topicName is 'requests', the topic of the requests: Lambda refuses it",
    ],
    [
      'a topic of another cluster',
      () => ({ failureDestination: kafkaTopic({ topicName: 'broker-9.example.com:9096/failed' }) }),
      'Lambda writes to a topic of the cluster from which the requests come; give the name of the topic alone',
    ],
    [
      'a name that no topic has',
      () => ({ failureDestination: kafkaTopic({ topicName: 'my failures' }) }),
      "failureDestination.topicName ('my failures') is no name of a topic",
    ],
    [
      'a topic to be created on a serverless cluster',
      () => ({
        source: KafkaSource.msk({ clusterArn, serverless: true }),
        failureDestination: kafkaTopic({ topicName: 'failed', create: {} }),
      }),
      'kafka-topics.sh --create --topic failed --partitions 12) and leave failureDestination.create out',
    ],
    [
      'a FIFO queue',
      (stack) => ({ failureDestination: queue(new sqs.Queue(stack, 'Failed', { fifo: true })) }),
      'failureDestination is a FIFO queue, to which Lambda sends nothing',
    ],
    [
      'a FIFO SNS topic',
      (stack) => ({ failureDestination: snsTopic(new sns.Topic(stack, 'Failed', { fifo: true })) }),
      'give a standard SNS topic',
    ],
    ['unlimited retries', () => ({ retryAttempts: -1 }), 'retryAttempts (-1) is out of range; 0 to 10000 is allowed'],
  ])('with %s is refused with the way out', (_, props, problem) => {
    expect(() => deploy(props)).toThrow(problem);
  });

  test('that the network of the cluster does not reach is refused at synthesis, until it does', () => {
    const problems = (subnetType: ec2.SubnetType, extend: (vpc: ec2.Vpc) => void, kind: number) => {
      const { stack } = deploy((given) => {
        const vpc = new ec2.Vpc(given, 'Vpc', {
          natGateways: subnetType === ec2.SubnetType.PRIVATE_WITH_EGRESS ? 1 : 0,
          subnetConfiguration: [
            { name: 'brokers', subnetType },
            { name: 'public', subnetType: ec2.SubnetType.PUBLIC },
          ],
        });
        extend(vpc);
        const source = KafkaSource.msk({
          clusterArn,
          vpc,
          vpcSubnets: { subnetGroupName: 'brokers' },
          securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(given, 'Clients', 'sg-1')],
        });
        return { source, failureDestination: kinds[kind]![1](given) };
      });
      return stack.node.findAll().flatMap((one) => one.node.validate());
    };
    const { PRIVATE_ISOLATED, PRIVATE_WITH_EGRESS } = ec2.SubnetType;
    const { SQS, SNS } = ec2.InterfaceVpcEndpointAwsService;
    const interfaceTo = (service: ec2.IInterfaceVpcEndpointService) => (vpc: ec2.Vpc) =>
      void vpc.addInterfaceEndpoint('Endpoint', { service });
    const s3Gateway = (vpc: ec2.Vpc) =>
      void vpc.addGatewayEndpoint('Gateway', { service: ec2.GatewayVpcEndpointAwsService.S3 });
    const none = () => undefined;
    expect(problems(PRIVATE_ISOLATED, none, 1)).toEqual([
      expect.stringContaining('Test/Vpc has no endpoint of sqs; add one (vpc.addInterfaceEndpoint)'),
    ]);
    expect(problems(PRIVATE_ISOLATED, interfaceTo(SNS), 1)).toHaveLength(1);
    expect(problems(PRIVATE_ISOLATED, none, 0)).toEqual([expect.stringContaining('add one (vpc.addGatewayEndpoint)')]);
    for (const [type, extend, kind] of [
      [PRIVATE_ISOLATED, interfaceTo(SQS), 1],
      [PRIVATE_ISOLATED, interfaceTo(SNS), 2],
      [PRIVATE_ISOLATED, s3Gateway, 0],
      [PRIVATE_ISOLATED, none, 3],
      [PRIVATE_WITH_EGRESS, none, 1],
    ] as const)
      expect(problems(type, extend, kind)).toEqual([]);
  });

  test('has its records counted by the mapping', () => {
    const { stack, ingestion } = deploy();
    expect(stack.resolve(ingestion.metricFailedRecords().toMetricConfig().metricStat)).toMatchObject({
      namespace: 'AWS/Lambda',
      metricName: 'OnFailureDestinationDeliveredEventCount',
      statistic: 'Sum',
      dimensions: [
        { name: 'EventSourceMappingUUID', value: { Ref: expect.stringMatching(/^RequestsMapping/) as string } },
      ],
    });
  });
});

describe('the topic', () => {
  test('is created on a provisioned cluster with its partitions, copies and retention', () => {
    deploy({ topic: { ...topic, create: { retention: Duration.days(3), replicationFactor: 2 } } })
      .template()
      .hasResourceProperties('AWS::MSK::Topic', {
        ClusterArn: clusterArn,
        TopicName: 'requests',
        PartitionCount: 12,
        ReplicationFactor: 2,
        Configs: { 'Fn::Base64': '{"retention.ms":"259200000"}' },
      });
  });

  test('is left alone where it exists', () => {
    deploy().template().resourceCountIs('AWS::MSK::Topic', 0);
  });

  test('lets a producer send records and nothing else', () => {
    const { stack, ingestion, template } = deploy();
    const producer = new iam.Role(stack, 'Producer', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    ingestion.grantProduce(producer);
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: ['kafka-cluster:Connect', 'kafka-cluster:WriteDataIdempotently'],
            Resource: clusterArn,
          }),
          Match.objectLike({ Action: ['kafka-cluster:DescribeTopic', 'kafka-cluster:WriteData'], Resource: topicArn }),
        ],
      },
      Roles: [stack.resolve(producer.roleName)],
    });
  });

  test('has no grant for producers where the cluster has its own users', () => {
    const { stack, ingestion } = deploy((given) => ({
      source: KafkaSource.msk({
        clusterArn,
        authentication: KafkaAuthentication.scramSha512(secretOf(given, 'Secret')),
      }),
    }));
    const producer = new iam.Role(stack, 'Producer', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    expect(() => ingestion.grantProduce(producer)).toThrow('give the producer credentials of the cluster');
  });
});

describe('a setting', () => {
  test.each<[string, Partial<KafkaIngestionProps>, string]>([
    ['no partition', { topic: { topicName: 'requests', partitions: 0 } }, 'topic.partitions (0) is out of range'],
    ['a topic with a space', { topic: { topicName: 'my requests', partitions: 1 } }, "topic.topicName ('my requests')"],
    ['a group with a slash', { consumerGroupId: 'a/b' }, "consumerGroupId ('a/b') has other characters"],
    ['a batch of 10,001', { batchSize: 10_001 }, 'batchSize (10001) is out of range; 1 to 10000'],
    ['an invocation of 15 minutes', { timeout: Duration.minutes(15) }, 'timeout (900 s) is out of range; 10 to 840 s'],
    ['fewer pollers at most than at least', { minPollers: 5, maxPollers: 3 }, 'maxPollers (3) is below minPollers (5)'],
    ['a reservation below the partitions', { reservedConcurrentExecutions: 4 }, 'is below topic.partitions (12)'],
    ['a record of 5 MiB', { maxRecordSize: Size.mebibytes(5) }, 'maxRecordSize (5 MiB) is out of range'],
    ['a media type without slash', { contentType: 'json' }, "contentType ('json') is no media type"],
    [
      'an age above the retention',
      { topic: { ...topic, create: { retention: Duration.hours(6) } } },
      'maxRecordAge (86400 s) is above topic.create.retention (21600 s)',
    ],
    [
      'a topic of a serverless cluster',
      { source: KafkaSource.msk({ clusterArn, serverless: true }), topic: { ...topic, create: {} } },
      'kafka-topics.sh --create --topic requests --partitions 12',
    ],
    [
      'more traffic than the partitions drain',
      // 12 x 64 / 2 s = 384
      { expectedRecordsPerSecond: 480, expectedServiceTime: Duration.seconds(2) },
      'raise concurrency and batchSize to 80, or partitions to 15',
    ],
  ])('with %s is refused with the way out', (_, props, problem) => {
    expect(() => deploy(props)).toThrow(problem);
  });

  test('with traffic that the partitions drain is taken', () => {
    expect(() => deploy({ expectedRecordsPerSecond: 384, expectedServiceTime: Duration.seconds(2) })).not.toThrow();
  });
});

describe('a source', () => {
  const secret = (stack: Stack) => KafkaAuthentication.plain(secretOf(stack, 'Secret'));
  test.each<[string, (stack: Stack) => KafkaSource, string]>([
    ['the ARN of something else', () => KafkaSource.msk({ clusterArn: topicArn }), 'is no ARN of an MSK cluster'],
    [
      'a secret of a serverless cluster',
      (stack) => KafkaSource.msk({ clusterArn, serverless: true, authentication: secret(stack) }),
      'MSK Serverless has IAM only',
    ],
    [
      'no broker',
      (stack) => KafkaSource.selfManaged({ bootstrapServers: [], authentication: secret(stack) }),
      'bootstrapServers has 0 brokers; give 1 to 10',
    ],
    [
      'a broker without port',
      (stack) => KafkaSource.selfManaged({ bootstrapServers: ['broker'], authentication: secret(stack) }),
      "bootstrapServers has 'broker'; give host:port",
    ],
    [
      'IAM outside MSK',
      () => KafkaSource.selfManaged({ bootstrapServers: ['b:9098'], authentication: KafkaAuthentication.iam() }),
      'authentication is IAM, which only Amazon MSK has',
    ],
    [
      'nobody to ask on the internet',
      () => KafkaSource.selfManaged({ bootstrapServers: ['b:9092'], authentication: KafkaAuthentication.network() }),
      'anybody could connect',
    ],
    [
      'a VPC without security group',
      (stack) =>
        KafkaSource.selfManaged({
          bootstrapServers: ['b:9096'],
          authentication: secret(stack),
          vpc: ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['a'] }),
        }),
      'vpc is given without securityGroups',
    ],
    [
      'a security group without VPC',
      (stack) =>
        KafkaSource.selfManaged({
          bootstrapServers: ['b:9096'],
          authentication: secret(stack),
          securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-1')],
        }),
      'have no effect without vpc',
    ],
  ])('with %s is refused with the way out', (_, define, problem) => {
    expect(() => define(new Stack(new App(), 'Test'))).toThrow(problem);
  });

  test('outside MSK has no ARNs of topics', () => {
    const source = KafkaSource.selfManaged({
      bootstrapServers: ['b:9096'],
      authentication: secret(new Stack(new App(), 'Test')),
    });
    expect(() => source.resourceArn('topic', 'requests')).toThrow("topic 'requests' has no ARN");
  });
});

describe('the redrive function', () => {
  const networkOf = (stack: Stack) => {
    const vpc = new ec2.Vpc(stack, 'Vpc');
    return { vpc, securityGroups: [new ec2.SecurityGroup(stack, 'Clients', { vpc })] };
  };
  const inVpc = (stack: Stack) => ({ source: KafkaSource.msk({ clusterArn, ...networkOf(stack) }) });
  const redriver = { Description: Match.stringLikeRegexp('^Puts dead letters and failed batches into the topic') };

  test('knows the topic, the connection and the consumer, and runs in the network of the cluster', () => {
    const { stack, ingestion, template } = deploy(inVpc);
    template().hasResourceProperties('AWS::Lambda::Function', {
      ...redriver,
      Timeout: 300,
      VpcConfig: { SubnetIds: Match.anyValue(), SecurityGroupIds: Match.anyValue() },
      Environment: {
        Variables: {
          [KAFKA_REDRIVE_ENVIRONMENT.topicName]: 'requests',
          [KAFKA_REDRIVE_ENVIRONMENT.consumerGroupId]: ingestion.consumerGroupId,
          [KAFKA_REDRIVE_ENVIRONMENT.consumerName]: stack.resolve(ingestion.consumer.functionName),
          [KAFKA_REDRIVE_ENVIRONMENT.connection]: JSON.stringify({ clusterArn, mechanism: 'IAM' }),
          [KAFKA_REDRIVE_ENVIRONMENT.retentionSeconds]: '604800',
          [KAFKA_REDRIVE_ENVIRONMENT.resultsBucketName]: stack.resolve(ingestion.resultsBucket.bucketName),
        },
      },
    });
    expect(stack.getLogicalId(ingestion.redriver!.node.defaultChild as CfnElement)).toMatch(
      /^RequestsRedrive[0-9A-F]{8}$/,
    );
  });

  test('may write to and look into this topic, with consumer groups of its own, and nothing else of the cluster', () => {
    const { ingestion, template } = deploy(inVpc);
    const [policy] = Object.values(
      template().findResources('AWS::IAM::Policy', {
        Properties: { PolicyName: Match.stringLikeRegexp('RedrivePolicy') },
      }),
    );
    const statements = policy!['Properties'].PolicyDocument.Statement as {
      Action: string | string[];
      Resource: unknown;
    }[];
    const kafka = statements.flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .filter((action) => action.startsWith('kafka'))
        .map((action) => [action, Resource]),
    );
    const groupArn = `arn:aws:kafka:us-east-1:123456789012:group/${PLACE}/${ingestion.consumerGroupId}-redrive-*`;
    expect(kafka.sort()).toEqual([
      ['kafka-cluster:AlterGroup', groupArn],
      ['kafka-cluster:Connect', clusterArn],
      ['kafka-cluster:DescribeGroup', groupArn],
      ['kafka-cluster:DescribeTopic', topicArn],
      ['kafka-cluster:ReadData', topicArn],
      ['kafka-cluster:WriteData', topicArn],
      ['kafka:GetBootstrapBrokers', clusterArn],
    ]);
  });

  test('connects to a cluster of its own with the secrets, over the internet without a VPC', () => {
    const { stack, template } = deploy((scope) => ({
      source: KafkaSource.selfManaged({
        bootstrapServers: ['broker-1.example.com:9096'],
        authentication: KafkaAuthentication.scramSha512(secretOf(scope, 'Credentials')),
        rootCaCertificate: secretOf(scope, 'Authority'),
      }),
    }));
    const [found] = Object.values(template().findResources('AWS::Lambda::Function', { Properties: redriver }));
    expect(found!['Properties'].VpcConfig).toBeUndefined();
    const text = stack.resolve(found!['Properties'].Environment.Variables[KAFKA_REDRIVE_ENVIRONMENT.connection]);
    const joined = (text as { 'Fn::Join': [string, (string | object)[]] })['Fn::Join'][1]
      .map((part) => (typeof part === 'string' ? part : JSON.stringify(part).replaceAll('"', "'")))
      .join('');
    expect(parseKafkaConnection(joined)).toEqual({
      bootstrapServers: ['broker-1.example.com:9096'],
      mechanism: 'SASL_SCRAM_512_AUTH',
      secretArn: expect.stringContaining('Credentials'),
      rootCaSecretArn: expect.stringContaining('Authority'),
    });
  });

  test('can be found and called by an operator', () => {
    const { stack, ingestion, template } = deploy(inVpc);
    ingestion.grantRedrive(new iam.Role(stack, 'Operator', { assumedBy: new iam.AccountRootPrincipal() }));
    template().hasResourceProperties('AWS::IAM::Policy', {
      PolicyName: Match.stringLikeRegexp('^OperatorDefaultPolicy'),
      PolicyDocument: {
        Statement: [
          { Action: 'cloudformation:ListStackResources', Effect: 'Allow', Resource: { Ref: 'AWS::StackId' } },
          {
            Action: 'lambda:InvokeFunction',
            Effect: 'Allow',
            Resource: stack.resolve(ingestion.redriver!.functionArn),
          },
        ],
      },
    });
  });

  test('is not there where nobody says from where the brokers can be reached, and the way out is named', () => {
    const { stack, ingestion } = deploy();
    expect(ingestion.redriver).toBeUndefined();
    const operator = new iam.Role(stack, 'Operator', { assumedBy: new iam.AccountRootPrincipal() });
    expect(() => ingestion.grantRedrive(operator)).toThrow(/give KafkaSource.msk a vpc and securityGroups/);
  });

  test('needs security groups with a VPC, and a VPC with security groups', () => {
    expect(() =>
      deploy((stack) => ({ source: KafkaSource.msk({ clusterArn, vpc: new ec2.Vpc(stack, 'Vpc') }) })),
    ).toThrow(/vpc is given without securityGroups/);
    expect(() => deploy(() => ({ source: KafkaSource.msk({ clusterArn, vpcSubnets: {} }) }))).toThrow(
      /have no effect without vpc/,
    );
  });
});

describe('a schema registry', () => {
  const registryArn = 'arn:aws:glue:us-east-1:123456789012:registry/chat';
  const registered = () =>
    deploy((stack) => {
      const vpc = new ec2.Vpc(stack, 'Vpc');
      const securityGroups = [new ec2.SecurityGroup(stack, 'Clients', { vpc })];
      return {
        source: KafkaSource.msk({ clusterArn, vpc, securityGroups }),
        schemaRegistry: new GlueSchemaRegistry({
          schemaRegistryArn: registryArn,
          eventRecordFormat: lambda.EventRecordFormat.JSON,
          schemaValidationConfigs: [{ attribute: lambda.KafkaSchemaValidationAttribute.VALUE }],
        }),
      };
    });

  test('checks the values before they are delivered, with the right to read it', () => {
    const { template } = registered();
    template().hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      AmazonManagedKafkaEventSourceConfig: {
        SchemaRegistryConfig: {
          SchemaRegistryURI: registryArn,
          EventRecordFormat: 'JSON',
          SchemaValidationConfigs: [{ Attribute: 'VALUE' }],
        },
      },
    });
    const policies = template().findResources('AWS::IAM::Policy', {
      Properties: {
        PolicyDocument: {
          Statement: Match.arrayWith([Match.objectLike({ Action: 'glue:GetSchemaVersion', Effect: 'Allow' })]),
        },
      },
    });
    const [mapping] = Object.values(template().findResources('AWS::Lambda::EventSourceMapping'));
    expect([mapping!['DependsOn']].flat()).toEqual(expect.arrayContaining(Object.keys(policies)));
  });

  test('leaves no redrive, whose records would have no schema', () => {
    const { stack, ingestion } = registered();
    expect(ingestion.redriver).toBeUndefined();
    const operator = new iam.Role(stack, 'Operator', { assumedBy: new iam.AccountRootPrincipal() });
    expect(() => ingestion.grantRedrive(operator)).toThrow(/takes the id of the schema out of records/);
  });
});
