import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { StepPolicy } from './decide/plan';
import { stepPolicyResource } from './step-policy-resource';

/** Step scaling policy with its alarm; `FleetScaling.scaleToTrackMetric` and `scaleToZero` create it. */
export class StepScalingPolicy extends Construct {
  /** @internal */
  public static _create(
    scope: Construct,
    id: string,
    policy: StepPolicy,
    target: appscaling.CfnScalableTarget,
    alarm: cloudwatch.AlarmProps,
  ): StepScalingPolicy {
    return new StepScalingPolicy(scope, id, policy, target, alarm);
  }

  /** ARN of the policy. */
  public readonly policyArn: string;

  /** Name of the policy, unique within the fleet. */
  public readonly policyName: string;

  /** Alarm that runs the policy. */
  public readonly alarm: cloudwatch.Alarm;

  private constructor(
    scope: Construct,
    id: string,
    policy: StepPolicy,
    target: appscaling.CfnScalableTarget,
    alarm: cloudwatch.AlarmProps,
  ) {
    super(scope, id);
    this.policyName = policy.policyName;
    this.policyArn = stepPolicyResource(this, 'Default', policy, target).ref;
    this.alarm = new cloudwatch.Alarm(scope, `${id}Alarm`, alarm);
    this.alarm.addAlarmAction({ bind: () => ({ alarmActionArn: this.policyArn }) });
  }
}
