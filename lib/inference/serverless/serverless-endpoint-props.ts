import type { Size } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { EndpointNameProps } from '../endpoint/endpoint-names';
import type { ModelProps } from '../model/model-container';

/** Properties of ServerlessEndpoint. Its model server is an image for CPUs of at most 10 GB. */
export interface ServerlessEndpointProps extends ModelProps, EndpointNameProps {
  /**
   * Memory of one environment: 1, 2, 3, 4, 5 or 6 GiB. CPU is proportional to it.
   *
   * @default Size.gibibytes(2)
   */
  readonly memory?: Size;

  /**
   * Maximum number of concurrent requests, 1 to 200; further ones are refused.
   *
   * @default 20
   */
  readonly maxConcurrency?: number;

  /**
   * Environments that are kept warm, at most maxConcurrency. They are charged whether used or not.
   *
   * @default - none
   */
  readonly provisionedConcurrency?: number;

  /**
   * Role that SageMaker runs the model with; it receives the permissions that the endpoint needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}

/** Attributes of an existing serverless endpoint. */
export interface ServerlessEndpointAttributes {
  /** Name of the endpoint. */
  readonly endpointName: string;

  /** Name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint. */
  readonly variantName: string;
}
