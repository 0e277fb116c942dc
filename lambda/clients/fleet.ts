import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
  type ScalableDimension,
  type ServiceNamespace,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeEndpointCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import { PermanentError } from '../../lib/core/errors';
import type { FleetCapacity } from '../../lib/cost/decide/meter';
import type { CapacityBounds } from '../../lib/cost/decide/plan';

/** A scalable target by its names. */
export interface ScalableTargetName {
  readonly resourceId: string;
  /** For example `sagemaker:variant:DesiredInstanceCount`; its first part is the service. */
  readonly scalableDimension: string;
}

/** The instances of an endpoint's variant, and the limits between which they are scaled. */
export interface FleetClient {
  /** How many instances the variant has and wants. */
  capacity(endpointName: string, variantName: string): Promise<FleetCapacity>;
  /** The limits of the scalable target; null when it is not registered. */
  bounds(target: ScalableTargetName): Promise<CapacityBounds | null>;
  /** Sets both limits; Application Auto Scaling brings the fleet between them at once. */
  setBounds(target: ScalableTargetName, bounds: CapacityBounds): Promise<void>;
}

/** {@link FleetClient} on SageMaker and Application Auto Scaling. */
export function createFleetClient(
  sagemaker = new SageMakerClient({}),
  scaling = new ApplicationAutoScalingClient({}),
): FleetClient {
  return {
    async capacity(endpointName, variantName) {
      const endpoint = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }));
      const named = ({ VariantName }: { VariantName?: string }): boolean => VariantName === variantName;
      const variant = endpoint.ProductionVariants?.find(named);
      // Instances of a deployment under way are billed beside the ones they replace.
      const pending = endpoint.PendingDeploymentSummary?.ProductionVariants?.find(named);
      if (variant === undefined && pending === undefined)
        throw new PermanentError(
          `endpoint ${endpointName} (${endpoint.EndpointStatus}) tells of no variant ${variantName}`,
        );
      const currentByType: { [instanceType: string]: number } = {};
      for (const { InstanceType: type, CurrentInstanceCount: count } of variant?.InstancePools ?? [])
        if (type !== undefined && count !== undefined) currentByType[type] = (currentByType[type] ?? 0) + count;
      return {
        currentByType,
        currentCapacity: (variant?.CurrentInstanceCount ?? 0) + (pending?.CurrentInstanceCount ?? 0),
        desiredCapacity: variant?.DesiredInstanceCount ?? pending?.DesiredInstanceCount ?? 0,
      };
    },

    async bounds({ resourceId, scalableDimension }) {
      const { ScalableTargets } = await scaling.send(
        new DescribeScalableTargetsCommand({ ...keys(scalableDimension), ResourceIds: [resourceId] }),
      );
      const target = ScalableTargets?.find(({ ResourceId }) => ResourceId === resourceId);
      if (target?.MinCapacity === undefined || target.MaxCapacity === undefined) return null;
      return { minCapacity: target.MinCapacity, maxCapacity: target.MaxCapacity };
    },

    async setBounds({ resourceId, scalableDimension }, { minCapacity, maxCapacity }) {
      await scaling.send(
        new RegisterScalableTargetCommand({
          ...keys(scalableDimension),
          ResourceId: resourceId,
          MinCapacity: minCapacity,
          MaxCapacity: maxCapacity,
        }),
      );
    },
  };
}

function keys(scalableDimension: string): { ServiceNamespace: ServiceNamespace; ScalableDimension: ScalableDimension } {
  return {
    ServiceNamespace: scalableDimension.split(':')[0] as ServiceNamespace,
    ScalableDimension: scalableDimension as ScalableDimension,
  };
}
