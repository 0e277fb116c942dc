import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { StepPolicy } from './decide/plan';

/** Step policy of one direction, with its PromQL alarm. */
export interface ServerSignalDirection {
  readonly policy: StepPolicy;
  readonly alarm: cloudwatch.PromQLAlarmProps;
}

/** Declares a step policy of the plan in CloudFormation. */
export function stepPolicyResource(
  scope: Construct,
  id: string,
  policy: StepPolicy,
  target: appscaling.CfnScalableTarget,
): appscaling.CfnScalingPolicy {
  return new appscaling.CfnScalingPolicy(scope, id, {
    policyName: policy.policyName,
    policyType: 'StepScaling',
    scalingTargetId: target.ref,
    stepScalingPolicyConfiguration: {
      adjustmentType: policy.adjustmentType,
      cooldown: policy.cooldownSeconds,
      metricAggregationType: policy.metricAggregationType,
      minAdjustmentMagnitude: policy.minAdjustmentMagnitude,
      stepAdjustments: policy.steps.map(({ lowerBound, upperBound, adjustment }) => ({
        metricIntervalLowerBound: lowerBound,
        metricIntervalUpperBound: upperBound,
        scalingAdjustment: adjustment,
      })),
    },
  });
}
