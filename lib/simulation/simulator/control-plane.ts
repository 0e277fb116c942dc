import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import {
  ApplicationAutoScaling,
  AutoScalingError,
  type ScalableFleet,
  type ScalingActivity,
  type TargetKey,
} from '../application-auto-scaling';
import { CloudWatch, type CloudWatchOptions } from '../cloudwatch';
import type { FleetBlueprint } from '../template';

/** CloudWatch and Application Auto Scaling as they control one fleet. */
export interface ControlPlane {
  readonly cloudWatch: CloudWatch;
  readonly scaling: ApplicationAutoScaling;
  readonly target: TargetKey;
  /** The limits in force. */
  limits(): { readonly minCapacity: number; readonly maxCapacity: number };
}

/**
 * Sets up a fleet's control plane as a deployment does: target, policies, their alarms, schedules.
 *
 * @throws InputError when the service would refuse a part of the plan.
 */
export function controlPlane(
  blueprint: Pick<FleetBlueprint, 'resourceId' | 'scalableDimension' | 'plan' | 'stepAlarms'>,
  fleet: ScalableFleet,
  startSeconds: EpochSeconds,
  options: { readonly cloudWatch?: CloudWatchOptions; readonly onActivity: (activity: ScalingActivity) => void },
): ControlPlane {
  const { resourceId, scalableDimension, plan, stepAlarms } = blueprint;
  const cloudWatch = new CloudWatch(options.cloudWatch);
  cloudWatch.advanceTo(startSeconds);
  const scaling = new ApplicationAutoScaling(cloudWatch, () => fleet, { onActivity: options.onActivity });
  const target: TargetKey = { serviceNamespace: 'sagemaker', resourceId, scalableDimension };
  try {
    const { minCapacity, maxCapacity, suspended } = plan;
    scaling.registerScalableTarget(
      { ...target, minCapacity, maxCapacity, ...(suspended !== undefined && { suspendedState: suspended }) },
      startSeconds,
    );
    const arns = new Map<string, string>();
    for (const policy of plan.policies) {
      arns.set(policy.policyName, scaling.putScalingPolicy({ ...target, policy }, startSeconds).policyArn);
    }
    for (const { policyName, alarm } of stepAlarms) {
      cloudWatch.putAlarm({ ...alarm, alarmActions: [arns.get(policyName)!] }, startSeconds);
    }
    for (const action of plan.schedules) scaling.putScheduledAction({ ...target, action }, startSeconds);
  } catch (error) {
    if (error instanceof AutoScalingError) throw new InputError(`${resourceId}: ${error.message}`);
    throw error;
  }
  return {
    cloudWatch,
    scaling,
    target,
    limits: () => {
      const [described] = scaling.describeScalableTargets({ serviceNamespace: 'sagemaker', resourceId });
      return { minCapacity: described!.minCapacity, maxCapacity: described!.maxCapacity };
    },
  };
}
