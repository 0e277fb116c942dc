import type { EpochSeconds } from '../core/time';
import type { CapacityState } from '../simulation/fleet';

/** Quantiles of a distribution of seconds; all null while there are no measurements. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly maximum: number | null;
}

/** Requests of a variant by their end, counted since it was created. */
export interface InvocationTotals {
  /** Requests that reached the variant. */
  readonly received: number;
  /** Requests with a response of the model. */
  readonly succeeded: number;
  /** Requests that the model refused because their body does not parse (HTTP 4xx). */
  readonly refused: number;
  /** Requests that ended with an error of the model (HTTP 5xx). */
  readonly failed: number;
  /** Requests rejected because every instance's queue was full or no instance was in service (HTTP 503). */
  readonly rejected: number;
  /** Requests without a response within the time-out. */
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
  /** Environments of a serverless variant, which has no instances; null for others. */
  readonly serverless: ServerlessSnapshot | null;
  /** `DesiredInstanceCount` of `DescribeEndpoint`. */
  readonly desiredInstances: number;
  /** Instances that take requests. */
  readonly inServiceInstances: number;
  /** Instances launched (and billed) that do not take requests yet. */
  readonly provisioningInstances: number;
  /** Instances that complete their requests before they terminate. */
  readonly drainingInstances: number;
  /** Instances in service per instance type. */
  readonly byType: { readonly [instanceType: string]: number };
  /** Maximum number of requests in progress on one instance. */
  readonly slotsPerInstance: number;
  /** Requests waiting for a slot. */
  readonly queued: number;
  /** Requests in progress. */
  readonly inFlight: number;
  readonly invocations: InvocationTotals;
  /** Seconds from arrival at the variant to the response, since it was created. */
  readonly latencySeconds: Quantiles;
  /** The same over the last 60 local seconds. */
  readonly recentLatencySeconds: Quantiles;
  /** Seconds in the queue, since the variant was created. */
  readonly queueSeconds: Quantiles;
  /** Instance seconds billed, from launch to termination, per instance type. */
  readonly billedInstanceSeconds: { readonly [instanceType: string]: number };
  readonly billedUsd: number;
  /** Cost of the present instances for an hour, USD. */
  readonly usdPerHour: number;
}

/** Queue of an asynchronous endpoint. */
export interface QueueSnapshot {
  readonly waiting: number;
  /** Requests in progress on an instance. */
  readonly working: number;
  /** Age of the oldest request in the queue or in progress, seconds; 0 without one. */
  readonly oldestSeconds: number;
  /** Requests with a response, since the endpoint was created. */
  readonly processed: number;
  readonly failed: number;
  /** Requests that expired: they waited for longer than their time to live. */
  readonly expired: number;
}

/** A model on a shared endpoint. */
export interface ComponentSnapshot {
  readonly name: string;
  /** `InferenceComponentStatus`. */
  readonly status: string;
  /** `DesiredCopyCount` of `DescribeInferenceComponent`. */
  readonly desiredCopies: number;
  readonly inServiceCopies: number;
  readonly startingCopies: number;
  readonly invocations: InvocationTotals;
  /** Seconds from arrival at a copy to the response, since the component was created. */
  readonly latencySeconds: Quantiles;
}

export interface EndpointSnapshot {
  readonly name: string;
  /** `EndpointStatus` of `DescribeEndpoint`. */
  readonly status: string;
  readonly failureReason: string | null;
  readonly configName: string;
  /** Queue of an asynchronous endpoint; null for others. */
  readonly queue: QueueSnapshot | null;
  /** Inference components of a shared endpoint, without adapters; empty for others. */
  readonly components: readonly ComponentSnapshot[];
  readonly variants: readonly VariantSnapshot[];
  /** Variants that receive copies of requests; at most one, or two while an update replaces it. */
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
  /** Cause as `DescribeScalingActivities` gives it. */
  readonly cause: string;
  readonly statusCode: string;
  readonly statusMessage: string;
  /** Name of the policy or scheduled action that decided; null where the limits alone did. */
  readonly decidedBy: string | null;
  /** Stages of the decision with their reasons, in order. */
  readonly steps: readonly string[];
}

export interface AlarmSnapshot {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly sinceSeconds: EpochSeconds | null;
  /** True if a target-tracking policy owns the alarm. */
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

/** State of the emulated account at one moment of the local clock; plain data, safe to serialise. */
export interface AccountSnapshot {
  readonly atSeconds: EpochSeconds;
  /** Every endpoint that exists. */
  readonly endpoints: readonly EndpointSnapshot[];
  readonly targets: readonly ScalableTargetSnapshot[];
  /** Oldest first. */
  readonly activities: readonly ScalingActivitySnapshot[];
  readonly alarms: readonly AlarmSnapshot[];
  readonly trainingJobs: readonly TrainingJobSnapshot[];
  /** Availability of the instance types for which it was ever set. */
  readonly capacity: { readonly [instanceType: string]: CapacityState };
  /** Costs since the emulator started, deleted resources included, USD. */
  readonly billedUsd: { readonly total: number; readonly endpoints: number; readonly training: number };
}

/** An event, published once, in the order of the local clock. */
export type AccountEvent =
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
      /** The next type that is tried; null when none is left. */
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
