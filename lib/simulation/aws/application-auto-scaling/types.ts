import type { EpochSeconds } from '../../../core/time';
import type { ScalingActivityStatus } from '../../../scaling/contract';
import type { NotScaledReason } from '../../../scaling/decide/decision';
import type { ScheduledAction, StepPolicy, SuspendedScaling, TargetTrackingPolicy } from '../../../scaling/decide/plan';

/** Fleet with a replica count, as the scaling service sees it. */
export interface ScalableFleet {
  /** Returns the desired capacity. */
  desiredCapacity(): number;
  /** Sets the desired capacity (absolute); the newest call counts. */
  setDesiredCapacity(capacity: number, atSeconds: EpochSeconds, cause: string): void;
  /** True during a configuration update (not a capacity change), when the fleet rejects capacity changes. */
  isUpdating(): boolean;
  /**
   * Returns the capacity in service. An activity is InProgress until the capacity is in service, and the scale-out cooldown begins then.
   * Without this method a change is complete at once.
   */
  inServiceCapacity?(): number;
}

/** Identity of a scalable target. */
export interface TargetKey {
  readonly serviceNamespace: string;
  readonly resourceId: string;
  readonly scalableDimension: string;
}

export interface RegisterScalableTargetRequest extends TargetKey {
  /** Required at the first registration; unchanged where omitted later. */
  readonly minCapacity?: number;
  /** Required at the first registration; unchanged where omitted later. */
  readonly maxCapacity?: number;
  readonly roleArn?: string;
  readonly suspendedState?: SuspendedScaling;
}

export interface ScalableTarget extends TargetKey {
  readonly scalableTargetArn: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly roleArn: string;
  readonly creationTimeSeconds: EpochSeconds;
  readonly suspendedState: Required<SuspendedScaling>;
}

export interface PutScalingPolicyRequest extends TargetKey {
  /** Policy, identified by its `policyName`. */
  readonly policy: TargetTrackingPolicy | StepPolicy;
}

export interface StoredScalingPolicy {
  readonly policyArn: string;
  readonly alarms: readonly { readonly alarmName: string; readonly alarmArn: string }[];
}

export interface ScalingPolicyDescription extends TargetKey, StoredScalingPolicy {
  readonly policyName: string;
  readonly policy: TargetTrackingPolicy | StepPolicy;
  readonly creationTimeSeconds: EpochSeconds;
}

export interface PutScheduledActionRequest extends TargetKey {
  readonly action: ScheduledAction;
}

export interface ScheduledActionDescription extends TargetKey {
  readonly scheduledActionArn: string;
  readonly action: ScheduledAction;
  readonly creationTimeSeconds: EpochSeconds;
}

export interface ScalingActivityDescription extends TargetKey {
  readonly activityId: string;
  readonly description: string;
  readonly cause: string;
  readonly startTimeSeconds: EpochSeconds;
  readonly endTimeSeconds?: EpochSeconds;
  readonly statusCode: ScalingActivityStatus;
  readonly statusMessage?: string;
  readonly notScaledReasons?: readonly NotScaledReason[];
  readonly fromCapacity: number;
  readonly toCapacity: number;
  /** Name of the policy or scheduled action; undefined where the limits alone decided. */
  readonly decidedBy?: string;
  /** Stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

/** Event `Application Auto Scaling Scaling Activity State Change` (detail `scaledToMax`). */
export interface ScaledToMaxEvent extends TargetKey {
  readonly atSeconds: EpochSeconds;
  readonly oldDesiredCapacity: number;
  readonly newDesiredCapacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}
