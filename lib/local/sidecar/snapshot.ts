import type { EpochSeconds } from '../../core/time';

/** Whether new instances of a type can be had. */
export type CapacityState = 'available' | 'insufficient';

/** Quantiles of a distribution of seconds; all null while nothing was measured. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly maximum: number | null;
}

/** How the requests of a variant ended, counted since it was created. */
export interface InvocationTotals {
  /** Requests that reached the variant. */
  readonly received: number;
  /** Requests the model answered. */
  readonly succeeded: number;
  /** Requests the model refused because their body does not parse (HTTP 4xx). */
  readonly refused: number;
  /** Requests the model answered with an error of its own (HTTP 5xx). */
  readonly failed: number;
  /** Requests turned away because every instance's queue was full or none was in service (HTTP 503). */
  readonly rejected: number;
  /** Requests given up after the response limit. */
  readonly timedOut: number;
}

/** The environments of a serverless variant. */
export interface ServerlessSnapshot {
  readonly maxConcurrency: number;
  readonly desiredProvisionedConcurrency: number;
  readonly readyProvisionedConcurrency: number;
  /** Environments in use. */
  readonly busy: number;
  /** Environments that were started for a request, since the variant was created. */
  readonly coldStarts: number;
  /** Requests refused because the limit was reached. */
  readonly throttled: number;
}

export interface VariantSnapshot {
  readonly name: string;
  /** Of a serverless variant, which has no instances; null for others. */
  readonly serverless: ServerlessSnapshot | null;
  /** Instances wanted, as `DescribeEndpoint` tells. */
  readonly desiredInstances: number;
  /** Instances that take requests. */
  readonly inServiceInstances: number;
  /** Instances launched (and billed) that do not take requests yet. */
  readonly provisioningInstances: number;
  /** Instances that finish what they hold before they end. */
  readonly drainingInstances: number;
  /** Instances in service per instance type. */
  readonly byType: { readonly [instanceType: string]: number };
  /** Requests one instance works on at a time. */
  readonly slotsPerInstance: number;
  /** Requests waiting for a slot. */
  readonly queued: number;
  /** Requests being worked on. */
  readonly inFlight: number;
  readonly invocations: InvocationTotals;
  /** Seconds from arrival at the variant to the answer, since it was created. */
  readonly latencySeconds: Quantiles;
  /** The same over the last 60 local seconds. */
  readonly recentLatencySeconds: Quantiles;
  /** Seconds in the queue, since the variant was created. */
  readonly queueSeconds: Quantiles;
  /** Instance seconds billed, from launch to termination, per instance type. */
  readonly billedInstanceSeconds: { readonly [instanceType: string]: number };
  readonly billedUsd: number;
  /** What the instances that exist now cost for an hour. */
  readonly usdPerHour: number;
}

/** What waits before the instances of an asynchronous endpoint, and what became of the rest. */
export interface QueueSnapshot {
  readonly waiting: number;
  /** Requests that an instance works on. */
  readonly working: number;
  /** Seconds since the oldest request that waits or is worked on was taken; 0 without one. */
  readonly oldestSeconds: number;
  /** Answered since the endpoint was created. */
  readonly processed: number;
  readonly failed: number;
  /** Given up because they waited for longer than their time to live. */
  readonly expired: number;
}

/** A model on a shared endpoint. */
export interface ComponentSnapshot {
  readonly name: string;
  /** `InferenceComponentStatus`. */
  readonly status: string;
  /** Copies wanted, as `DescribeInferenceComponent` tells. */
  readonly desiredCopies: number;
  readonly inServiceCopies: number;
  readonly startingCopies: number;
  readonly invocations: InvocationTotals;
  /** Seconds from arrival at a copy to the answer, since the component was created. */
  readonly latencySeconds: Quantiles;
}

export interface EndpointSnapshot {
  readonly name: string;
  /** `EndpointStatus` as `DescribeEndpoint` tells it. */
  readonly status: string;
  readonly failureReason: string | null;
  readonly configName: string;
  /** Of an asynchronous endpoint; null for others. */
  readonly queue: QueueSnapshot | null;
  /** Of a shared endpoint, adapters left out; empty for others. */
  readonly components: readonly ComponentSnapshot[];
  readonly variants: readonly VariantSnapshot[];
  /** The variants that get copies of requests; at most one, and two while an update replaces it. */
  readonly shadows: readonly VariantSnapshot[];
}

export interface ScalableTargetSnapshot {
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly desiredCapacity: number;
}

export interface ScalingActivitySnapshot {
  readonly activityId: string;
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly atSeconds: EpochSeconds;
  readonly endedAtSeconds: EpochSeconds | null;
  readonly fromCapacity: number;
  readonly toCapacity: number;
  readonly description: string;
  /** Why, in Application Auto Scaling's words. */
  readonly cause: string;
  readonly statusCode: string;
  readonly statusMessage: string;
  /** The policy or scheduled action that decided; null where the limits alone did. */
  readonly decidedBy: string | null;
  /** The stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

export interface AlarmSnapshot {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly sinceSeconds: EpochSeconds | null;
  /** Whether a target-tracking policy owns it. */
  readonly ownedByPolicy: boolean;
}

export interface TrainingJobSnapshot {
  readonly name: string;
  /** `TrainingJobStatus`. */
  readonly status: string;
  readonly secondaryStatus: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  readonly createdAtSeconds: EpochSeconds;
  readonly startedAtSeconds: EpochSeconds | null;
  readonly endedAtSeconds: EpochSeconds | null;
  readonly billableSeconds: number;
  readonly billedUsd: number;
  /** `s3://…/output/model.tar.gz`, once uploaded. */
  readonly modelArtifact: string | null;
  readonly failureReason: string | null;
}

/** All that the sidecar knows, at one moment of the local clock; plain data, safe to serialise. */
export interface PlatformSnapshot {
  readonly atSeconds: EpochSeconds;
  /** Every endpoint that exists. */
  readonly endpoints: readonly EndpointSnapshot[];
  readonly targets: readonly ScalableTargetSnapshot[];
  /** Oldest first. */
  readonly activities: readonly ScalingActivitySnapshot[];
  readonly alarms: readonly AlarmSnapshot[];
  readonly trainingJobs: readonly TrainingJobSnapshot[];
  /** Instance types whose capacity was ever set. */
  readonly capacity: { readonly [instanceType: string]: CapacityState };
  /** Spent since the sidecar started, with everything that was deleted meanwhile. */
  readonly billedUsd: { readonly total: number; readonly endpoints: number; readonly training: number };
}

/** Something that happened, told once, in the order of the local clock. */
export type PlatformEvent =
  | {
      readonly kind: 'endpoint-status';
      readonly atSeconds: EpochSeconds;
      readonly endpointName: string;
      readonly status: string;
      readonly failureReason: string | null;
    }
  | {
      readonly kind: 'instance';
      readonly atSeconds: EpochSeconds;
      readonly endpointName: string;
      readonly variantName: string;
      readonly change: 'launched' | 'in-service' | 'draining' | 'terminated';
      readonly instanceId: string;
      readonly instanceType: string;
    }
  | {
      readonly kind: 'capacity-error';
      readonly atSeconds: EpochSeconds;
      /** `endpoint/NAME/variant/NAME` or `training-job/NAME`. */
      readonly resource: string;
      readonly instanceType: string;
      /** What is tried instead, or null when nothing is left. */
      readonly fallbackInstanceType: string | null;
    }
  | {
      readonly kind: 'capacity-set';
      readonly atSeconds: EpochSeconds;
      readonly instanceType: string;
      readonly state: CapacityState;
    }
  | { readonly kind: 'scaling-activity'; readonly atSeconds: EpochSeconds; readonly activity: ScalingActivitySnapshot }
  | {
      readonly kind: 'alarm';
      readonly atSeconds: EpochSeconds;
      readonly alarmName: string;
      readonly state: string;
      readonly previousState: string;
      readonly reason: string;
    }
  | {
      readonly kind: 'training';
      readonly atSeconds: EpochSeconds;
      readonly jobName: string;
      readonly status: string;
      readonly secondaryStatus: string;
      readonly failureReason: string | null;
    };
