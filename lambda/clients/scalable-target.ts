import {
  ApplicationAutoScalingClient,
  DescribeScalableTargetsCommand,
  RegisterScalableTargetCommand,
  type ScalableDimension,
  type ServiceNamespace,
} from '@aws-sdk/client-application-auto-scaling';
import { RetryableError } from '../../lib/core/errors';
import type { CapacityLimits, TargetLimits } from '../../lib/scaling/decide/limits';
import { awsClient } from './aws-client';

/** Identity of a scalable target. */
export interface ScalableTargetId {
  readonly resourceId: string;
  /** For example `sagemaker:variant:DesiredInstanceCount`; its first part is the service namespace. */
  readonly scalableDimension: string;
}

/** Client of scalable targets. */
export interface ScalableTargets {
  limits(target: ScalableTargetId, signal?: AbortSignal): Promise<TargetLimits>;
  /**
   * Sets the given limits of a registered target and keeps the others; Application Auto Scaling brings the capacity between them at once.
   *
   * A target that is not registered is refused, not registered: to register one, a request needs both limits
   * (https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html), and each request here has one.
   * The service refuses a minimum above the maximum in force as well; `before`, the limits in force as far as they are known, decides
   * which of two limits is set first.
   */
  setLimits(
    target: ScalableTargetId,
    limits: Partial<CapacityLimits>,
    signal?: AbortSignal,
    before?: CapacityLimits,
  ): Promise<void>;
}

/** {@link ScalableTargets} of Application Auto Scaling. */
export function createScalableTargets(scaling = awsClient(ApplicationAutoScalingClient)): ScalableTargets {
  return {
    async limits({ resourceId, scalableDimension }, signal) {
      const { ScalableTargets: targets } = await scaling.send(
        new DescribeScalableTargetsCommand({ ...keys(scalableDimension), ResourceIds: [resourceId] }),
        { abortSignal: signal },
      );
      const target = targets?.find(({ ResourceId }) => ResourceId === resourceId);
      if (target === undefined) return { kind: 'not-registered' };
      const { MinCapacity: minCapacity, MaxCapacity: maxCapacity } = target;
      // A target has both; without one of them the response is not understood, and nothing follows from it.
      if (minCapacity === undefined || maxCapacity === undefined)
        throw new RetryableError(`DescribeScalableTargets returned ${resourceId} without both of its limits`);
      return { kind: 'in-force', minCapacity, maxCapacity };
    },

    async setLimits({ resourceId, scalableDimension }, { minCapacity, maxCapacity }, signal, before) {
      const register = async (limit: { MinCapacity: number } | { MaxCapacity: number }): Promise<void> => {
        await scaling.send(
          new RegisterScalableTargetCommand({ ...keys(scalableDimension), ResourceId: resourceId, ...limit }),
          { abortSignal: signal },
        );
      };
      const raises = minCapacity !== undefined && before !== undefined && minCapacity > before.maxCapacity;
      if (raises && maxCapacity !== undefined) await register({ MaxCapacity: maxCapacity });
      if (minCapacity !== undefined) await register({ MinCapacity: minCapacity });
      if (!raises && maxCapacity !== undefined) await register({ MaxCapacity: maxCapacity });
    },
  };
}

function keys(scalableDimension: string): { ServiceNamespace: ServiceNamespace; ScalableDimension: ScalableDimension } {
  return {
    ServiceNamespace: scalableDimension.split(':')[0] as ServiceNamespace,
    ScalableDimension: scalableDimension as ScalableDimension,
  };
}
