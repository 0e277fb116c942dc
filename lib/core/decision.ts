/** One step of a decision: the change that a stage made, with its reason. */
export interface Step {
  /** Stage of the decision, for example `target-tracking:concurrency` or `limits`. */
  readonly stage: string;
  /** Capacity before the stage. */
  readonly from: number;
  /** Capacity after the stage. */
  readonly to: number;
  /** One sentence with the numbers behind the change. */
  readonly reason: string;
}

/** Writes the sentence of a step, or leaves it out. */
export type Wording = (sentence: () => string) => string;

/** Writes every sentence. */
export const IN_WORDS: Wording = (sentence) => sentence();

/** Leaves every sentence empty: for callers that decide many times, and again in words where a reason is read. */
export const WITHOUT_WORDS: Wording = () => '';

/** A capacity decision with the steps that led to it. */
export interface Decision {
  /** Desired capacity, absolute (instances or copies). */
  readonly desiredCapacity: number;
  /** Steps in order; never empty, so that every decision has a reason. */
  readonly steps: readonly Step[];
}

/** A maximum set outside the scaling policies, for example by the cost guard. */
export interface Ceiling {
  /** Origin of the maximum, for example `cost-guard`. */
  readonly source: string;
  /** Maximum capacity. */
  readonly maxCapacity: number;
  /** Reason for the maximum. */
  readonly reason: string;
}
