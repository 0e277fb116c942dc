import type { EpochSeconds } from '../../../core/time';
import { mergeStatistics, type StatisticSet } from '../../aws/cloudwatch';

/** Measurements of a fleet since the last call of {@link EndpointFleet.drainMetrics}. */
export interface FleetMetrics {
  readonly fromSeconds: EpochSeconds;
  readonly toSeconds: EpochSeconds;
  /** Requests that arrived, rejected ones included (`Invocations`, Sum). */
  readonly invocations: number;
  /** Sum over the accepted requests of 1/N, with N instances in service at their arrival (`InvocationsPerInstance`, Sum). */
  readonly invocationsPerInstance: number;
  /** Seconds from arrival at the container to the response, of completed requests (`ModelLatency`; AWS uses microseconds). */
  readonly modelLatencySeconds: StatisticSet;
  /** Part of those seconds spent in the container's queue. */
  readonly queueSeconds: StatisticSet;
  readonly completed: number;
  readonly timedOut: number;
  /** Requests rejected because no instance was in service (5xx of the platform). */
  readonly rejectedWithoutInstance: number;
  /** Requests rejected by a full container queue (503 of the container). */
  readonly rejectedByQueue: number;
  /** `Invocation4XXErrors`, Sum: none in the fleet itself. */
  readonly errors4xx: number;
  /** `Invocation5XXErrors`, Sum: both kinds of rejection. A time-out has no response, so it counts as a model error only. */
  readonly errors5xx: number;
  /** `InvocationModelErrors`, Sum: requests without a 2xx response of the container: full queues and time-outs. */
  readonly modelErrors: number;
  /**
   * Requests in flight and queued at one container (`ConcurrentRequestsPerModel`): one sample per instance in service at
   * the end, its time-weighted mean; minimum and maximum are the extremes of all instances at any moment.
   */
  readonly concurrentRequests: StatisticSet;
  /** Busy slots / slots * 100, time-weighted, one sample per instance in service at the end (`GPUUtilization`). */
  readonly gpuUtilizationPercent: StatisticSet;
  readonly inService: number;
}

/** Metrics of two fleets over the same span, for example of two configurations of a variant during a deployment. */
export function mergeMetrics(a: FleetMetrics, b: FleetMetrics): FleetMetrics {
  return {
    fromSeconds: Math.min(a.fromSeconds, b.fromSeconds),
    toSeconds: Math.max(a.toSeconds, b.toSeconds),
    invocations: a.invocations + b.invocations,
    invocationsPerInstance: a.invocationsPerInstance + b.invocationsPerInstance,
    modelLatencySeconds: mergeStatistics(a.modelLatencySeconds, b.modelLatencySeconds),
    queueSeconds: mergeStatistics(a.queueSeconds, b.queueSeconds),
    completed: a.completed + b.completed,
    timedOut: a.timedOut + b.timedOut,
    rejectedWithoutInstance: a.rejectedWithoutInstance + b.rejectedWithoutInstance,
    rejectedByQueue: a.rejectedByQueue + b.rejectedByQueue,
    errors4xx: a.errors4xx + b.errors4xx,
    errors5xx: a.errors5xx + b.errors5xx,
    modelErrors: a.modelErrors + b.modelErrors,
    concurrentRequests: mergeStatistics(a.concurrentRequests, b.concurrentRequests),
    gpuUtilizationPercent: mergeStatistics(a.gpuUtilizationPercent, b.gpuUtilizationPercent),
    inService: a.inService + b.inService,
  };
}
