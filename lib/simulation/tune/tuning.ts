import type { DatedClock } from '../clock';
import type { Provisioning } from '../fleet';
import type { ServiceTimes } from '../traffic/service-times';
import type { Candidate } from './candidate';
import type { Estimate } from './estimate';
import type { Figures, PartFigures } from './figures';

/** Objective, conditions and size of a tuning. */
export interface TuningSettings {
  readonly seed: number;
  /** Requests to serve well, in percent, above 0 and below 100. */
  readonly sloPercent: number;
  /** Maximum wait for a slot of a request that is served well. */
  readonly sloWaitSeconds: number;
  readonly service: ServiceTimes;
  readonly provisioning: Provisioning;
  readonly requestTimeoutSeconds: number;
  /** Number of candidates to try. */
  readonly candidates: number;
  /** Smallest minimum of a candidate. */
  readonly minCapacityFloor: number;
  /** Zone of the times in texts. @default that of the trace's dates */
  readonly timezone?: string;
}

/** A policy with its figures over the whole trace and over its held-out part. */
export interface TunedPolicy {
  /** Policy in a few words. */
  readonly policy: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  /** Figures over the whole trace. */
  readonly whole: Figures;
  /** Figures over the part that the search did not see; null if the trace is too short to hold one out. */
  readonly heldOut: PartFigures | null;
}

/** Policy that the search found. */
export interface FoundPolicy extends TunedPolicy {
  readonly settings: Candidate;
  /** Target in the unit of the metric. */
  readonly target: number;
  /** Estimate of the search, over the part that it saw. */
  readonly estimate: Estimate;
}

/** Cost and quality of a candidate. */
export interface TriedCandidate {
  readonly usdPerMonth: number;
  readonly sloPercent: number;
  readonly isRehearsed: boolean;
}

/** Outcome of a tuning. */
export type TuningVerdict =
  /** The best policy costs less than today's. */
  | 'saves'
  /** Today's policy misses the objective; the best one keeps it and costs more. */
  | 'keeps-the-objective'
  /** Today's policy keeps the objective, and no other that keeps it costs less. */
  | 'today-is-best'
  /** Neither today's policy nor any rehearsed one keeps the objective. */
  | 'none-keeps'
  /** A better policy was found, on too little traffic to recommend it. */
  | 'too-little-traffic';

/** Result of `tidegate tune` for one fleet. Plain data: the same inputs and seed give the same bytes. */
export interface Tuning {
  readonly resourceId: string;
  readonly template: string;
  /** Clock of the trace; null if it has no dates. */
  readonly clock: DatedClock;
  readonly trace: {
    readonly name: string;
    readonly seconds: number;
    /** First and last moment in UTC; absent if the trace has no dates. */
    readonly fromAt?: string;
    readonly toAt?: string;
    readonly requests: number;
  };
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
    /** Pooled: candidates are estimated without single requests. Exact: every candidate is rehearsed request by request. */
    readonly method: 'pooled' | 'exact';
    /** Candidates that were estimated. */
    readonly candidates: number;
    /** Candidates that keep the objective by their estimate. */
    readonly promising: number;
    /** Candidates that were rehearsed over the whole trace, request by request. */
    readonly rehearsed: number;
    /** Rehearsed candidates that keep the objective. */
    readonly confirmed: number;
    /** Length of the part that the search saw, from the beginning of the trace. */
    readonly seconds: number;
  };
  /** Cost and quality of the candidates: estimates on the part that the search saw, and rehearsals on the whole trace. */
  readonly candidates: readonly TriedCandidate[];
  readonly verdict: TuningVerdict;
  readonly today: TunedPolicy;
  /** Cheapest policy that keeps the objective over the whole trace; if none does, the nearest one. */
  readonly best: FoundPolicy | null;
  /** Saving of the best policy against today's; negative if it costs more. Null if no change is recommended. */
  readonly saving: {
    readonly percent: number;
    readonly usdPerMonth: number;
    /** Saving over the held-out part alone. */
    readonly heldOutPercent: number | null;
  } | null;
  /** Construct to paste; null if no change is recommended. */
  readonly code: string | null;
  /** Caveats, a sentence each. */
  readonly notes: readonly string[];
}
