import type * as iam from 'aws-cdk-lib/aws-iam';
import type { InstanceCapacityProps } from '../endpoint/capacity';
import type { EndpointNameProps } from '../endpoint/endpoint-names';
import type { ObservabilityProps } from '../endpoint/metrics-collection';
import type { NetworkProps } from '../endpoint/network';
import type { RoutingProps } from '../endpoint/routing';
import type { VolumeProps } from '../endpoint/volume';
import type { InstanceScalingProps } from './instance-scaling';

/** Properties of SharedGpuEndpoint. */
export interface SharedGpuEndpointProps extends EndpointNameProps, InstanceScalingProps, RoutingProps, VolumeProps {
  /** Instance types in order of preference. Quotas are checked against `maxInstances`; the alarm is created for each model. */
  readonly capacity: InstanceCapacityProps;

  /**
   * Inference AMI, which brings the GPU driver for every model of the endpoint.
   *
   * @default - SageMaker's default; a model whose image needs another is refused
   */
  readonly inferenceAmi?: string;

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
   * Role that SageMaker runs the models with; it receives the permissions that each model needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}

/** Attributes of an existing shared endpoint, to add models to it from another stack. */
export interface SharedGpuEndpointAttributes {
  /** Name of the endpoint. */
  readonly endpointName: string;

  /** Role that SageMaker runs its models with; it receives the permissions that each model needs. */
  readonly executionRole: iam.IRole;

  /** Instance types of its pools in order of preference. */
  readonly instanceTypes: string[];

  /** Name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint. */
  readonly variantName: string;

  /**
   * Inference AMI of the endpoint.
   *
   * @default - SageMaker's default; a model whose image needs another is refused
   */
  readonly inferenceAmi?: string;

  /**
   * Network isolation of its containers.
   *
   * @default true
   */
  readonly networkIsolation?: boolean;

  /**
   * True if the region allows it to have no instance.
   *
   * @default true, and false in regions that were seen to refuse it (eu-west-3, on 2026-08-27)
   */
  readonly allowZeroInstances?: boolean;
}
