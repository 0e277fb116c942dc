import type { CapacityLimits } from '../../scaling/decide/limits';
import type { HeldLimits } from './held-limits';
import type { GuardStep } from './plan';

/** Limits to set on one fleet: absolute, so that setting them twice equals setting them once. */
export interface GuardAction extends CapacityLimits {
  readonly resourceId: string;
}

/** Decision for the limits of one scalable target, with what to remember of them. */
export interface LimitsOutcome {
  /** As it is once the action had its effect. */
  readonly held: HeldLimits | undefined;
  /** Undefined when the target already has the right limits. */
  readonly action: GuardAction | undefined;
  /** Limits before the action, as far as they are known. */
  readonly before?: CapacityLimits;
  readonly step: GuardStep;
}
