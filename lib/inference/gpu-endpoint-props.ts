import type { Duration } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { CapacityLadder, InstancePool } from './capacity-ladder-props';
import type { ModelArtifact } from './model-artifact';
import type { ModelServer } from './model-server';

/** How requests are spread over the instances. */
export enum RoutingStrategy {
  /** To the instance with the fewest requests in flight. */
  LEAST_OUTSTANDING_REQUESTS = 'LEAST_OUTSTANDING_REQUESTS',

  /** To any instance. */
  RANDOM = 'RANDOM',

  /** To the instance that has seen the beginning of the request before, so that its KV cache is warm; for language models. */
  PREFIX_AWARE = 'PREFIX_AWARE',
}

/** When requests of one prefix go to one instance. */
export interface PrefixAwareRoutingProps {
  /**
   * The bytes of the request that count as its prefix, 1,024 to 65,536.
   *
   * @default 4096
   */
  readonly prefixLength?: number;

  /**
   * Above so many concurrent requests on the instance the request goes to a quieter one, 1 to 1,024.
   *
   * @default - the endpoint's maxConcurrencyPerInstance
   */
  readonly concurrencyThreshold?: number;
}

/** How a new version takes over. */
export enum RolloutStrategy {
  /** Batches of the fleet are replaced one after the other: needs only a batch of further instances, the choice for scarce GPUs. */
  ROLLING = 'ROLLING',

  /** A second fleet is started; a small share of the traffic goes to it first, then all. Needs twice the instances for the time. */
  CANARY = 'CANARY',

  /** A second fleet is started; traffic moves to it in equal steps. Needs twice the instances for the time. */
  LINEAR = 'LINEAR',

  /** A second fleet is started and takes all traffic at once. Needs twice the instances for the time. */
  ALL_AT_ONCE = 'ALL_AT_ONCE',
}

/** Copies of requests and answers in S3, for monitoring and for new training data. */
export interface DataCaptureProps {
  /** Where they are written. */
  readonly bucket: s3.IBucket;

  /**
   * The prefix below which they are written.
   *
   * @default data-capture/
   */
  readonly prefix?: string;

  /** The share of the requests that is copied, in percent, 0 to 100. Every copied byte is stored: name a share on purpose. */
  readonly samplingPercent: number;

  /**
   * Copy requests.
   *
   * @default true
   */
  readonly captureInput?: boolean;

  /**
   * Copy answers.
   *
   * @default true
   */
  readonly captureOutput?: boolean;
}

/** A second version that gets copies of the requests; its answers reach nobody. */
export interface ShadowVariantProps {
  /** The program that serves the second version. */
  readonly modelServer: ModelServer;

  /**
   * Its files.
   *
   * @default - the model is in the image
   */
  readonly modelArtifact?: ModelArtifact;

  /**
   * Its instance types in the order they are wanted.
   *
   * @default - those of the endpoint
   */
  readonly pools?: InstancePool[];

  /**
   * Its instances.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;

  /**
   * The share of the requests that it gets, in percent, above 0 and at most 100.
   *
   * @default 100
   */
  readonly trafficPercent?: number;

  /**
   * Its name.
   *
   * @default shadow
   */
  readonly variantName?: string;
}

/** When a new version is taken back. */
export interface RolloutWatchProps {
  /**
   * How long the alarms watch a batch or a step before the next one, 0 to 60 minutes.
   *
   * @default Duration.minutes(5)
   */
  readonly waitInterval?: Duration;

  /**
   * The rollout is taken back when more than this share of the answers are server errors, above 0 and at most 1.
   *
   * @default 0.05
   */
  readonly maxErrorRate?: number;

  /**
   * The rollout is taken back when the average model latency is above.
   *
   * @default Duration.seconds(30)
   */
  readonly maxModelLatency?: Duration;

  /**
   * Further alarms that take the rollout back, at most 8.
   *
   * @default - none
   */
  readonly alarms?: cloudwatch.IAlarm[];
}

/** How a new version replaces the old one, and when it is taken back: by the errors and the latency of the new instances alone. */
export interface RolloutProps extends RolloutWatchProps {
  /**
   * How the new version takes over.
   *
   * @default RolloutStrategy.ROLLING
   */
  readonly strategy?: RolloutStrategy;

  /**
   * In percent: the share of the fleet that is replaced at once (rolling, 5 to 50), the share of the traffic that goes to the new fleet
   * first (canary, 1 to 50) or with each step (linear, 10 to 50). Not with all at once.
   *
   * @default 25, and 10 for a canary
   */
  readonly batchPercent?: number;
}

/** Properties of GpuEndpoint. */
export interface GpuEndpointProps {
  /** The program that serves the model. */
  readonly modelServer: ModelServer;

  /**
   * The model's files.
   *
   * @default - the model is in the image
   */
  readonly modelArtifact?: ModelArtifact;

  /**
   * One to five instance types in the order they are wanted. Where SageMaker finds no capacity of one it takes the next; when the fleet
   * shrinks, the last one's instances go first.
   *
   * @default - those of `capacity`; one of the two is needed
   */
  readonly pools?: InstancePool[];

  /**
   * The whole ladder in one property: pools, how long each is tried, a reservation, quotas, and an alarm when no instance comes.
   *
   * @default - `pools`, `provisionTimeout` and `capacityReservationArn` say it
   */
  readonly capacity?: CapacityLadder;

  /**
   * The concurrent requests one instance was load-tested with. Scaling policies aim at a share of it.
   *
   * @default 8
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * The instances the endpoint is created with. Later updates keep the count that scaling has reached.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;

  /**
   * The endpoint's name, at most 63 letters, digits and hyphens. A change replaces the endpoint.
   *
   * @default - a unique name made from the construct's path
   */
  readonly endpointName?: string;

  /**
   * The variant's name, at most 63 letters, digits and hyphens.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * The variant's share of the requests, relative to the weights of variants that `addVariant` adds.
   *
   * @default 1
   */
  readonly variantWeight?: number;

  /**
   * How long to look for capacity of one pool before the next is tried, 5 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly provisionTimeout?: Duration;

  /**
   * How long the container may take to answer `/ping`, 1 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly startupTimeout?: Duration;

  /**
   * How long the download of the model may take on a new instance, 1 to 60 minutes.
   *
   * @default Duration.minutes(10)
   */
  readonly modelDownloadTimeout?: Duration;

  /**
   * How requests are spread over the instances.
   *
   * @default RoutingStrategy.LEAST_OUTSTANDING_REQUESTS
   */
  readonly routing?: RoutingStrategy;

  /**
   * What counts as one prefix. Only with RoutingStrategy.PREFIX_AWARE.
   *
   * @default - prefixes of 4,096 bytes, up to maxConcurrencyPerInstance
   */
  readonly prefixAwareRouting?: PrefixAwareRoutingProps;

  /**
   * The ARN of an ML capacity reservation (a training plan made for endpoints); instances are launched only inside it. One pool only.
   *
   * @default - on-demand capacity
   */
  readonly capacityReservationArn?: string;

  /**
   * Copies of requests and answers in S3.
   *
   * @default - nothing is copied
   */
  readonly dataCapture?: DataCaptureProps;

  /**
   * A second version that gets copies of the requests, to be compared before it answers anybody.
   *
   * @default - none
   */
  readonly shadow?: ShadowVariantProps;

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
   * Keep the container off the network. Turn it off only for images that fetch their model themselves.
   *
   * @default true
   */
  readonly networkIsolation?: boolean;

  /**
   * How a new version replaces the old one.
   *
   * @default - batches of 25 %, watched for 5 minutes each, taken back on errors or latency
   */
  readonly rollout?: RolloutProps;

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
   * The role that SageMaker runs the model with; it is given what the endpoint needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}

/** What identifies an endpoint that exists already. */
export interface GpuEndpointAttributes {
  /** The endpoint's name. */
  readonly endpointName: string;

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;

  /**
   * The concurrent requests one instance was load-tested with.
   *
   * @default 8
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * The instance types of its pools.
   *
   * @default - unknown
   */
  readonly instanceTypes?: string[];
}
