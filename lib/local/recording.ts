import type { EpochSeconds } from '../core/time';

/**
 * Recording of a local run, which the live page draws and the HTML report contains.
 * Seconds are local seconds since the first request; before it they are negative.
 */

/** State of the platform at one moment. */
export interface Sample {
  readonly second: number;
  /** Requests per second, mean of the last minute. */
  readonly requestsPerSecond: number;
  /** Concurrent requests that the traffic of the last minute requires (arrivals x service time). */
  readonly demandConcurrency: number;
  /** Concurrent requests that the instances in service can process. */
  readonly capacityConcurrency: number;
  /** Requests in a slot of an instance. */
  readonly inFlight: number;
  /** Requests in the endpoint that wait for a slot. */
  readonly queued: number;
  /** Records in the stream that no consumer has finished. */
  readonly streamBacklog: number;
  /** Latency percentiles of the responses of the last minute, seconds; null without responses. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** 95th percentiles of the parts of these latencies, seconds: in a slot of an instance, in the endpoint before it, and in the stream. */
  readonly serviceP95: number | null;
  readonly queueP95: number | null;
  readonly streamP95: number | null;
  /** Cost since the first request, US dollars. */
  readonly spendUsd: number;
  /** Level of the cost guard. */
  readonly guardLevel: string;
  readonly desiredInstances: number;
  readonly provisioningInstances: number;
  /** Maximum of the scalable target. */
  readonly maxInstances: number | null;
  /** Instances in service by type. */
  readonly instancesByType: { readonly [instanceType: string]: number };
}

export type EventKind = 'scale-out' | 'scale-in' | 'guard' | 'capacity' | 'alarm' | 'training' | 'problem' | 'note';

/** Event with its reason. */
export interface TimelineEvent {
  readonly second: number;
  readonly kind: EventKind;
  readonly title: string;
  readonly reason: string;
}

export type StepStatus = 'waiting' | 'running' | 'done' | 'skipped' | 'failed';

/** Progress of one step of the run. */
export interface StepProgress {
  readonly id: string;
  readonly title: string;
  readonly status: StepStatus;
  /** Short text on the progress or the result. */
  readonly detail: string;
}

/** Settings of a run. */
export interface RunHeader {
  readonly stage: string;
  readonly traffic: string;
  readonly seed: number;
  readonly speed: number;
  readonly budgetUsd: number | null;
  readonly chaos: boolean;
  /** Planned length of the traffic, local seconds. */
  readonly trafficSeconds: number;
  /** Moment of second 0 on the clock of the run, which is faster than the machine's; null before it. */
  readonly firstRequestAt: EpochSeconds | null;
}

/** Labelled value of the summary. */
export interface SummaryItem {
  readonly label: string;
  readonly value: string;
  readonly good: boolean | null;
}

/** Result of a run. */
export interface RunSummary {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly items: readonly SummaryItem[];
}

/** Everything that a run has recorded. */
export interface Recording {
  readonly header: RunHeader;
  readonly steps: readonly StepProgress[];
  readonly samples: readonly Sample[];
  readonly events: readonly TimelineEvent[];
  readonly summary: RunSummary | null;
}

/** Message to the live page: the whole recording first, then each change. */
export type LiveMessage =
  | { readonly kind: 'recording'; readonly recording: Recording }
  | { readonly kind: 'header'; readonly header: RunHeader }
  | { readonly kind: 'steps'; readonly steps: readonly StepProgress[] }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'event'; readonly event: TimelineEvent }
  | { readonly kind: 'summary'; readonly summary: RunSummary };
