import type * as iam from 'aws-cdk-lib/aws-iam';
import type { ModelArtifact } from './model-artifact';
import type { ModelServer } from './model-server';

/** Properties of ServerlessEndpoint. */
export interface ServerlessEndpointProps {
  /** The program that serves the model: an image for CPUs of at most 10 GB. */
  readonly modelServer: ModelServer;

  /**
   * The model's files.
   *
   * @default - the model is in the image
   */
  readonly modelArtifact?: ModelArtifact;

  /**
   * The memory of one environment in MiB: 1024, 2048, 3072, 4096, 5120 or 6144. CPU comes in proportion.
   *
   * @default 2048
   */
  readonly memorySizeMib?: number;

  /**
   * The requests that are worked on at once, 1 to 200; what is above is refused.
   *
   * @default 20
   */
  readonly maxConcurrency?: number;

  /**
   * The environments that are kept warm, at most maxConcurrency. They are paid for whether used or not.
   *
   * @default - none
   */
  readonly provisionedConcurrency?: number;

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
   * The role that SageMaker runs the model with; it is given what the endpoint needs.
   *
   * @default - a role of the endpoint's own
   */
  readonly executionRole?: iam.IRole;
}

/** What identifies a serverless endpoint that exists already. */
export interface ServerlessEndpointAttributes {
  /** The endpoint's name. */
  readonly endpointName: string;

  /**
   * The variant's name.
   *
   * @default main
   */
  readonly variantName?: string;
}
