/**
 * What a local run records while it goes: the live page draws it, the HTML report carries it whole.
 * Seconds count on the local clock from the first request; before it they are negative.
 */

/** The state of the platform at one moment. */
export interface Sample {
  readonly second: number;
  /** Requests sent in the last minute, per second. */
  readonly requestsPerSecond: number;
  /** Concurrent requests that the traffic of the last minute asks for (arrivals x service time). */
  readonly demandConcurrency: number;
  /** Concurrent requests that the instances in service can hold. */
  readonly capacityConcurrency: number;
  /** Requests inside instances, in a slot. */
  readonly inFlight: number;
  /** Requests waiting inside the endpoint for a slot. */
  readonly queued: number;
  /** Records in the stream that no consumer has finished. */
  readonly streamBacklog: number;
  /** Latency percentiles of the answers of the last minute, seconds; null without answers. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Spent since the first request, US dollars. */
  readonly spendUsd: number;
  /** The level of the cost guard. */
  readonly guardLevel: string;
  readonly desiredInstances: number;
  readonly provisioningInstances: number;
  /** The scalable target's maximum. */
  readonly maxInstances: number | null;
  /** Instances in service by type. */
  readonly instancesByType: { readonly [instanceType: string]: number };
}

export type EventKind = 'scale-out' | 'scale-in' | 'guard' | 'capacity' | 'alarm' | 'training' | 'problem' | 'note';

/** Something that happened, with the reason. */
export interface TimelineEvent {
  readonly second: number;
  readonly kind: EventKind;
  readonly title: string;
  readonly reason: string;
}

export type StepStatus = 'waiting' | 'running' | 'done' | 'failed';

/** One step of the run, in order. */
export interface StepProgress {
  readonly id: string;
  readonly title: string;
  readonly status: StepStatus;
  /** A few words on how far it is, or what came of it. */
  readonly detail: string;
}

/** What does not change during a run. */
export interface RunHeader {
  readonly stage: string;
  readonly traffic: string;
  readonly seed: number;
  readonly speed: number;
  readonly budgetUsd: number | null;
  readonly chaos: boolean;
  /** The planned length of the traffic, local seconds. */
  readonly trafficSeconds: number;
}

/** A number of the summary, ready to be shown. */
export interface SummaryItem {
  readonly label: string;
  readonly value: string;
  readonly good: boolean | null;
}

/** The end of a run. */
export interface RunSummary {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly items: readonly SummaryItem[];
}

export interface Recording {
  readonly header: RunHeader;
  readonly steps: readonly StepProgress[];
  readonly samples: readonly Sample[];
  readonly events: readonly TimelineEvent[];
  readonly summary: RunSummary | null;
}

/** One message to the live page: the whole recording first, then what is new. */
export type LiveMessage =
  | { readonly kind: 'recording'; readonly recording: Recording }
  | { readonly kind: 'header'; readonly header: RunHeader }
  | { readonly kind: 'steps'; readonly steps: readonly StepProgress[] }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'event'; readonly event: TimelineEvent }
  | { readonly kind: 'summary'; readonly summary: RunSummary };
