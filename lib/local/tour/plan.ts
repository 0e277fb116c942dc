import type { TourContext, TourResults } from './context';

/** One step of a tour. Rejects where something does not behave as expected. */
export interface PlannedStep<Output extends string = string> {
  readonly id: string;
  readonly title: string;
  run(context: TourContext<Output>): Promise<TourResults>;
}

/** A tour: deployments of a stack of its own, and steps that use it. */
export interface TourPlan<Output extends string = string> {
  /** Deployments, in order; the first is there before the first step. */
  readonly states: readonly string[];
  /** Outputs of the first deployment. */
  readonly outputs: readonly Output[];
  readonly steps: readonly PlannedStep<Output>[];
  /** True if the steps are independent of each other. */
  readonly isParallel: boolean;
  /** True if jobs need PyTorch and ONNX Runtime, and endpoints run the networks of their models. */
  readonly withLearning: boolean;
  /** Line of a step in the terminal. */
  readonly summaryOf: (results: TourResults) => string;
  /** Last line of a tour in which every step was as expected. */
  readonly success: string;
  /** Ends what the steps started, also after an error. @default - nothing */
  readonly close?: () => Promise<void>;
}
