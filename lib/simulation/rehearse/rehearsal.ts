import type { EpochSeconds } from '../../core/time';
import type { DatedClock } from '../clock';
import type { RetryMode } from '../fleet';

/** Mean, quantiles and maximum of durations in seconds. */
export interface SecondsSummary {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly maximum: number;
}

/** Requests by outcome. `arrived = completed + timedOut + rejected + unfinished + spill.records`, always. */
export interface RequestSummary {
  readonly arrived: number;
  readonly completed: number;
  /** Requests without a response before their time-out. */
  readonly timedOut: number;
  /** Requests rejected on arrival: no instance in service, or a full queue. */
  readonly rejected: number;
  /** Requests present when the traffic ended. */
  readonly unfinished: number;
}

/** Records that went to an asynchronous endpoint, because they had waited in the stream for too long. */
export interface SpillSummary {
  readonly records: number;
  /** In percent of the requests that arrived. */
  readonly percent: number;
  /** Seconds that each had waited then. */
  readonly afterSeconds: number;
  /** Mean of the seconds from arrival to response of those that were answered; without `endpoint` without the wait in the queue of that endpoint. */
  readonly meanDelaySeconds: number;
  /** The asynchronous endpoint with these records alone. Absent where none spilled, or no template has the scaling of the endpoint. */
  readonly endpoint?: SpillEndpointSummary;
}

/** Asynchronous endpoint that spilled records went to. `spill.records = answered + waiting + dead`, always. */
export interface SpillEndpointSummary {
  readonly resourceId: string;
  readonly answered: number;
  /** Records in its queue or its slots when the traffic ended. */
  readonly waiting: number;
  /** Records that were not answered in the time of their request: dead letters. */
  readonly dead: number;
  /** Seconds from the arrival in the stream to the response. */
  readonly delaySeconds: SecondsSummary;
  readonly peakInstances: number;
  readonly instanceHours: number;
  /** Cost of its instances, which is not part of the fleet's. */
  readonly usd: number;
  readonly scaleOuts: number;
  readonly scaleIns: number;
}

/** Attempts beyond the first of each request, as the SDKs of the callers make them, and work for callers who had given up. */
export interface RetrySummary {
  readonly mode: RetryMode;
  /** Attempts of one request, the first included. */
  readonly maxAttempts: number;
  /** Attempts beyond the first: load that the traffic does not have, and in percent of the requests that arrived. */
  readonly attempts: number;
  readonly extraLoadPercent: number;
  /** Requests that one of them answered. */
  readonly answered: number;
  /** Requests that failed with their last attempt. */
  readonly failed: number;
  /** Retries that the quota of the clients forbade. */
  readonly withoutQuota: number;
  /** Hours of slots that served callers who had given up, and in percent of the hours of slots in use. */
  readonly abandonedSlotHours: number;
  readonly abandonedPercent: number;
}

/** Instances that were released while requests ran in them. */
export interface DrainSummary {
  readonly instances: number;
  /** Requests that ran or waited in them. */
  readonly requests: number;
  /** Those of them whose callers gave up before they were answered. */
  readonly givenUp: number;
  /** Mean and maximum of the seconds for which they were billed after their release. */
  readonly meanSeconds: number;
  readonly longestSeconds: number;
}

/** Cause of requests served badly: the state of the fleet. */
export type MissCause =
  /** No instance was in service. */
  | 'no-instance'
  /** Desired instances could not be launched: no pool had capacity. */
  | 'no-capacity'
  /** Desired instances were still starting. */
  | 'provisioning'
  /** The cost guard limited the fleet. */
  | 'guard'
  /** The fleet was at its maximum. */
  | 'maximum'
  /** Scaling out is suspended. */
  | 'suspended'
  /** No policy had scaled out yet. */
  | 'reaction';

/** Change of the desired capacity, with its reason. */
export interface RehearsedAction {
  /** Seconds from the start. */
  readonly second: number;
  /** The same moment in UTC, such as `2026-01-05T13:47:00Z`; absent without a clock. */
  readonly at?: string;
  readonly from: number;
  readonly to: number;
  /** Policy, schedule or limit that decided. */
  readonly decidedBy: string;
  readonly reason: string;
  /** Stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

/** Event other than a scaling action. */
export interface RehearsedEvent {
  readonly second: number;
  /** The same moment in UTC; absent without a clock. */
  readonly at?: string;
  readonly kind: 'guard' | 'capacity' | 'schedule' | 'shards' | 'note';
  readonly title: string;
  readonly reason: string;
}

/** The fleet and its traffic over one interval. */
export interface TimelinePoint {
  /** Middle of the interval, in seconds from the start. */
  readonly second: number;
  /** The same moment in UTC; absent without a clock. */
  readonly at?: string;
  readonly requestsPerSecond: number;
  /** Concurrent requests if none waited: service time of the arrivals per second. */
  readonly demand: number;
  /** Demand of the busiest minute that ended in the interval; at least `demand`. */
  readonly peakDemand: number;
  /** Slots of the instances in service. */
  readonly slots: number;
  readonly busySlots: number;
  /** Maximum number of requests waiting at once. */
  readonly queued: number;
  /** Requests served badly, in percent of those that arrived. */
  readonly missedPercent: number;
  /** Requests that timed out or were rejected, in percent of those that arrived. */
  readonly droppedPercent: number;
  /** Waits of the requests whose service began in this interval. */
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly longestWaitSeconds: number;
  readonly desired: number;
  readonly inService: number;
  /** Instances billed: starting, in service, draining. */
  readonly billed: number;
  /** Maximum capacity in force. */
  readonly maximum: number;
  /** Spent since the start, USD. */
  readonly usd: number;
}

/** Recommended change. */
export interface Advice {
  readonly title: string;
  readonly reason: string;
  /** Result of the changed fleet under the same traffic; absent if the change was not rehearsed. */
  readonly effect?: { readonly sloPercent: number; readonly usdPerMonth: number };
}

/** Best schedule for the same traffic, computed with all of it known. */
export interface Hindsight {
  readonly instanceHours: number;
  readonly usdPerMonth: number;
  readonly sloPercent: number;
}

/** Predicted behaviour of a fleet under some traffic. Plain data: the same inputs and seed give the same bytes. */
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
    /** Second of the traffic at which the run begins. */
    readonly fromSeconds: number;
    readonly seconds: number;
    /** Moment of `fromSeconds` in the trace, and of the end of the run, in UTC; absent if the trace has no dates. */
    readonly fromAt?: string;
    readonly toAt?: string;
    /** Mean service time of a request. */
    readonly meanServiceSeconds: number;
  };
  /** Clock of the run; null if neither the traffic nor a setting has a date: `settings.startSeconds` is then an assumption. */
  readonly clock: DatedClock;
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
    /** Share of the requests that devices answer by themselves, 0 to 1. */
    readonly edgeOffload?: number;
  };
  readonly requests: RequestSummary;
  /** Absent where no record may spill. */
  readonly spill?: SpillSummary;
  readonly retries: RetrySummary;
  readonly drains: DrainSummary;
  /** Requests served well: they waited at most `sloWaitSeconds` for a slot and completed in time. In percent of those that arrived. */
  readonly sloPercent: number;
  /** Requests served badly, by the state of the fleet at the end of the 10 or 60 seconds in which they were. */
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
    /** Highest level that the guard reached. */
    readonly guardLevel: string | null;
  };
  readonly scaling: {
    readonly scaleOuts: number;
    readonly scaleIns: number;
    /** Attempts to launch for which no pool had capacity. */
    readonly capacityErrors: number;
    readonly actions: readonly RehearsedAction[];
  };
  readonly events: readonly RehearsedEvent[];
  readonly timeline: readonly TimelinePoint[];
  readonly advice: readonly Advice[];
  /** Absent unless it was computed. */
  readonly hindsight?: Hindsight;
  /** Assumptions and omissions of the rehearsal. */
  readonly notes: readonly string[];
}
