import type { EpochSeconds } from '../../core/time';

/** A CloudWatch statistic set. With `sampleCount` 0 the other fields are 0 and nothing should be published. */
export interface StatisticSet {
  readonly sum: number;
  readonly sampleCount: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** What a fleet measured since the last call of {@link EndpointFleet.drainMetrics}. */
export interface FleetMetrics {
  readonly fromSeconds: EpochSeconds;
  readonly toSeconds: EpochSeconds;
  /** Requests that arrived, the refused ones included (`Invocations`, Sum). */
  readonly invocations: number;
  /** Each accepted arrival counts 1/N with N instances in service at that moment (`InvocationsPerInstance`, Sum). */
  readonly invocationsPerInstance: number;
  /** Seconds from arrival at the container to the answer, of requests completed (`ModelLatency`; AWS uses microseconds). */
  readonly modelLatencySeconds: StatisticSet;
  /** Seconds of those spent in the container's queue. */
  readonly queueSeconds: StatisticSet;
  readonly completed: number;
  readonly timedOut: number;
  /** Requests refused because no instance was in service (the platform's own 5xx). */
  readonly rejectedWithoutInstance: number;
  /** Requests refused by a full container queue (a 503 of the container). */
  readonly rejectedByQueue: number;
  /** `Invocation4XXErrors`, Sum: none arise in the fleet itself. */
  readonly errors4xx: number;
  /** `Invocation5XXErrors`, Sum: both kinds of refusal. A time-out is no answer, so it counts as a model error only. */
  readonly errors5xx: number;
  /** `InvocationModelErrors`, Sum: answers of the container other than 2xx: full queues and time-outs. */
  readonly modelErrors: number;
  /**
   * Requests in flight and queued at one container (`ConcurrentRequestsPerModel`): one sample per instance in service at
   * the end, its time-weighted mean; minimum and maximum are the extremes seen at any moment on any of them.
   */
  readonly concurrentRequests: StatisticSet;
  /** Busy slots / slots * 100, time-weighted, one sample per instance in service at the end (`GPUUtilization`). */
  readonly gpuUtilizationPercent: StatisticSet;
  readonly inService: number;
}

/** The statistic set of nothing. */
export const NO_SAMPLES: StatisticSet = { sum: 0, sampleCount: 0, minimum: 0, maximum: 0 };

/** The statistic set of two together. */
export function mergeStatistics(a: StatisticSet, b: StatisticSet): StatisticSet {
  if (a.sampleCount === 0) return b;
  if (b.sampleCount === 0) return a;
  return {
    sum: a.sum + b.sum,
    sampleCount: a.sampleCount + b.sampleCount,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
  };
}

/** The metrics of two spans that follow each other, for publishing one minute out of six spans of 10 seconds. */
export function mergeMetrics(earlier: FleetMetrics, later: FleetMetrics): FleetMetrics {
  return {
    fromSeconds: earlier.fromSeconds,
    toSeconds: later.toSeconds,
    invocations: earlier.invocations + later.invocations,
    invocationsPerInstance: earlier.invocationsPerInstance + later.invocationsPerInstance,
    modelLatencySeconds: mergeStatistics(earlier.modelLatencySeconds, later.modelLatencySeconds),
    queueSeconds: mergeStatistics(earlier.queueSeconds, later.queueSeconds),
    completed: earlier.completed + later.completed,
    timedOut: earlier.timedOut + later.timedOut,
    rejectedWithoutInstance: earlier.rejectedWithoutInstance + later.rejectedWithoutInstance,
    rejectedByQueue: earlier.rejectedByQueue + later.rejectedByQueue,
    errors4xx: earlier.errors4xx + later.errors4xx,
    errors5xx: earlier.errors5xx + later.errors5xx,
    modelErrors: earlier.modelErrors + later.modelErrors,
    concurrentRequests: mergeStatistics(earlier.concurrentRequests, later.concurrentRequests),
    gpuUtilizationPercent: mergeStatistics(earlier.gpuUtilizationPercent, later.gpuUtilizationPercent),
    inService: later.inService,
  };
}

/** A statistic set being gathered. */
export class StatisticAccumulator {
  private sum = 0;
  private sampleCount = 0;
  private minimum = Infinity;
  private maximum = -Infinity;

  public add(value: number): void {
    this.sum += value;
    this.sampleCount++;
    if (value < this.minimum) this.minimum = value;
    if (value > this.maximum) this.maximum = value;
  }

  /** The set so far; the accumulator begins anew. */
  public drain(): StatisticSet {
    if (this.sampleCount === 0) return NO_SAMPLES;
    const { sum, sampleCount, minimum, maximum } = this;
    this.sum = 0;
    this.sampleCount = 0;
    this.minimum = Infinity;
    this.maximum = -Infinity;
    return { sum, sampleCount, minimum, maximum };
  }
}
