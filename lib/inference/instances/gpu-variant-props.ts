import type { InstanceCapacityProps } from '../endpoint/capacity';
import type { StartTimeoutProps } from '../endpoint/start-timeouts';
import type { ModelProps } from '../model/model-container';

/** Properties of a further variant of a `GpuEndpoint`. Network, keys, routing and rollout are those of the endpoint. */
export interface GpuVariantProps extends ModelProps, StartTimeoutProps {
  /**
   * Instance types in order of preference, with quotas and an alarm where you want them.
   *
   * @default - pools and provision timeout of the endpoint, without its reservation, quotas and alarm
   */
  readonly capacity?: InstanceCapacityProps;

  /**
   * Part of the requests that the variant receives, relative to the weights of the other variants: 1 beside a `variantWeight` of 9 is a
   * tenth. With 0 it receives only requests that name it as `TargetVariant`.
   *
   * @default 1
   */
  readonly weight?: number;

  /**
   * Concurrent requests that one of its instances handles, as tested.
   *
   * @default - that of the endpoint
   */
  readonly maxConcurrencyPerInstance?: number;

  /**
   * Instances that the variant is created with. Later updates keep the count that scaling has reached.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;
}
