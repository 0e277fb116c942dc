import type * as iam from 'aws-cdk-lib/aws-iam';
import type { InstanceCapacityProps } from '../endpoint/capacity';
import type { EndpointNameProps } from '../endpoint/endpoint-names';
import type { ObservabilityProps } from '../endpoint/metrics-collection';
import type { NetworkProps } from '../endpoint/network';
import type { RolloutProps } from '../endpoint/rollout';
import type { RoutingProps } from '../endpoint/routing';
import type { StartTimeoutProps } from '../endpoint/start-timeouts';
import type { VolumeProps } from '../endpoint/volume';
import type { ModelProps } from '../model/model-container';
import type { DataCaptureProps } from './data-capture';

/** Properties of endpoints whose models have instances of their own: GpuEndpoint and AsyncEndpoint. */
export interface InstanceEndpointProps
  extends ModelProps, EndpointNameProps, RoutingProps, StartTimeoutProps, VolumeProps {
  /** Instance types in order of preference, with quotas and an alarm where you want them. */
  readonly capacity: InstanceCapacityProps;

  /**
   * Concurrent requests that one instance handles, as tested. Scaling policies aim at a share of it.
   *
   * @default 8, an assumption
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * Instances that the endpoint is created with. Later updates keep the count that scaling has reached.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;

  /**
   * Network of the model containers.
   *
   * @default - isolated containers, attached to no VPC
   */
  readonly network?: NetworkProps;

  /**
   * Metrics that SageMaker collects beyond invocations.
   *
   * @default - enhanced metrics every 10 seconds, no detailed observability
   */
  readonly observability?: ObservabilityProps;

  /**
   * Replacement of the old version by a new one.
   *
   * @default - batches of 25 %, watched for 5 minutes each, rolled back on errors or latency
   */
  readonly rollout?: RolloutProps;

  /**
   * Copies of requests and responses in S3.
   *
   * @default - nothing is copied
   */
  readonly dataCapture?: DataCaptureProps;

  /**
   * Role that SageMaker runs the model with; it receives the permissions that the endpoint needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}
