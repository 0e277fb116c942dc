import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { checkWhole, type Resolved } from '../value-checks';

/** Strategies to place the copies of a model on the instances. */
export enum PlacementStrategy {
  /** Over as many instances as there are: the loss of one costs the fewest copies. */
  SPREAD = 'SPREAD',

  /** Onto as few instances as they fit: the fewest instances are paid for. */
  BINPACK = 'BINPACK',
}

/** Placement of the copies of a model. */
export interface PlacementProps {
  /** Strategy: spread over the instances, or packed onto few. */
  readonly strategy: PlacementStrategy;

  /**
   * Maximum difference of copies between two availability zones, 0 to 100. SageMaker exceeds it where there is no capacity.
   *
   * @default 0
   */
  readonly maxZoneImbalance?: number;
}

/** Limit of the SageMaker API reference, InferenceComponentAvailabilityZoneBalance. */
const MAX_IMBALANCE = 100;

/**
 * Resolves the placement of a component; undefined without props.
 *
 * @internal
 */
export function resolvePlacement(props: PlacementProps | undefined): Resolved<Required<PlacementProps> | undefined> {
  if (props === undefined) return { value: undefined, problems: [] };
  const { strategy, maxZoneImbalance = 0 } = props;
  return {
    value: { strategy, maxZoneImbalance },
    problems: checkWhole('placement.maxZoneImbalance', maxZoneImbalance, 0, MAX_IMBALANCE, 'copies'),
  };
}

/**
 * Renders the placement for an inference component.
 *
 * @internal
 */
export function placementConfig(
  placement: Required<PlacementProps> | undefined,
): sagemaker.CfnInferenceComponent.InferenceComponentSchedulingConfigProperty | undefined {
  if (placement === undefined) return undefined;
  return {
    placementStrategy: placement.strategy,
    availabilityZoneBalance: { enforcementMode: 'PERMISSIVE', maxImbalance: placement.maxZoneImbalance },
  };
}
