import { App, Fn, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { MskCluster, type MskClusterProps, MskServerlessCluster } from '../../lib/ingestion';

const networkOf = (stack: Stack, subnets = ['subnet-1', 'subnet-2', 'subnet-3']) =>
  ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-1',
    availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'].slice(0, subnets.length),
    privateSubnetIds: subnets,
  });

function provisioned(props: Partial<MskClusterProps> = {}) {
  const stack = new Stack(new App(), 'Test');
  const cluster = new MskCluster(stack, 'Cluster', { vpc: networkOf(stack), ...props });
  return { stack, cluster, template: Template.fromStack(stack) };
}

describe('a provisioned cluster', () => {
  test('has IAM over TLS only, brokers in every subnet, logs, and creates topics', () => {
    const { cluster, template } = provisioned();
    template.hasResource('AWS::MSK::Cluster', {
      Properties: {
        ClusterName: 'Test-Cluster',
        KafkaVersion: '3.9.x',
        NumberOfBrokerNodes: 3,
        BrokerNodeGroupInfo: {
          InstanceType: 'kafka.m7g.large',
          ClientSubnets: ['subnet-1', 'subnet-2', 'subnet-3'],
          StorageInfo: { EBSStorageInfo: { VolumeSize: 100 } },
        },
        ClientAuthentication: { Sasl: { Iam: { Enabled: true } }, Unauthenticated: { Enabled: false } },
        EncryptionInfo: { EncryptionInTransit: { ClientBroker: 'TLS', InCluster: true } },
        LoggingInfo: { BrokerLogs: { CloudWatchLogs: { Enabled: true } } },
      },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    expect(cluster.source.canCreateTopics).toBe(true);
  });

  test('grows the storage of its brokers and never shrinks it', () => {
    const { stack, cluster, template } = provisioned({
      brokerStorage: Size.gibibytes(50),
      maxBrokerStorage: Size.gibibytes(500),
      storageUtilizationPercent: 50,
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', {
      ServiceNamespace: 'kafka',
      ScalableDimension: 'kafka:broker-storage:VolumeSize',
      ResourceId: stack.resolve(cluster.clusterArn),
      MinCapacity: 1,
      MaxCapacity: 500,
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: {
        DisableScaleIn: true,
        TargetValue: 50,
        PredefinedMetricSpecification: { PredefinedMetricType: 'KafkaBrokerStorageUtilization' },
      },
    });
  });

  test('of express brokers has no storage of its own to grow', () => {
    const { template } = provisioned({ brokerType: 'express.m7g.large', brokersPerSubnet: 2 });
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 0);
    template.hasResourceProperties('AWS::MSK::Cluster', {
      NumberOfBrokerNodes: 6,
      BrokerNodeGroupInfo: { StorageInfo: Match.absent() },
    });
  });

  test('lets the members of its security group connect to each other on the port of IAM', () => {
    const { template } = provisioned();
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 9098,
      ToPort: 9098,
      IpProtocol: 'tcp',
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', { FromPort: 9098, ToPort: 9098 });
  });

  test.each<[string, Partial<MskClusterProps>, string]>([
    ['a name with a point', { clusterName: 'chat.prod' }, "clusterName ('chat.prod') is no name of a cluster"],
    [
      'a version that MSK has not',
      { kafkaVersion: 'latest' },
      "kafkaVersion ('latest') is no version of MSK; give one such as '3.9.x'",
    ],
    ['a version without a patch', { kafkaVersion: '3.9' }, "kafkaVersion ('3.9') is no version of MSK"],
    ['a version for which AWS creates no topics', { kafkaVersion: '3.5.1' }, "kafkaVersion ('3.5.1') is below 3.6"],
    [
      'an instance type of EC2',
      { brokerType: 'm7g.large' },
      "brokerType ('m7g.large') is no type of brokers; give one such as 'kafka.m7g.large'",
    ],
    ['a broker without a size', { brokerType: 'kafka.m7g' }, "brokerType ('kafka.m7g') is no type of brokers"],
    ['a half broker', { brokersPerSubnet: 0.5 }, 'brokersPerSubnet (0.5) must be a whole number'],
    ['a use of 90 %', { storageUtilizationPercent: 90 }, 'storageUtilizationPercent (90 %) is out of range'],
    [
      'less storage at most than at its creation',
      { brokerStorage: Size.gibibytes(200), maxBrokerStorage: Size.gibibytes(100) },
      'maxBrokerStorage (100 GiB) is below brokerStorage (200 GiB)',
    ],
    [
      'storage of express brokers',
      { brokerType: 'express.m7g.large', brokerStorage: Size.gibibytes(200) },
      'have no effect on express.m7g.large',
    ],
  ])('with %s is refused with the way out', (_, props, problem) => {
    expect(() => provisioned(props)).toThrow(problem);
  });

  test.each<Partial<MskClusterProps>>([
    { kafkaVersion: '3.6.0' },
    { kafkaVersion: '3.10.x' },
    { kafkaVersion: '3.9.x.kraft' },
    { kafkaVersion: '4.1.x.kraft' },
    { brokerType: 'kafka.t3.small' },
    { brokerType: 'kafka.m5.24xlarge' },
    { brokerType: 'express.m7g.xlarge' },
    { kafkaVersion: Fn.importValue('version'), brokerType: Fn.importValue('type') },
  ])('with a name of MSK is accepted: %p', (props) => {
    provisioned(props).template.resourceCountIs('AWS::MSK::Cluster', 1);
  });

  test('in one subnet is refused', () => {
    const stack = new Stack(new App(), 'Test');
    expect(() => new MskCluster(stack, 'Cluster', { vpc: networkOf(stack, ['subnet-1']) })).toThrow(
      'vpcSubnets selects 1 subnets; MSK needs two or more',
    );
  });
});

test('a serverless cluster has IAM, and topics that a client creates', () => {
  const stack = new Stack(new App(), 'Test');
  const cluster = new MskServerlessCluster(stack, 'Cluster', { vpc: networkOf(stack), clusterName: 'chat' });
  Template.fromStack(stack).hasResource('AWS::MSK::ServerlessCluster', {
    Properties: {
      ClusterName: 'chat',
      ClientAuthentication: { Sasl: { Iam: { Enabled: true } } },
      VpcConfigs: [{ SubnetIds: ['subnet-1', 'subnet-2', 'subnet-3'] }],
    },
    DeletionPolicy: 'RetainExceptOnCreate',
  });
  expect(cluster.source.canCreateTopics).toBe(false);
  expect(cluster.source.isInVpc).toBe(true);
});
