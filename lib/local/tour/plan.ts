import type { TourContext, TourResults } from './context';

/** Reason for which a step cannot be taken on this machine, with the way to get what is missing. It is no failure. */
export class SkippedStep extends Error {}

/** One step of a tour. Rejects where something does not behave as expected, and with {@link SkippedStep} where this machine lacks something. */
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
  /** Groups of steps, one after the other up to the first with a failure. The steps of a group are taken at the same time. */
  readonly groups: readonly (readonly PlannedStep<Output>[])[];
  /** True if jobs need PyTorch and ONNX Runtime, and endpoints run the networks of their models. */
  readonly withLearning: boolean;
  /** Line of a step in the terminal. */
  readonly summaryOf: (results: TourResults) => string;
  /** Last line of a tour in which every step was as expected. */
  readonly success: string;
  /** Ends what the steps started, also after an error. @default - nothing */
  readonly close?: () => Promise<void>;
}
