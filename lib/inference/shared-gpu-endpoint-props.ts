import type { Duration } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { InstancePool } from './capacity-ladder-props';
import type { RoutingStrategy } from './gpu-endpoint-props';
import type { ModelArtifact } from './model-artifact';
import type { ModelServer } from './model-server';

/** How SageMaker gives instances back that copies no longer need. */
export enum InstanceScaleIn {
  /** An instance without copies is released. */
  IDLE_RELEASE = 'IDLE_RELEASE',

  /** Copies are moved together, so that instances become free. */
  CONSOLIDATION = 'CONSOLIDATION',
}

/** Properties of SharedGpuEndpoint. */
export interface SharedGpuEndpointProps {
  /** One to five instance types in the order they are wanted; where SageMaker finds no capacity of one it takes the next. */
  readonly pools: InstancePool[];

  /**
   * The fewest instances; 0 lets the fleet go once no model has a copy.
   *
   * @default 0
   */
  readonly minInstances?: number;

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
   * The CPU cores of one copy, at least 0.25.
   *
   * @default - whatever is free
   */
  readonly cpuCores?: number;

  /**
   * The copies the component is created with. CloudFormation writes the number again when it changes here, over what scaling has
   * reached: leave it as it was.
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
