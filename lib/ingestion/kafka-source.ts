import { type Duration, Fn, Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { InputError } from '../core/errors';

/** Way in which Lambda, as a client of a Kafka cluster, proves who it is. Every way encrypts the connection. */
export class KafkaAuthentication {
  /** IAM role of the consumer: for Amazon MSK. */
  public static iam(): KafkaAuthentication {
    return new KafkaAuthentication('IAM');
  }

  /**
   * SASL/SCRAM with SHA-512.
   *
   * @param secret JSON with `username` and `password`
   */
  public static scramSha512(secret: secretsmanager.ISecret): KafkaAuthentication {
    return new KafkaAuthentication('SASL_SCRAM_512_AUTH', secret);
  }

  /**
   * SASL/SCRAM with SHA-256.
   *
   * @param secret JSON with `username` and `password`
   */
  public static scramSha256(secret: secretsmanager.ISecret): KafkaAuthentication {
    return new KafkaAuthentication('SASL_SCRAM_256_AUTH', secret);
  }

  /**
   * SASL/PLAIN over TLS.
   *
   * @param secret JSON with `username` and `password`
   */
  public static plain(secret: secretsmanager.ISecret): KafkaAuthentication {
    return new KafkaAuthentication('BASIC_AUTH', secret);
  }

  /**
   * Client certificate (mutual TLS). The certificate is in PEM, with those of its authorities behind it; the key is in PEM as PKCS #8, and an encrypted
   * one by PBES1 (`openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES`), because Lambda does not read PBES2.
   *
   * Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html
   *
   * @param secret JSON with `certificate`, `privateKey` and, for an encrypted key, `privateKeyPassword`
   */
  public static mutualTls(secret: secretsmanager.ISecret): KafkaAuthentication {
    return new KafkaAuthentication('CLIENT_CERTIFICATE_TLS_AUTH', secret);
  }

  /** The brokers ask for no identity, and the network decides who may connect: only for a cluster in a VPC. */
  public static network(): KafkaAuthentication {
    return new KafkaAuthentication('NONE');
  }

  private constructor(
    /** `IAM`, `NONE`, or the type of Lambda's `SourceAccessConfiguration`. */
    public readonly mechanism: string,
    /** Secret that Lambda reads. */
    public readonly secret?: secretsmanager.ISecret,
  ) {}
}

/** Amazon MSK cluster that exists. */
export interface MskSourceProps {
  /** ARN of the cluster. */
  readonly clusterArn: string;

  /**
   * True for MSK Serverless, which has no API for topics: they are created by a Kafka client.
   *
   * @default false
   */
  readonly serverless?: boolean;

  /**
   * Way in which Lambda proves who it is.
   *
   * @default KafkaAuthentication.iam()
   */
  readonly authentication?: KafkaAuthentication;

  /**
   * VPC from which functions of the ingestion reach the brokers: the one that redrives, and sinks on a topic. The event source mapping finds the
   * network of the cluster by itself.
   *
   * @default - no such functions
   */
  readonly vpc?: ec2.IVpc;

  /**
   * Subnets of the VPC. They need a way to S3, Amazon MSK, CloudWatch Logs and, with a secret, Secrets Manager (endpoints or NAT).
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Security groups of the functions, which may connect to the brokers; needed with a VPC.
   *
   * @default - none
   */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** Kafka cluster outside Amazon MSK. */
export interface SelfManagedKafkaProps {
  /** Brokers to begin with, 1 to 10, each as `host:port`. */
  readonly bootstrapServers: string[];

  /** Way in which Lambda proves who it is. */
  readonly authentication: KafkaAuthentication;

  /**
   * Secret with the certificate of the authority that signed those of the brokers: JSON with `certificate`.
   *
   * @default - an authority that Amazon trusts
   */
  readonly rootCaCertificate?: secretsmanager.ISecret;

  /**
   * VPC from which Lambda reaches the brokers.
   *
   * @default - over the internet
   */
  readonly vpc?: ec2.IVpc;

  /**
   * Subnets of the VPC.
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * Security groups of Lambda's connections; needed with a VPC.
   *
   * @default - none
   */
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** Settings with which a topic is created. */
export interface TopicCreation {
  /**
   * Number of copies of each partition, at most the number of brokers.
   *
   * @default 3
   */
  readonly replicationFactor?: number;

  /**
   * Time for which the topic keeps records (`retention.ms`).
   *
   * @default Duration.days(7)
   */
  readonly retention?: Duration;
}

/** Kafka cluster as a source of requests, or a target of results: where it is, and how Lambda connects to it. */
export class KafkaSource {
  /** Amazon MSK cluster that exists, serverless or provisioned. */
  public static msk(props: MskSourceProps): KafkaSource {
    const { clusterArn, authentication = KafkaAuthentication.iam() } = props;
    if (!Token.isUnresolved(clusterArn) && !/^arn:[^:]+:kafka:[^:]+:\d+:cluster\/[^/]+\/[^/]+$/.test(clusterArn)) {
      throw new InputError(
        `clusterArn ('${clusterArn}') is no ARN of an MSK cluster; give one such as ` +
          'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-1111-2222-3333-444455556666-7',
      );
    }
    const problems = checkNetwork(props);
    if (problems.length > 0) throw new InputError(problems.join('; '));
    if (props.serverless === true && authentication.mechanism !== 'IAM') {
      throw new InputError(
        `authentication is ${authentication.mechanism}; MSK Serverless has IAM only: leave it out, or use a provisioned cluster`,
      );
    }
    return new KafkaSource(authentication, {
      clusterArn,
      canCreateTopics: props.serverless !== true,
      accessConfigurations: [],
      network: networkOf(props),
    });
  }

  /** Cluster outside Amazon MSK, in a VPC or on the internet. */
  public static selfManaged(props: SelfManagedKafkaProps): KafkaSource {
    const problems = checkSelfManaged(props);
    if (problems.length > 0) throw new InputError(problems.join('; '));
    const subnets = props.vpc?.selectSubnets(props.vpcSubnets).subnetIds ?? [];
    const groups = props.securityGroups ?? [];
    const { VPC_SUBNET, VPC_SECURITY_GROUP, SERVER_ROOT_CA_CERTIFICATE } = lambda.SourceAccessConfigurationType;
    return new KafkaSource(props.authentication, {
      bootstrapServers: props.bootstrapServers,
      canCreateTopics: false,
      rootCaCertificate: props.rootCaCertificate,
      isInVpc: props.vpc !== undefined,
      network: networkOf(props),
      accessConfigurations: [
        ...subnets.map((id) => ({ type: VPC_SUBNET, uri: `subnet:${id}` })),
        ...groups.map(({ securityGroupId }) => ({
          type: VPC_SECURITY_GROUP,
          uri: `security_group:${securityGroupId}`,
        })),
        ...(props.rootCaCertificate === undefined
          ? []
          : [{ type: SERVER_ROOT_CA_CERTIFICATE, uri: props.rootCaCertificate.secretArn }]),
      ],
    });
  }

  /** ARN of the MSK cluster; undefined for another cluster. */
  public readonly clusterArn?: string;

  /** Brokers of a cluster outside MSK; undefined for an MSK cluster. */
  public readonly bootstrapServers?: string[];

  /** True where AWS creates topics: on a provisioned MSK cluster. */
  public readonly canCreateTopics: boolean;

  /** Connections to the cluster, for the event source mapping. */
  public readonly accessConfigurations: lambda.SourceAccessConfiguration[];

  /** Secrets that Lambda reads. */
  public readonly secrets: secretsmanager.ISecret[];

  /** True where Lambda connects from a VPC. */
  public readonly isInVpc: boolean;

  /**
   * True where functions of the ingestion can connect to the brokers: over the internet, or from a VPC that is given.
   */
  public readonly isReachable: boolean;

  /** VPC from which functions connect to the brokers; undefined over the internet, and where it is not known. */
  public readonly vpc?: ec2.IVpc;

  /** Subnets of the VPC. */
  public readonly vpcSubnets?: ec2.SubnetSelection;

  /** Security groups of the functions in the VPC. */
  public readonly securityGroups?: ec2.ISecurityGroup[];

  /** Secret with the certificate of the authority that signed those of the brokers; undefined without one. */
  public readonly rootCaCertificate?: secretsmanager.ISecret;

  private constructor(
    /** Way in which Lambda proves who it is. */
    public readonly authentication: KafkaAuthentication,
    settings: KafkaSourceSettings,
  ) {
    const { secret, mechanism } = authentication;
    this.clusterArn = settings.clusterArn;
    this.bootstrapServers = settings.bootstrapServers;
    this.canCreateTopics = settings.canCreateTopics;
    this.isInVpc = settings.isInVpc ?? settings.clusterArn !== undefined;
    this.vpc = settings.network?.vpc;
    this.vpcSubnets = settings.network?.vpcSubnets;
    this.securityGroups = settings.network?.securityGroups;
    this.rootCaCertificate = settings.rootCaCertificate;
    this.isReachable = !this.isInVpc || this.vpc !== undefined;
    this.secrets = [secret, settings.rootCaCertificate].filter((one) => one !== undefined);
    this.accessConfigurations = [
      ...(secret === undefined
        ? []
        : [{ type: lambda.SourceAccessConfigurationType.of(mechanism), uri: secret.secretArn }]),
      ...settings.accessConfigurations,
    ];
  }

  /**
   * Returns the ARN of a topic or a consumer group of an MSK cluster.
   *
   * @param resource `topic` or `group`
   * @param name name of the topic or group
   */
  public resourceArn(resource: string, name: string): string {
    if (this.clusterArn === undefined) {
      throw new InputError(`${resource} '${name}' has no ARN: the cluster is outside Amazon MSK`);
    }
    const parts = Fn.split(':cluster/', this.clusterArn, 2);
    return `${Fn.select(0, parts)}:${resource}/${Fn.select(1, parts)}/${name}`;
  }
}

interface KafkaSourceSettings {
  readonly clusterArn?: string;
  readonly bootstrapServers?: string[];
  readonly canCreateTopics: boolean;
  readonly accessConfigurations: lambda.SourceAccessConfiguration[];
  readonly rootCaCertificate?: secretsmanager.ISecret;
  readonly isInVpc?: boolean;
  readonly network?: NetworkProps;
}

/** Network from which functions connect to the brokers. */
interface NetworkProps {
  readonly vpc?: ec2.IVpc;
  readonly vpcSubnets?: ec2.SubnetSelection;
  readonly securityGroups?: ec2.ISecurityGroup[];
}

function networkOf({ vpc, vpcSubnets, securityGroups }: NetworkProps): NetworkProps {
  return { vpc, vpcSubnets, securityGroups };
}

function checkNetwork({ vpc, vpcSubnets, securityGroups = [] }: NetworkProps): string[] {
  const problems: string[] = [];
  if (vpc !== undefined && securityGroups.length === 0) {
    problems.push('vpc is given without securityGroups; give one that may connect to the brokers');
  }
  if (vpc === undefined && (securityGroups.length > 0 || vpcSubnets !== undefined)) {
    problems.push('securityGroups and vpcSubnets have no effect without vpc; give vpc, or leave them out');
  }
  return problems;
}

function checkSelfManaged(props: SelfManagedKafkaProps): string[] {
  const { bootstrapServers, authentication, vpc } = props;
  const problems: string[] = [];
  if (bootstrapServers.length < 1 || bootstrapServers.length > 10) {
    problems.push(`bootstrapServers has ${bootstrapServers.length} brokers; give 1 to 10`);
  }
  for (const server of bootstrapServers) {
    if (Token.isUnresolved(server) || /^[A-Za-z0-9.-]+:\d{1,5}$/.test(server)) continue;
    problems.push(`bootstrapServers has '${server}'; give host:port, such as broker-1.example.com:9096`);
  }
  if (authentication.mechanism === 'IAM') {
    problems.push('authentication is IAM, which only Amazon MSK has; give a secret, or KafkaSource.msk');
  }
  if (authentication.mechanism === 'NONE' && vpc === undefined) {
    problems.push('authentication is network() without a VPC: anybody could connect; give a secret or a vpc');
  }
  return [...problems, ...checkNetwork(props)];
}
