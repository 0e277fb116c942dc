import { Token } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../contract';
import {
  capacityConfig,
  checkInitialInstanceCount,
  resolveCapacity,
  type InstanceCapacity,
  type InstanceCapacityProps,
} from '../endpoint/capacity';
import { resolveRouting, routingConfig, type Routing, type RoutingProps } from '../endpoint/routing';
import {
  resolveStartTimeouts,
  startTimeoutConfig,
  type StartTimeoutProps,
  type StartTimeouts,
} from '../endpoint/start-timeouts';
import { resolveVolume, type Volume, type VolumeProps } from '../endpoint/volume';
import { resolveContainer, type ModelContainer, type ModelProps } from '../model/model-container';
import { checkAmi } from '../model/model-server-checks';
import { checkWhole, problemsOf, type Resolved } from '../value-checks';

/** Properties that every variant has of its own. */
export interface VariantProps extends ModelProps, StartTimeoutProps {
  readonly capacity?: InstanceCapacityProps;
  readonly maxConcurrencyPerInstance?: number;
  readonly initialInstanceCount?: number;
}

/** Settings of a variant that come from its endpoint. */
export interface VariantContext extends RoutingProps, VolumeProps {
  readonly variantName: string;
  /** Weight beside other variants, 1 by default, and the property that sets it. */
  readonly weight?: number;
  readonly weightProperty: string;
  readonly networkIsolation: boolean;
  /** First variant, from which a further one inherits what its props leave out. */
  readonly first?: VariantSettings;
}

/** Production variant with its defaults. */
export interface VariantSettings {
  readonly variantName: string;
  readonly weight: number;
  readonly capacity: InstanceCapacity;
  readonly initialInstanceCount: number;
  readonly maxConcurrencyPerInstance: number;
  readonly timeouts: StartTimeouts;
  readonly routing: Routing;
  readonly volume: Volume;
  readonly container: ModelContainer;
}

/** Resolves a production variant of an endpoint. */
export function resolveVariant(
  scope: Construct,
  props: VariantProps,
  context: VariantContext,
): Resolved<VariantSettings> {
  const { variantName, weight = 1, networkIsolation, first } = context;
  const capacity = resolveCapacity(props.capacity, first?.capacity);
  const { instanceTypes } = capacity.value;
  const initialInstanceCount = props.initialInstanceCount ?? 1;
  const maxConcurrencyPerInstance =
    props.maxConcurrencyPerInstance ?? first?.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
  const timeouts = resolveStartTimeouts(props, first?.timeouts);
  const routing = resolveRouting(context, maxConcurrencyPerInstance);
  const volume = resolveVolume(context, instanceTypes);
  const container = resolveContainer(scope, props, { instanceTypes, networkIsolation });
  return {
    value: {
      variantName,
      weight,
      capacity: capacity.value,
      initialInstanceCount,
      maxConcurrencyPerInstance,
      timeouts: timeouts.value,
      routing: routing.value,
      volume: volume.value,
      container: container.value,
    },
    problems: [
      ...capacity.problems,
      ...checkInitialInstanceCount(initialInstanceCount, capacity.value),
      ...checkWhole('maxConcurrencyPerInstance', maxConcurrencyPerInstance, 1, Infinity),
      ...problemsOf(timeouts, routing, volume, container),
      ...checkAmi(container.value.server.inferenceAmi, instanceTypes),
      ...checkWeight(context.weightProperty, weight),
    ],
  };
}

function checkWeight(property: string, weight: number): string[] {
  if (Token.isUnresolved(weight) || (Number.isFinite(weight) && weight >= 0)) return [];
  return [`${property} (${weight}) must be 0 or more; with 0 the variant receives only requests that name it`];
}

/** Renders a variant for the endpoint configuration. */
export function variantConfig(
  variant: VariantSettings,
  model: sagemaker.CfnModel,
): sagemaker.CfnEndpointConfig.ProductionVariantProperty {
  return {
    variantName: variant.variantName,
    modelName: model.attrModelName,
    initialInstanceCount: variant.initialInstanceCount,
    initialVariantWeight: variant.weight,
    ...capacityConfig(variant.capacity),
    ...startTimeoutConfig(variant.timeouts),
    volumeSizeInGb: variant.volume.sizeGib,
    inferenceAmiVersion: variant.container.server.inferenceAmi,
    routingConfig: routingConfig(variant.routing),
  };
}
