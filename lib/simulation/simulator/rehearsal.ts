import type { EpochSeconds } from '../../core/time';

/** Quantiles of seconds. */
export interface SecondsSummary {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly maximum: number;
}

/** How the requests ended. `arrived = completed + timedOut + rejected + unfinished`, always. */
export interface RequestSummary {
  readonly arrived: number;
  readonly completed: number;
  /** Callers that had an error because the answer came too late. */
  readonly timedOut: number;
  /** Requests refused at once: no instance in service, or a full queue. */
  readonly rejected: number;
  /** Requests present when the traffic ended. */
  readonly unfinished: number;
}

/** Why requests were served badly, by the state the fleet was in. */
export type MissCause =
  /** No instance was in service. */
  | 'no-instance'
  /** The wanted instances could not be launched: no pool had capacity. */
  | 'no-capacity'
  /** Wanted instances were still starting. */
  | 'provisioning'
  /** The cost guard held the fleet down. */
  | 'guard'
  /** The fleet was at its maximum. */
  | 'maximum'
  /** No policy had asked for more yet. */
  | 'reaction';

/** A change of the wanted capacity, with its reason. */
export interface RehearsedAction {
  /** Seconds from the start. */
  readonly second: number;
  readonly from: number;
  readonly to: number;
  /** The policy, schedule or limit that decided. */
  readonly decidedBy: string;
  readonly reason: string;
  /** The stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

/** Something else that happened. */
export interface RehearsedEvent {
  readonly second: number;
  readonly kind: 'guard' | 'capacity' | 'schedule' | 'note';
  readonly title: string;
  readonly reason: string;
}

/** The fleet and its traffic over one stretch of time. */
export interface TimelinePoint {
  /** The middle of the stretch, in seconds from the start. */
  readonly second: number;
  readonly requestsPerSecond: number;
  /** Concurrent requests that the arrivals ask for: their service time in a second. */
  readonly demand: number;
  /** The demand of the busiest minute that ended in the stretch; at least `demand`. */
  readonly peakDemand: number;
  /** Slots of the instances in service. */
  readonly slots: number;
  readonly busySlots: number;
  /** The most requests waiting at once. */
  readonly queued: number;
  /** Requests served badly, in percent of those that arrived. */
  readonly missedPercent: number;
  /** Requests that timed out or were refused, in percent of those that arrived. */
  readonly droppedPercent: number;
  /** Waits of the requests whose service began in this stretch. */
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly longestWaitSeconds: number;
  readonly desired: number;
  readonly inService: number;
  /** Instances billed: starting, in service, draining. */
  readonly billed: number;
  /** The maximum in force. */
  readonly maximum: number;
  /** Spent since the start, USD. */
  readonly usd: number;
}

/** A piece of advice; with `effect` where the change was rehearsed too. */
export interface Advice {
  readonly title: string;
  readonly reason: string;
  /** What the changed fleet did under the same traffic. */
  readonly effect?: { readonly sloPercent: number; readonly usdPerMonth: number };
}

/** The best schedule for the same traffic, found with all of it known. */
export interface Hindsight {
  readonly instanceHours: number;
  readonly usdPerMonth: number;
  readonly sloPercent: number;
}

/** What would happen to a fleet under some traffic. Plain data: the same inputs and seed give the same bytes. */
export interface Rehearsal {
  readonly fleet: {
    readonly resourceId: string;
    readonly template: string;
    readonly kind: string;
    readonly instanceTypes: readonly string[];
    readonly slotsPerInstance: number;
    readonly minCapacity: number;
    readonly maxCapacity: number;
    readonly policies: readonly string[];
    readonly schedules: readonly string[];
  };
  readonly traffic: {
    readonly name: string;
    readonly description: string;
    /** Where in the traffic the run begins. */
    readonly fromSeconds: number;
    readonly seconds: number;
    /** Seconds of service that a request asks for, on average. */
    readonly meanServiceSeconds: number;
  };
  readonly settings: {
    readonly seed: number | string;
    readonly startSeconds: EpochSeconds;
    readonly startInstances: number;
    readonly service: string;
    readonly provisioning: string;
    readonly provisioningMedianSeconds: number;
    readonly sloWaitSeconds: number;
    readonly sloPercent: number;
    readonly requestTimeoutSeconds: number;
  };
  readonly requests: RequestSummary;
  /** Requests that waited at most `sloWaitSeconds` for a slot and had an answer in time, in percent of those that arrived. */
  readonly sloPercent: number;
  /** Requests served badly, by the state the fleet was in at the end of the 10 or 60 seconds in which they were. */
  readonly missedBy: { readonly [cause in MissCause]?: number };
  readonly latencySeconds: SecondsSummary;
  readonly waitSeconds: SecondsSummary;
  readonly capacity: {
    readonly instanceHours: number;
    readonly instanceHoursByType: { readonly [instanceType: string]: number };
    readonly meanInstances: number;
    readonly peakInstances: number;
    readonly leastInstances: number;
    /** Slots in use, in percent of the slots in service. */
    readonly utilisationPercent: number;
  };
  readonly cost: {
    readonly usd: number;
    /** For a month of 730 hours at this rate. */
    readonly usdPerMonth: number;
    readonly usdPerMillionRequests: number;
    readonly pricesPerHourUsd: { readonly [instanceType: string]: number };
    readonly budgetUsd: number | null;
    /** The highest level the guard reached. */
    readonly guardLevel: string | null;
  };
  readonly scaling: {
    readonly scaleOuts: number;
    readonly scaleIns: number;
    /** Capacity attempts that no pool could meet. */
    readonly capacityErrors: number;
    readonly actions: readonly RehearsedAction[];
  };
  readonly events: readonly RehearsedEvent[];
  readonly timeline: readonly TimelinePoint[];
  readonly advice: readonly Advice[];
  /** Where it was asked for. */
  readonly hindsight?: Hindsight;
  /** What the rehearsal took as something else or left out. */
  readonly notes: readonly string[];
}
