import type * as appscaling from 'aws-cdk-lib/aws-applicationautoscaling';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { stepPolicyResource, type ServerSignalDirection } from './step-policy-resource';

/** Step policies, one for each direction, with PromQL alarms on a metric of the model server; `FleetScaling.scaleOnServerSignal` creates it. */
export class ServerSignalScalingPolicy extends Construct {
  /** @internal */
  public static _create(
    scope: Construct,
    id: string,
    target: appscaling.CfnScalableTarget,
    add: ServerSignalDirection,
    remove?: ServerSignalDirection,
  ): ServerSignalScalingPolicy {
    return new ServerSignalScalingPolicy(scope, id, target, add, remove);
  }

  /** ARN of the policy that adds replicas. */
  public readonly addPolicyArn: string;

  /** Alarm that runs the policy that adds replicas. */
  public readonly addAlarm: cloudwatch.IAlarm;

  /** ARN of the policy that removes replicas; undefined without `removeBelow`. */
  public readonly removePolicyArn?: string;

  /** Alarm that runs the policy that removes replicas; undefined without `removeBelow`. */
  public readonly removeAlarm?: cloudwatch.IAlarm;

  private constructor(
    scope: Construct,
    id: string,
    target: appscaling.CfnScalableTarget,
    add: ServerSignalDirection,
    remove?: ServerSignalDirection,
  ) {
    super(scope, id);
    [this.addPolicyArn, this.addAlarm] = this.direction('Add', target, add);
    if (remove !== undefined) [this.removePolicyArn, this.removeAlarm] = this.direction('Remove', target, remove);
  }

  private direction(
    id: string,
    target: appscaling.CfnScalableTarget,
    { policy, alarm: props }: ServerSignalDirection,
  ): [string, cloudwatch.IAlarm] {
    const policyArn = stepPolicyResource(this, id, policy, target).ref;
    const alarm = new cloudwatch.PromQLAlarm(this, `${id}Alarm`, props);
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policyArn }) });
    return [policyArn, alarm];
  }
}
