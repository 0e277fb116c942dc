import type { EpochSeconds } from '../../core/time';
import type { CapacityLimits } from './limits';

/** Scale-out in progress or in cooldown. */
export interface CountedScaleOut {
  readonly policyName: string;
  readonly atSeconds: EpochSeconds;
  /** Time when the capacity was in service; the cooldown starts here. */
  readonly completedAtSeconds?: EpochSeconds;
  readonly from: number;
  readonly to: number;
  readonly cooldownSeconds: number;
}

/** Scale-in that may be in cooldown. */
export interface CountedScaleIn {
  readonly policyName: string;
  readonly atSeconds: EpochSeconds;
  readonly from: number;
  readonly to: number;
  readonly cooldownSeconds: number;
}

/** Memory that one decision passes to the next. */
export interface ScalingMemory {
  /** Scale-outs in progress or in cooldown, oldest first. */
  readonly scaleOuts: readonly CountedScaleOut[];
  readonly scaleIn?: CountedScaleIn;
  /** Limits set by scheduled actions, in place of the plan's. */
  readonly limits?: CapacityLimits;
  /** Time up to which scheduled actions have been applied. */
  readonly schedulesAppliedUntil?: EpochSeconds;
}

/** Memory before the first decision. */
export const EMPTY_MEMORY: ScalingMemory = { scaleOuts: [] };
