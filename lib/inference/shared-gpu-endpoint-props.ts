import type { Duration } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { CapacityLadder, InstancePool } from './capacity-ladder-props';
import type { PrefixAwareRoutingProps, RolloutWatchProps, RoutingStrategy } from './gpu-endpoint-props';
import type { ModelArtifact } from './model-artifact';
import type { ModelServer } from './model-server';

/** How SageMaker gives instances back that copies no longer need. */
export enum InstanceScaleIn {
  /** An instance without copies is released. */
  IDLE_RELEASE = 'IDLE_RELEASE',

  /** Copies are moved together, so that instances become free. */
  CONSOLIDATION = 'CONSOLIDATION',
}

/** How the copies of a model are spread over the instances. */
export enum CopyPlacement {
  /** Over as many instances as there are: the loss of one costs the fewest copies. */
  SPREAD = 'SPREAD',

  /** Onto as few instances as they fit: the fewest instances are paid for. */
  BINPACK = 'BINPACK',
}

/** Where the copies of a model are put. */
export interface CopyPlacementProps {
  /** Spread over the instances, or packed onto few. */
  readonly strategy: CopyPlacement;

  /**
   * How many copies more one availability zone may have than another, 0 to 100. SageMaker goes beyond it where there is no capacity.
   *
   * @default 0
   */
  readonly maxZoneImbalance?: number;
}

/** How a new version of a model on a shared endpoint replaces the old one, batch by batch, and when it is taken back. */
export interface ModelRolloutProps extends RolloutWatchProps {
  /**
   * The share of the copies that is replaced at once, in percent, 5 to 50.
   *
   * @default 25
   */
  readonly batchPercent?: number;
}

/** Properties of SharedGpuEndpoint. */
export interface SharedGpuEndpointProps {
  /**
   * One to five instance types in the order they are wanted; where SageMaker finds no capacity of one it takes the next.
   *
   * @default - those of `capacity`; one of the two is needed
   */
  readonly pools?: InstancePool[];

  /**
   * The whole ladder in one property: pools, how long each is tried, a reservation, quotas held against `maxInstances`, and an alarm for
   * each model when no copy comes.
   *
   * @default - `pools` and `provisionTimeout` say it
   */
  readonly capacity?: CapacityLadder;

  /**
   * The fewest instances; 0 lets the fleet go once no model has a copy.
   *
   * @default 0, and 1 where `allowZeroInstances` is false
   */
  readonly minInstances?: number;

  /**
   * Whether the region lets an endpoint of inference components go to no instance. AWS publishes no list; set it where you know better.
   *
   * @default true, and false in regions that were seen to refuse it (eu-west-3, on 2026-08-27)
   */
  readonly allowZeroInstances?: boolean;

  /** The most instances: the limit of the bill. SageMaker adds and removes instances between the two as copies need them. */
  readonly maxInstances: number;

  /**
   * How instances are given back.
   *
   * @default InstanceScaleIn.IDLE_RELEASE
   */
  readonly instanceScaleIn?: InstanceScaleIn;

  /**
   * How long to wait between two scale-ins of instances, 5 minutes to a day.
   *
   * @default Duration.minutes(20)
   */
  readonly instanceScaleInCooldown?: Duration;

  /**
   * The endpoint's name, at most 63 letters, digits and hyphens. A change replaces the endpoint.
   *
   * @default - a unique name made from the construct's path
   */
  readonly endpointName?: string;

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * How requests are spread over the copies.
   *
   * @default RoutingStrategy.LEAST_OUTSTANDING_REQUESTS
   */
  readonly routing?: RoutingStrategy;

  /**
   * What counts as one prefix. Only with RoutingStrategy.PREFIX_AWARE.
   *
   * @default - prefixes of 4,096 bytes, up to 8 concurrent requests
   */
  readonly prefixAwareRouting?: PrefixAwareRoutingProps;

  /**
   * The inference AMI, which brings the GPU driver for every model of the endpoint.
   *
   * @default - SageMaker's default; a model whose image needs another is refused
   */
  readonly inferenceAmi?: string;

  /**
   * How long to look for capacity of one pool before the next is tried, 5 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly provisionTimeout?: Duration;

  /**
   * Keep the containers off the network.
   *
   * @default true
   */
  readonly networkIsolation?: boolean;

  /**
   * The network that the instances reach other things through. The endpoint itself is invoked through the SageMaker runtime as before.
   *
   * @default - no network of yours
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets of the network.
   *
   * @default - the private subnets
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The security groups of the instances in the network.
   *
   * @default - a group of the endpoint's own that lets everything out and nothing in
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * A key for the instances' volumes. Only for types without local NVMe disks, which are encrypted by the hardware.
   *
   * @default - the service's own encryption
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * The size of the instances' volumes in GB, 1 to 512. Only for types without local NVMe disks.
   *
   * @default - SageMaker's own size
   */
  readonly volumeSizeGb?: number;

  /**
   * How often utilisation and, as enhanced metrics, per-instance metrics are published: 10, 30, 60, 120, 180, 240 or 300 seconds.
   *
   * @default Duration.seconds(10)
   */
  readonly metricsFrequency?: Duration;

  /**
   * Send container and per-GPU metrics to the CloudWatch PromQL store, which is charged by the gigabyte.
   *
   * @default false
   */
  readonly detailedObservability?: boolean;

  /**
   * The role that SageMaker runs the models with; it is given what each model needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}

/** What identifies a shared endpoint that exists already, so that models can be added to it from another stack. */
export interface SharedGpuEndpointAttributes {
  /** The endpoint's name. */
  readonly endpointName: string;

  /** The role that SageMaker runs its models with; it is given what each model needs. */
  readonly executionRole: iam.IRole;

  /** The instance types of its pools, the most wanted first. */
  readonly instanceTypes: string[];

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * Its inference AMI.
   *
   * @default - SageMaker's default; a model whose image needs another is refused
   */
  readonly inferenceAmi?: string;

  /**
   * Whether its containers are kept off the network.
   *
   * @default true
   */
  readonly networkIsolation?: boolean;

  /**
   * Whether the region lets it go to no instance.
   *
   * @default true, and false in regions that were seen to refuse it (eu-west-3, on 2026-08-27)
   */
  readonly allowZeroInstances?: boolean;
}

/** A model on a shared endpoint. */
export interface ModelComponentProps {
  /** The program that serves the model. */
  readonly modelServer: ModelServer;

  /**
   * The model's files.
   *
   * @default - the model is in the image
   */
  readonly modelArtifact?: ModelArtifact;

  /**
   * The accelerators of one copy.
   *
   * @default 1
   */
  readonly accelerators?: number;

  /** The memory of the instance that one copy is given, in MiB, at least 128. This is the main memory, not the accelerator's. */
  readonly memoryMib: number;

  /**
   * The most memory of the instance that one copy may take, in MiB; beyond it the container is ended.
   *
   * @default - no limit
   */
  readonly maxMemoryMib?: number;

  /**
   * The CPU cores of one copy, at least 0.25.
   *
   * @default - whatever is free
   */
  readonly cpuCores?: number;

  /**
   * The copies the component is created with, at least 1: SageMaker refuses a component without a copy, which comes to zero by scaling
   * only. CloudFormation writes the number again when it changes here, over what scaling has reached: leave it as it was.
   *
   * @default 1
   */
  readonly initialCopies?: number;

  /**
   * The concurrent requests one copy was load-tested with.
   *
   * @default 8
   */
  readonly maxConcurrencyPerCopy?: number;

  /**
   * The component's name, at most 63 letters, digits and hyphens.
   *
   * @default - a unique name made from the construct's path
   */
  readonly componentName?: string;

  /**
   * Where the copies are put.
   *
   * @default - as SageMaker does it
   */
  readonly placement?: CopyPlacementProps;

  /**
   * How a new version replaces the old one.
   *
   * @default - batches of 25 % of the copies, watched for 5 minutes each, taken back on errors or latency
   */
  readonly rollout?: ModelRolloutProps;

  /**
   * Keep image and model on the instance, so that further copies start faster.
   *
   * @default true
   */
  readonly caching?: boolean;

  /**
   * How long the container may take to answer `/ping`, 1 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly startupTimeout?: Duration;

  /**
   * How long the download of the model may take, 1 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly modelDownloadTimeout?: Duration;
}

/** A LoRA adapter on a model of a shared endpoint. */
export interface AdapterProps {
  /** The bucket of the adapter's archive. */
  readonly bucket: s3.IBucket;

  /** The archive's key; it ends with `.tar.gz`. */
  readonly key: string;

  /**
   * The adapter's name, which callers name in their requests.
   *
   * @default - a unique name made from the construct's path
   */
  readonly componentName?: string;
}

/** What identifies an inference component that exists already. */
export interface ModelComponentAttributes {
  /** The endpoint's name. */
  readonly endpointName: string;

  /** The component's name. */
  readonly componentName: string;

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * The concurrent requests one copy was load-tested with.
   *
   * @default 8
   */
  readonly maxConcurrencyPerCopy?: number;
}
