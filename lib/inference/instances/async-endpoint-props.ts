import type { AsyncNotificationProps } from './async-notifications';
import type { AsyncOutputProps, AsyncStorageProps } from './async-storage';
import type { InstanceEndpointProps } from './instance-endpoint-props';

/** Properties of AsyncEndpoint. */
export interface AsyncEndpointProps extends InstanceEndpointProps, AsyncOutputProps {
  /**
   * SNS topics for success and failure notifications.
   *
   * @default - no notifications; callers poll for the object
   */
  readonly notifications?: AsyncNotificationProps;
}

/** Attributes of an existing asynchronous endpoint. */
export interface AsyncEndpointAttributes {
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

  /**
   * Location of requests and responses; without it `grantInvoke` gives no access to objects.
   *
   * @default - unknown
   */
  readonly storage?: AsyncStorageProps;
}
