import type { EpochSeconds } from '../../core/time';
import type {
  NotScaledReason,
  ScheduledAction,
  StepPolicy,
  SuspendedScaling,
  TargetTrackingPolicy,
} from '../../scaling/decide/plan';

/** Anything with a replica count, as the scaling service sees it. */
export interface ScalableFleet {
  /** The capacity wanted now. */
  desiredCapacity(): number;
  /** Sets the wanted capacity, absolute; the newest call counts. */
  setDesiredCapacity(capacity: number, atSeconds: EpochSeconds, cause: string): void;
  /** True while a configuration update (not a capacity change) runs; the fleet refuses capacity changes then. */
  isUpdating(): boolean;
  /**
   * The capacity that serves now. With it an activity is InProgress until the capacity has arrived and the scale-out
   * cooldown runs from there; without it a change counts as done at once.
   */
  inServiceCapacity?(): number;
}

/** What names a scalable target. */
export interface TargetKey {
  readonly serviceNamespace: string;
  readonly resourceId: string;
  readonly scalableDimension: string;
}

export interface RegisterScalableTargetRequest extends TargetKey {
  /** Required at the first registration; kept when left out later. */
  readonly minCapacity?: number;
  /** Required at the first registration; kept when left out later. */
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
  /** The policy; its `policyName` names it. */
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

export type ActivityStatus = 'Pending' | 'InProgress' | 'Successful' | 'Overridden' | 'Unfulfilled' | 'Failed';

export interface ScalingActivity extends TargetKey {
  readonly activityId: string;
  readonly description: string;
  readonly cause: string;
  readonly startTimeSeconds: EpochSeconds;
  readonly endTimeSeconds?: EpochSeconds;
  readonly statusCode: ActivityStatus;
  readonly statusMessage?: string;
  readonly notScaledReasons?: readonly NotScaledReason[];
  readonly fromCapacity: number;
  readonly toCapacity: number;
  /** The policy or scheduled action; left out where the limits alone acted. */
  readonly decidedBy?: string;
  /** The stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

/** The event `Application Auto Scaling Scaling Activity State Change` (detail `scaledToMax`). */
export interface ScaledToMaxEvent extends TargetKey {
  readonly atSeconds: EpochSeconds;
  readonly oldDesiredCapacity: number;
  readonly newDesiredCapacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}
