import type { Duration } from 'aws-cdk-lib';
import type { CapacityLadder, InstancePool } from './capacity-ladder-props';
import type { ModelArtifact } from './model-artifact';
import type { ModelServer } from './model-server';

/** Properties of a further variant of a `GpuEndpoint`. What is not here (network, keys, routing, rollout) is the endpoint's. */
export interface GpuVariantProps {
  /** The program that serves the variant's model. */
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
   * Its whole ladder in one property, in place of `pools`, `provisionTimeout` and `capacityReservationArn`.
   *
   * @default - that of the endpoint, without its quotas and its alarm
   */
  readonly capacity?: CapacityLadder;

  /**
   * Its share of the requests, relative to the weights of the other variants: 1 beside a `variantWeight` of 9 is a tenth. With 0 it
   * gets only requests that name it as `TargetVariant`.
   *
   * @default 1
   */
  readonly weight?: number;

  /**
   * The concurrent requests one of its instances was load-tested with.
   *
   * @default - that of the endpoint
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * The instances it is created with. Later updates keep the count that scaling has reached.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;

  /**
   * How long to look for capacity of one pool before the next is tried, 5 to 60 minutes.
   *
   * @default - that of the endpoint
   */
  readonly provisionTimeout?: Duration;

  /**
   * How long the container may take to answer `/ping`, 1 to 60 minutes.
   *
   * @default - that of the endpoint
   */
  readonly startupTimeout?: Duration;

  /**
   * How long the download of the model may take on a new instance, 1 to 60 minutes.
   *
   * @default - that of the endpoint
   */
  readonly modelDownloadTimeout?: Duration;

  /**
   * The ARN of an ML capacity reservation for its instances. One pool only.
   *
   * @default - on-demand capacity
   */
  readonly capacityReservationArn?: string;
}
