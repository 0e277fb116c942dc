import type { Candidate } from './candidate';
import type { Estimate } from './estimate';
import type { Figures, PartFigures } from './figures';

/** A policy under the whole trace, and under its held-out part. */
export interface TunedPolicy {
  /** The policy in a few words. */
  readonly policy: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** The whole trace, request by request. */
  readonly whole: Figures;
  /** The part the search saw nothing of; null where the trace is too short to hold one out. */
  readonly heldOut: PartFigures | null;
}

/** A policy that the search found. */
export interface FoundPolicy extends TunedPolicy {
  readonly settings: Candidate;
  /** The policy's target in its metric's unit. */
  readonly target: number;
  /** What the search took it for, over the part it saw. */
  readonly estimate: Estimate;
}

/** What comes of tuning. */
export type TuningVerdict =
  /** The best one costs less than today's. */
  | 'saves'
  /** Today's misses the objective; the best one keeps it and costs more. */
  | 'keeps-the-objective'
  /** None that keeps the objective costs less than today's, which keeps it. */
  | 'today-is-best'
  /** Neither today's nor any that was rehearsed keeps the objective. */
  | 'none-keeps';

/** What `tidegate tune` finds for one fleet. Plain data: the same inputs and seed give the same bytes. */
export interface Tuning {
  readonly resourceId: string;
  readonly template: string;
  readonly trace: { readonly name: string; readonly seconds: number; readonly requests: number };
  readonly settings: {
    readonly seed: number;
    readonly sloPercent: number;
    readonly sloWaitSeconds: number;
    readonly service: string;
    readonly meanServiceSeconds: number;
    readonly provisioning: string;
    readonly requestTimeoutSeconds: number;
  };
  readonly search: {
    /** Pooled: without single requests. Exact: every candidate request by request. */
    readonly method: 'pooled' | 'exact';
    /** Candidates that were estimated. */
    readonly candidates: number;
    /** Candidates that keep the objective by their estimate. */
    readonly promising: number;
    /** Candidates that were rehearsed over the whole trace, request by request. */
    readonly rehearsed: number;
    /** Of them, those that keep the objective. */
    readonly confirmed: number;
    /** Seconds of the trace, from its beginning, that the search saw. */
    readonly seconds: number;
  };
  readonly verdict: TuningVerdict;
  readonly today: TunedPolicy;
  /** The cheapest that keeps the objective over the whole trace; where none does, the one that comes nearest. */
  readonly best: FoundPolicy | null;
  /** What the best one saves against today's; negative where it costs more. Null where there is nothing to change to. */
  readonly saving: {
    readonly percent: number;
    readonly usdPerMonth: number;
    /** The same over the held-out part alone. */
    readonly heldOutPercent: number | null;
  } | null;
  /** The construct to paste; null where there is nothing to change to. */
  readonly code: string | null;
  /** What to know before the figures are believed, a sentence each. */
  readonly notes: readonly string[];
}
