import { SAGEMAKER_SERVICE_NAMESPACE } from '../../catalog/scalable-resource';
import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import {
  ApplicationAutoScaling,
  AutoScalingError,
  type ScalableFleet,
  type ScalingActivityDescription,
  type TargetKey,
} from '../aws/application-auto-scaling';
import { CloudWatch, type CloudWatchOptions } from '../aws/cloudwatch';
import type { FleetBlueprint } from '../blueprint';

/** CloudWatch and Application Auto Scaling of one fleet. */
export interface ControlPlane {
  readonly cloudWatch: CloudWatch;
  readonly scaling: ApplicationAutoScaling;
  readonly target: TargetKey;
  /** Capacity limits in force. */
  limits(): { readonly minCapacity: number; readonly maxCapacity: number };
}

/**
 * Deploys a fleet's scaling: target, policies, their alarms, schedules.
 *
 * @throws InputError when AWS would refuse a part of the plan.
 */
export function controlPlane(
  blueprint: Pick<FleetBlueprint, 'resourceId' | 'scalableDimension' | 'plan' | 'stepAlarms'>,
  fleet: ScalableFleet,
  startSeconds: EpochSeconds,
  options: {
    readonly cloudWatch?: CloudWatchOptions;
    readonly onActivity: (activity: ScalingActivityDescription) => void;
  },
): ControlPlane {
  const { resourceId, scalableDimension, plan, stepAlarms } = blueprint;
  const cloudWatch = new CloudWatch(options.cloudWatch);
  cloudWatch.advanceTo(startSeconds);
  const scaling = new ApplicationAutoScaling(cloudWatch, () => fleet, { onActivity: options.onActivity });
  const target: TargetKey = { serviceNamespace: SAGEMAKER_SERVICE_NAMESPACE, resourceId, scalableDimension };
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
  const present = scaling.targetReader(target);
  return { cloudWatch, scaling, target, limits: () => present()! };
}
