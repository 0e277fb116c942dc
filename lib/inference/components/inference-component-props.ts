import type { ComponentRolloutProps } from '../endpoint/rollout';
import type { StartTimeoutProps } from '../endpoint/start-timeouts';
import type { ModelProps } from '../model/model-container';
import type { PlacementProps } from './placement';
import type { CopyResourceProps } from './copy-resources';

/** Properties of a model on a shared endpoint. */
export interface InferenceComponentProps extends ModelProps, CopyResourceProps, StartTimeoutProps {
  /**
   * Copies that the component is created with, at least 1: SageMaker refuses a component without a copy, which reaches zero by scaling
   * only. CloudFormation writes a changed number over the count that scaling has reached: leave it as it was.
   *
   * @default 1
   */
  readonly initialCopies?: number;

  /**
   * Concurrent requests that one copy handles, as tested.
   *
   * @default 8, an assumption
   */
  readonly maxConcurrencyPerCopy?: number;

  /**
   * Name of the component, at most 63 letters, digits and hyphens.
   *
   * @default - a unique name made from the construct's path
   */
  readonly componentName?: string;

  /**
   * Placement of the copies.
   *
   * @default - chosen by SageMaker
   */
  readonly placement?: PlacementProps;

  /**
   * Replacement of the old version by a new one.
   *
   * @default - batches of 25 % of the copies, watched for 5 minutes each, rolled back on errors or latency
   */
  readonly rollout?: ComponentRolloutProps;

  /**
   * Keep image and model on the instance, so that further copies start faster.
   *
   * @default true
   */
  readonly caching?: boolean;
}

/** Attributes of an existing inference component. */
export interface InferenceComponentAttributes {
  /** Name of the endpoint. */
  readonly endpointName: string;

  /** Name of the component. */
  readonly componentName: string;

  /** Name of the variant; `AllTraffic` where the SageMaker Python SDK made the endpoint. */
  readonly variantName: string;

  /**
   * Concurrent requests that one copy handles, as tested.
   *
   * @default 8, an assumption
   */
  readonly maxConcurrencyPerCopy?: number;
}
