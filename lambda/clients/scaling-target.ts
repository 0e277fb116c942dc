import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
  type ScalableDimension,
  type ServiceNamespace,
} from '@aws-sdk/client-application-auto-scaling';
import type { ForecasterConfiguration } from '../../lib/scaling/contract';

/** The limits between which a fleet is scaled. */
export interface ScalingLimits {
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** The scalable target of one fleet. */
export interface ScalingTarget {
  /** The limits in force; undefined when the fleet is not registered. */
  limits(): Promise<ScalingLimits | undefined>;
  /**
   * Sets the minimum and leaves the maximum alone: a minimum above a maximum that was lowered meanwhile is refused by the
   * service.
   */
  setMinimum(minCapacity: number): Promise<void>;
}

/** {@link ScalingTarget} in Application Auto Scaling. */
export function createScalingTarget(
  fleet: Pick<ForecasterConfiguration, 'resourceId' | 'scalableDimension' | 'serviceNamespace'>,
  scaling = new ApplicationAutoScalingClient({}),
): ScalingTarget {
  const ServiceNamespace = fleet.serviceNamespace as ServiceNamespace;
  const ScalableDimension = fleet.scalableDimension as ScalableDimension;
  return {
    async limits() {
      const { ScalableTargets = [] } = await scaling.send(
        new DescribeScalableTargetsCommand({ ServiceNamespace, ScalableDimension, ResourceIds: [fleet.resourceId] }),
      );
      const target = ScalableTargets.find(({ ResourceId }) => ResourceId === fleet.resourceId);
      if (target?.MinCapacity === undefined || target.MaxCapacity === undefined) return undefined;
      return { minCapacity: target.MinCapacity, maxCapacity: target.MaxCapacity };
    },

    async setMinimum(minCapacity) {
      await scaling.send(
        new RegisterScalableTargetCommand({
          ServiceNamespace,
          ScalableDimension,
          ResourceId: fleet.resourceId,
          MinCapacity: minCapacity,
        }),
      );
    },
  };
}
