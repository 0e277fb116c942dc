import { RemovalPolicy, Size, Stack, Token } from 'aws-cdk-lib';
import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as msk from 'aws-cdk-lib/aws-msk';
import { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeLogEncryption } from '../runtime/acknowledge';
import { outside, outsideWhole } from './consumer-checks';
import { KafkaSource } from './kafka-source';
import { gibibytesOf } from '../runtime/whole-amounts';

/** Port of the brokers for clients with IAM (https://docs.aws.amazon.com/msk/latest/developerguide/port-info.html). */
const IAM_PORT = 9098;

/** Network of an MSK cluster. */
export interface MskNetworkProps {
  /** VPC of the brokers. */
  readonly vpc: ec2.IVpc;

  /**
   * Subnets of the brokers, in two zones or more. Lambda connects from them: they need a way to S3, and to Lambda and STS (endpoints or NAT).
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Name of the cluster, 1 to 64 letters, digits and hyphens.
   *
   * @default - a name from the construct's path
   */
  readonly clusterName?: string;
}

/** Properties of {@link MskServerlessCluster}. */
export interface MskServerlessClusterProps extends MskNetworkProps {
  /**
   * Removal policy of the cluster.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * MSK Serverless cluster: capacity and storage by use, IAM over TLS only.
 *
 * Creates the cluster, and a security group whose members may connect to its brokers; Lambda is one of them. Topics are created by a Kafka client, because
 * AWS has no API for topics of a serverless cluster.
 *
 * @example
 * const cluster = new ingestion.MskServerlessCluster(this, 'Cluster', { vpc });
 */
export class MskServerlessCluster extends Construct implements ec2.IConnectable {
  /** ARN of the cluster. */
  public readonly clusterArn: string;

  /** The cluster as a source of requests. */
  public readonly source: KafkaSource;

  /** Connections to the brokers. */
  public readonly connections: ec2.Connections;

  public constructor(scope: Construct, id: string, props: MskServerlessClusterProps) {
    super(scope, id);
    const subnetIds = props.vpc.selectSubnets(props.vpcSubnets).subnetIds;
    const clusterName = nameOf(this, props);
    throwProblems(this.node.path, [...checkName(clusterName), ...checkSubnets(subnetIds)]);
    this.connections = brokerConnections(this, props.vpc);
    const cluster = new msk.CfnServerlessCluster(this, 'Resource', {
      clusterName,
      vpcConfigs: [{ subnetIds, securityGroups: this.connections.securityGroups.map((one) => one.securityGroupId) }],
      clientAuthentication: { sasl: { iam: { enabled: true } } },
    });
    cluster.applyRemovalPolicy(props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.clusterArn = cluster.attrArn;
    this.source = KafkaSource.msk({ clusterArn: this.clusterArn, serverless: true, ...networkOf(this, props) });
  }
}

/** Properties of {@link MskCluster}. */
export interface MskClusterProps extends MskNetworkProps {
  /**
   * Version of Kafka as MSK names it: 3.6.0 or later, so that AWS creates topics; with `.kraft` for a cluster without ZooKeeper.
   *
   * https://docs.aws.amazon.com/msk/latest/developerguide/supported-kafka-versions.html
   *
   * @default '3.9.x'
   */
  readonly kafkaVersion?: string;

  /**
   * Type of the brokers: `kafka.` or `express.`, a family and a size. Types that begin with `express.` have storage of their own without a limit.
   *
   * @default 'kafka.m7g.large'
   */
  readonly brokerType?: string;

  /**
   * Number of brokers in each subnet, 1 to 30.
   *
   * @default 1
   */
  readonly brokersPerSubnet?: number;

  /**
   * Storage of each broker at its creation, 1 GiB to 16 TiB; not for express brokers. It never shrinks.
   *
   * @default Size.gibibytes(100)
   */
  readonly brokerStorage?: Size;

  /**
   * Maximum to which the storage of each broker grows, at most every six hours, when it is fuller than `storageUtilizationPercent`.
   *
   * https://docs.aws.amazon.com/msk/latest/developerguide/msk-autoexpand.html
   *
   * @default - four times `brokerStorage`
   */
  readonly maxBrokerStorage?: Size;

  /**
   * Use of the storage at which it grows, 10 to 80 percent.
   *
   * @default 60
   */
  readonly storageUtilizationPercent?: number;

  /**
   * Removal policy of the cluster.
   *
   * @default RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
   */
  readonly removalPolicy?: RemovalPolicy;
}

const MAX_STORAGE_GIB = 16_384;

/**
 * Provisioned MSK cluster: IAM over TLS, encrypted between brokers and at rest, with broker logs and storage that grows.
 *
 * Creates the cluster, its log group, a security group whose members may connect to its brokers, and the scaling of its storage.
 *
 * @example
 * const cluster = new ingestion.MskCluster(this, 'Cluster', { vpc });
 */
export class MskCluster extends Construct implements ec2.IConnectable {
  /** ARN of the cluster. */
  public readonly clusterArn: string;

  /** The cluster as a source of requests. */
  public readonly source: KafkaSource;

  /** Connections to the brokers. */
  public readonly connections: ec2.Connections;

  public constructor(scope: Construct, id: string, props: MskClusterProps) {
    super(scope, id);
    const subnetIds = props.vpc.selectSubnets(props.vpcSubnets).subnetIds;
    const clusterName = nameOf(this, props);
    const settings = clusterSettings(props);
    throwProblems(this.node.path, [
      ...checkName(clusterName),
      ...checkSubnets(subnetIds),
      ...checkCluster(props, settings),
    ]);
    this.connections = brokerConnections(this, props.vpc);
    const logGroup = new logs.LogGroup(this, 'BrokerLogs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledgeLogEncryption(logGroup);
    const { isExpress } = settings;
    const cluster = new msk.CfnCluster(this, 'Resource', {
      clusterName,
      kafkaVersion: settings.kafkaVersion,
      numberOfBrokerNodes: subnetIds.length * settings.brokersPerSubnet,
      brokerNodeGroupInfo: {
        instanceType: settings.brokerType,
        clientSubnets: subnetIds,
        securityGroups: this.connections.securityGroups.map((one) => one.securityGroupId),
        ...(isExpress ? {} : { storageInfo: { ebsStorageInfo: { volumeSize: settings.brokerStorage.toGibibytes() } } }),
      },
      clientAuthentication: { sasl: { iam: { enabled: true } }, unauthenticated: { enabled: false } },
      encryptionInfo: { encryptionInTransit: { clientBroker: 'TLS', inCluster: true } },
      enhancedMonitoring: 'PER_TOPIC_PER_BROKER',
      loggingInfo: { brokerLogs: { cloudWatchLogs: { enabled: true, logGroup: logGroup.logGroupName } } },
    });
    cluster.applyRemovalPolicy(props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    this.clusterArn = cluster.attrArn;
    this.source = KafkaSource.msk({ clusterArn: this.clusterArn, ...networkOf(this, props) });
    if (!isExpress) this.growStorage(settings);
  }

  private growStorage(settings: ClusterSettings): void {
    const target = new appscaling.CfnScalableTarget(this, 'Storage', {
      serviceNamespace: 'kafka',
      resourceId: this.clusterArn,
      scalableDimension: 'kafka:broker-storage:VolumeSize',
      minCapacity: 1,
      maxCapacity: settings.maxBrokerStorage.toGibibytes(),
      roleArn: Stack.of(this).formatArn({
        service: 'iam',
        region: '',
        resource: 'role',
        resourceName:
          'aws-service-role/kafka.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_KafkaCluster',
      }),
    });
    new appscaling.CfnScalingPolicy(this, 'StoragePolicy', {
      policyName: 'broker-storage',
      policyType: 'TargetTrackingScaling',
      scalingTargetId: target.ref,
      targetTrackingScalingPolicyConfiguration: {
        targetValue: settings.storageUtilizationPercent,
        // Storage never shrinks.
        disableScaleIn: true,
        predefinedMetricSpecification: { predefinedMetricType: 'KafkaBrokerStorageUtilization' },
      },
    });
  }
}

function clusterSettings(props: MskClusterProps) {
  const brokerStorage = props.brokerStorage ?? Size.gibibytes(100);
  const brokerType = props.brokerType ?? 'kafka.m7g.large';
  return {
    kafkaVersion: props.kafkaVersion ?? '3.9.x',
    brokerType,
    isExpress: brokerType.startsWith('express.'),
    brokersPerSubnet: props.brokersPerSubnet ?? 1,
    brokerStorage,
    maxBrokerStorage:
      props.maxBrokerStorage ?? Size.gibibytes(Math.min(MAX_STORAGE_GIB, gibibytesOf(brokerStorage) * 4)),
    storageUtilizationPercent: props.storageUtilizationPercent ?? 60,
  };
}

type ClusterSettings = ReturnType<typeof clusterSettings>;

/** Network of functions that are clients of the cluster: that of its brokers. */
function networkOf({ connections }: ec2.IConnectable, { vpc, vpcSubnets }: MskNetworkProps) {
  return { vpc, vpcSubnets, securityGroups: connections.securityGroups };
}

function nameOf(scope: Construct, { clusterName }: MskNetworkProps): string {
  return (
    clusterName ??
    scope.node.path
      .replace(/[^A-Za-z0-9]+/g, '-')
      .slice(-64)
      .replace(/^-/, '')
  );
}

function checkName(name: string): string[] {
  if (Token.isUnresolved(name) || /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(name)) return [];
  return [`clusterName ('${name}') is no name of a cluster; give 1 to 64 letters, digits and hyphens`];
}

function checkSubnets(subnetIds: readonly string[]): string[] {
  if (Token.isUnresolved(subnetIds) || subnetIds.length >= 2) return [];
  return [`vpcSubnets selects ${subnetIds.length} subnets; MSK needs two or more, in different zones`];
}

/** Form of a version, such as `3.9.x`, `3.6.0` or `4.1.x.kraft`. */
const KAFKA_VERSION = /^(\d+)\.(\d+)\.(?:\d+|x)(?:\.(?:kraft|tiered))?$/;

/** First version for which AWS creates topics. */
const MIN_KAFKA_VERSION = [3, 6] as const;

function checkVersion(version: string): string[] {
  if (Token.isUnresolved(version)) return [];
  const match = KAFKA_VERSION.exec(version);
  if (match === null) {
    return [`kafkaVersion ('${version}') is no version of MSK; give one such as '3.9.x' or '4.1.x.kraft'`];
  }
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major > MIN_KAFKA_VERSION[0] || (major === MIN_KAFKA_VERSION[0] && minor >= MIN_KAFKA_VERSION[1])) return [];
  return [
    `kafkaVersion ('${version}') is below ${MIN_KAFKA_VERSION.join('.')}, from which AWS creates topics; raise it`,
  ];
}

function checkBrokerType(brokerType: string): string[] {
  if (Token.isUnresolved(brokerType) || /^(kafka|express)\.[a-z]\d+[a-z]*\.(small|medium|\d*x?large)$/.test(brokerType))
    return [];
  return [
    `brokerType ('${brokerType}') is no type of brokers; give one such as 'kafka.m7g.large' or 'express.m7g.large'`,
  ];
}

function checkCluster(props: MskClusterProps, settings: ClusterSettings): string[] {
  const storage = gibibytesOf(settings.brokerStorage);
  const maximum = gibibytesOf(settings.maxBrokerStorage);
  const problems = [
    ...checkVersion(settings.kafkaVersion),
    ...checkBrokerType(settings.brokerType),
    ...outsideWhole('brokersPerSubnet', settings.brokersPerSubnet, 1, 30),
    ...outsideWhole('brokerStorage (GiB)', storage, 1, MAX_STORAGE_GIB),
    ...outsideWhole('maxBrokerStorage (GiB)', maximum, 1, MAX_STORAGE_GIB),
    ...outside('storageUtilizationPercent', settings.storageUtilizationPercent, 10, 80, ' %'),
  ];
  if (settings.isExpress && (props.brokerStorage !== undefined || props.maxBrokerStorage !== undefined)) {
    problems.push(
      `brokerStorage and maxBrokerStorage have no effect on ${settings.brokerType}, whose storage has no limit; leave them out`,
    );
  }
  if (maximum < storage) {
    problems.push(`maxBrokerStorage (${maximum} GiB) is below brokerStorage (${storage} GiB); raise it`);
  }
  return problems;
}

/** Creates a security group whose members may connect to each other's brokers. */
function brokerConnections(scope: Construct, vpc: ec2.IVpc): ec2.Connections {
  const group = new ec2.SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: 'Brokers of the cluster, and Lambda as their client',
    allowAllOutbound: false,
  });
  const port = ec2.Port.tcp(IAM_PORT);
  group.addIngressRule(group, port, 'Clients of the brokers');
  group.addEgressRule(group, port, 'Brokers');
  group.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'S3, Lambda and STS');
  return new ec2.Connections({ securityGroups: [group], defaultPort: port });
}
