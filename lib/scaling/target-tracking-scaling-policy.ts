import * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import { Construct } from 'constructs';
import type { PolicyMetric, TargetTrackingPolicy } from './decide/plan';
import { metricSpecification } from './policy-metric';

/** Target tracking policy; `FleetScaling.scaleToTrackMetric`, `scaleOnConcurrency` and their like create it. */
export class TargetTrackingScalingPolicy extends Construct {
  /** @internal */
  public static _create(
    scope: Construct,
    id: string,
    policy: TargetTrackingPolicy & { readonly metric: PolicyMetric },
    target: appscaling.CfnScalableTarget,
  ): TargetTrackingScalingPolicy {
    return new TargetTrackingScalingPolicy(scope, id, policy, target);
  }

  /** ARN of the policy. */
  public readonly policyArn: string;

  /** Name of the policy, unique within the fleet. */
  public readonly policyName: string;

  /** Value that the policy keeps the metric at, in the metric's unit. */
  public readonly targetValue: number;

  private constructor(
    scope: Construct,
    id: string,
    policy: TargetTrackingPolicy & { readonly metric: PolicyMetric },
    target: appscaling.CfnScalableTarget,
  ) {
    super(scope, id);
    this.policyName = policy.policyName;
    this.targetValue = policy.targetValue;
    this.policyArn = new appscaling.CfnScalingPolicy(this, 'Default', {
      policyName: policy.policyName,
      policyType: 'TargetTrackingScaling',
      scalingTargetId: target.ref,
      targetTrackingScalingPolicyConfiguration: {
        targetValue: policy.targetValue,
        scaleInCooldown: policy.scaleInCooldownSeconds,
        scaleOutCooldown: policy.scaleOutCooldownSeconds,
        disableScaleIn: policy.disableScaleIn,
        ...metricSpecification(policy.metric),
      },
    }).ref;
  }
}
