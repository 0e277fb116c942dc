import type { InstanceEndpointProps } from './instance-endpoint-props';
import type { ShadowVariantProps } from './shadow-variant';

/** Properties of GpuEndpoint. */
export interface GpuEndpointProps extends InstanceEndpointProps {
  /**
   * Part of the requests that the endpoint's own variant receives, relative to the weights of variants that `addVariant` adds.
   *
   * @default 1
   */
  readonly variantWeight?: number;

  /**
   * Second version that receives a copy of the requests, to compare it before it serves anyone.
   *
   * @default - none
   */
  readonly shadow?: ShadowVariantProps;
}

/** Attributes of an existing endpoint. */
export interface GpuEndpointAttributes {
  /** Name of the endpoint. */
  readonly endpointName: string;

  /** Name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint. */
  readonly variantName: string;

  /**
   * Concurrent requests that one instance handles, as tested.
   *
   * @default 8, an assumption
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * Instance types of the pools.
   *
   * @default - unknown
   */
  readonly instanceTypes?: string[];
}
