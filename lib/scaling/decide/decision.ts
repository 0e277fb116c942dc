import type { Decision } from '../../core/decision';
import type { CapacityLimits } from './limits';
import type { ScalingMemory } from './memory';

/** Outcome of a decision. */
export type ScalingOutcome = 'scale-out' | 'scale-in' | 'hold';

/** Code of a reason for not scaling, as in `DescribeScalingActivities`. */
export type NotScaledCode =
  | 'AutoScalingAnticipatedFlapping'
  | 'TargetServicePutResourceAsUnscalable'
  | 'AlreadyAtMaxCapacity'
  | 'AlreadyAtMinCapacity'
  | 'AlreadyAtDesiredCapacity';

/** Reason for not scaling. */
export interface NotScaledReason {
  readonly code: NotScaledCode;
  readonly currentCapacity: number;
  readonly maxCapacity?: number;
  readonly minCapacity?: number;
}

/** Decision on the capacity of a fleet. */
export interface FleetDecision extends Decision {
  readonly outcome: ScalingOutcome;
  /** Policy or scheduled action that decided; undefined if nothing changed or a limit alone did. */
  readonly decidedBy?: string;
  /** Limits in force after this decision. */
  readonly limits: CapacityLimits;
  /** Limit that the capacity is held at; undefined if none. */
  readonly limitedBy?: 'max' | 'min' | 'ceiling';
  readonly notScaledReasons: readonly NotScaledReason[];
}

/** Decision and the memory for the next one. */
export interface Decided {
  readonly decision: FleetDecision;
  readonly memory: ScalingMemory;
}
