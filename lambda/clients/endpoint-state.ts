import {
  DescribeEndpointCommand,
  DescribeInferenceComponentCommand,
  SageMakerClient,
  type DescribeEndpointCommandOutput,
  type PendingProductionVariantSummary,
  type ProductionVariantSummary,
} from '@aws-sdk/client-sagemaker';
import { parseResourceId } from '../../lib/catalog/scalable-resource';
import { PermanentError } from '../../lib/core/errors';
import type { FleetCapacity, VariantInstances } from '../../lib/cost/decide/meter';
import type { FleetState, WatchedFleet } from '../../lib/scaling/contract';
import { awsClient } from './aws-client';

/** Client of endpoints and inference components. */
export interface EndpointStates {
  /** Returns the state of a variant or of an inference component. */
  fleetState(fleet: Pick<WatchedFleet, 'resourceId' | 'fleetName'>, signal?: AbortSignal): Promise<FleetState>;
  /**
   * Returns the instances of a variant, those of a deployment in progress and of a shadow included.
   *
   * @throws PermanentError when the endpoint has no such variant
   */
  variantCapacity(endpointName: string, variantName: string, signal?: AbortSignal): Promise<FleetCapacity>;
}

/** {@link EndpointStates} of SageMaker. */
export function createEndpointStates(sagemaker = awsClient(SageMakerClient)): EndpointStates {
  return {
    async fleetState({ resourceId, fleetName }, signal) {
      const resource = parseResourceId(resourceId);
      if (resource?.kind !== 'variant') return componentState(sagemaker, fleetName, signal);
      const { endpoint, variant } = await describeVariant(sagemaker, fleetName, resource.variantName, signal);
      return {
        status: endpoint.EndpointStatus ?? '',
        configName: endpoint.EndpointConfigName ?? null,
        desired: variant?.DesiredInstanceCount ?? null,
        current: variant?.CurrentInstanceCount ?? null,
      };
    },

    async variantCapacity(endpointName, variantName, signal) {
      const { endpoint, variant, pending } = await describeVariant(sagemaker, endpointName, variantName, signal);
      if (variant === undefined && pending === undefined)
        throw new PermanentError(`endpoint ${endpointName} (${endpoint.EndpointStatus}) has no variant ${variantName}`);
      // An endpoint with a shadow has one production variant: https://docs.aws.amazon.com/sagemaker/latest/dg/model-shadow-deployment.html
      const [shadow] = endpoint.ShadowProductionVariants ?? [];
      const [pendingShadow] = endpoint.PendingDeploymentSummary?.ShadowProductionVariants ?? [];
      return {
        ...instancesOf(variant, pending),
        ...((shadow !== undefined || pendingShadow !== undefined) && { shadow: instancesOf(shadow, pendingShadow) }),
      };
    },
  };
}

function instancesOf(
  variant: ProductionVariantSummary | undefined,
  pending: PendingProductionVariantSummary | undefined,
): VariantInstances {
  const currentByType: { [instanceType: string]: number } = {};
  for (const { InstanceType: type, CurrentInstanceCount: count } of variant?.InstancePools ?? [])
    if (type !== undefined && count !== undefined) currentByType[type] = (currentByType[type] ?? 0) + count;
  return {
    currentByType,
    // Instances of a deployment in progress are billed beside the ones that they replace.
    currentCapacity: (variant?.CurrentInstanceCount ?? 0) + (pending?.CurrentInstanceCount ?? 0),
    desiredCapacity: variant?.DesiredInstanceCount ?? pending?.DesiredInstanceCount ?? 0,
  };
}

interface DescribedVariant {
  readonly endpoint: DescribeEndpointCommandOutput;
  readonly variant: ProductionVariantSummary | undefined;
  /** The variant in the deployment in progress. */
  readonly pending: PendingProductionVariantSummary | undefined;
}

async function describeVariant(
  sagemaker: SageMakerClient,
  endpointName: string,
  variantName: string,
  signal: AbortSignal | undefined,
): Promise<DescribedVariant> {
  const endpoint = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }), {
    abortSignal: signal,
  });
  const isNamed = ({ VariantName }: { VariantName?: string }): boolean => VariantName === variantName;
  return {
    endpoint,
    variant: endpoint.ProductionVariants?.find(isNamed),
    pending: endpoint.PendingDeploymentSummary?.ProductionVariants?.find(isNamed),
  };
}

async function componentState(
  sagemaker: SageMakerClient,
  componentName: string,
  signal: AbortSignal | undefined,
): Promise<FleetState> {
  const { InferenceComponentStatus, RuntimeConfig } = await sagemaker.send(
    new DescribeInferenceComponentCommand({ InferenceComponentName: componentName }),
    { abortSignal: signal },
  );
  return {
    status: InferenceComponentStatus ?? '',
    configName: null,
    desired: RuntimeConfig?.DesiredCopyCount ?? null,
    current: RuntimeConfig?.CurrentCopyCount ?? null,
  };
}
