/** One step on the way to a decision: what a stage did to the value, and why. */
export interface Step {
  /** The stage that took the step, for example `target-tracking:concurrency` or `limits`. */
  readonly stage: string;
  /** The capacity before the stage. */
  readonly from: number;
  /** The capacity after the stage. */
  readonly to: number;
  /** One sentence with the numbers that led here. */
  readonly reason: string;
}

/** A capacity decision with the steps that led to it. */
export interface Decision {
  /** The wanted capacity, absolute (instances or copies). */
  readonly desiredCapacity: number;
  /** The steps in the order taken; never empty, so "why?" always has an answer. */
  readonly steps: readonly Step[];
}

/** A limit set from outside the scaling policies, such as the cost guard's cap. */
export interface Ceiling {
  /** Who set it, for example `cost-guard`. */
  readonly source: string;
  /** The capacity that must not be exceeded. */
  readonly maxCapacity: number;
  /** Why it was set. */
  readonly reason: string;
}
