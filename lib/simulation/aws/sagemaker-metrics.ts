import { equalSamples, NO_SAMPLES, scaleStatistics, type StatisticSet } from './cloudwatch/statistics';

/**
 * Datapoints of the metrics of requests while there are none: zeros, or missing. Editions of the developer guide differ ("Edit a scaling
 * policy", https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-edit.html): older ones say that SageMaker emits no metrics
 * with a value of zero, the present one that it does and that a variant without traffic scales in to its minimum. Neither says which
 * metrics are meant, so the setting holds for all that follow from requests: counts, errors, concurrency and its utilization.
 */
export type QuietMetrics = 'zeros' | 'missing';

export const QUIET_METRICS: readonly QuietMetrics[] = ['zeros', 'missing'];

/** The present edition of the developer guide. */
export const DEFAULT_QUIET_METRICS: QuietMetrics = 'zeros';

/** Requests and load of one variant, or of the copies of one inference component, over a span of time that has ended. */
export interface EndpointLoad {
  /** Requests that arrived, rejected ones included. */
  readonly invocations: number;
  /** Sum over the accepted requests of 1/N, with N instances in service at their arrival. */
  readonly invocationsPerInstance: number;
  readonly errors4xx: number;
  readonly errors5xx: number;
  /** Requests without a 2xx response of the container. */
  readonly modelErrors: number;
  /** Requests rejected because no instance was in service. */
  readonly rejectedWithoutInstance: number;
  /** Seconds from arrival to response, one sample per completed request. */
  readonly modelLatencySeconds: StatisticSet;
  /** Requests present in one instance (in slots and queue), one sample per instance in service. */
  readonly concurrentRequests: StatisticSet;
  /** Busy share of an instance's slots in percent, one sample per instance in service. */
  readonly gpuUtilizationPercent: StatisticSet;
  /** GPUs of an instance: variants publish the sum of their utilizations. 1 for components, whose metric is normalized. */
  readonly gpusPerInstance: number;
}

/** Queue of an asynchronous endpoint at the end of a span. */
export interface EndpointBacklog {
  /** Requests queued and in processing. */
  readonly backlog: number;
  readonly inService: number;
}

/** Statistics of metrics over a span, by the metric's name; sets without samples are not published. Units are those of the catalogue. */
export type MetricTable<Measured> = { readonly [metricName: string]: (measured: Measured) => StatisticSet };

const MICROSECONDS = 1_000_000;

/** Returns a metric of requests in a span as it is published: under 'missing' without its samples, when all of them are zero. */
export function asPublished(quiet: QuietMetrics, statistics: StatisticSet): StatisticSet {
  return quiet === 'missing' && statistics.maximum === 0 ? NO_SAMPLES : statistics;
}

/** Returns the metrics of a variant with a model (developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch"). */
export function variantMetrics(quiet: QuietMetrics): MetricTable<EndpointLoad> {
  /** Statistics of a count to which each request contributes 0 or 1, so that the average is a rate; without requests one sample of 0. */
  const perRequest = (count: number, requests: number): StatisticSet => {
    if (requests === 0) return asPublished(quiet, equalSamples(0));
    return { sum: count, sampleCount: requests, minimum: count < requests ? 0 : 1, maximum: count > 0 ? 1 : 0 };
  };
  return {
    Invocations: ({ invocations }) => perRequest(invocations, invocations),
    InvocationsPerInstance: (load) => perRequest(load.invocationsPerInstance, load.invocations),
    Invocation4XXErrors: (load) => perRequest(load.errors4xx, load.invocations),
    Invocation5XXErrors: (load) => perRequest(load.errors5xx, load.invocations),
    InvocationModelErrors: (load) => perRequest(load.modelErrors, load.invocations),
    ConcurrentRequestsPerModel: ({ concurrentRequests }) => asPublished(quiet, concurrentRequests),
    ModelLatency: ({ modelLatencySeconds }) => scaleStatistics(modelLatencySeconds, MICROSECONDS),
    GPUUtilization: (load) => scaleStatistics(load.gpuUtilizationPercent, load.gpusPerInstance),
  };
}

/** A loaded model fills most of the accelerator's memory whatever the traffic; an assumption, like the two below. */
const GPU_MEMORY_PERCENT = 78;
const CPU_PERCENT = { idle: 3, busy: 35 } as const;
const MEMORY_PERCENT = { idle: 22, busy: 30 } as const;

/** Utilizations that follow that of the GPU; published for as long as an instance is in service, whatever its requests. */
export const FOLLOWING_UTILIZATION_METRICS: MetricTable<EndpointLoad> = {
  GPUMemoryUtilization: ({ gpuUtilizationPercent: { sampleCount }, gpusPerInstance }) =>
    equalSamples(GPU_MEMORY_PERCENT * gpusPerInstance, sampleCount),
  CPUUtilization: (load) => followGpu(load, CPU_PERCENT),
  MemoryUtilization: (load) => followGpu(load, MEMORY_PERCENT),
};

function followGpu(
  { gpuUtilizationPercent: gpu }: EndpointLoad,
  { idle, busy }: { readonly idle: number; readonly busy: number },
): StatisticSet {
  const at = (percent: number): number => idle + ((busy - idle) * percent) / 100;
  const { sampleCount } = gpu;
  const sum = idle * sampleCount + ((busy - idle) * gpu.sum) / 100;
  return { sum, sampleCount, minimum: at(gpu.minimum), maximum: at(gpu.maximum) };
}

/** Names under which an inference component publishes metrics of a variant (same page). */
const COMPONENT_METRIC_NAMES: { readonly [ofVariant: string]: string } = {
  InvocationsPerInstance: 'InvocationsPerCopy',
  ConcurrentRequestsPerModel: 'ConcurrentRequestsPerCopy',
  GPUUtilization: 'GPUUtilizationNormalized',
  GPUMemoryUtilization: 'GPUMemoryUtilizationNormalized',
  CPUUtilization: 'CPUUtilizationNormalized',
  MemoryUtilization: 'MemoryUtilizationNormalized',
};

/** Returns metrics of a variant under their names for inference components. */
export function namedForComponents(ofVariant: MetricTable<EndpointLoad>): MetricTable<EndpointLoad> {
  return Object.fromEntries(
    Object.entries(ofVariant).map(([name, statistics]) => [COMPONENT_METRIC_NAMES[name] ?? name, statistics]),
  );
}

/**
 * Returns the metrics of an inference component: those of a variant and its own. A request that finds no copy reaches no container: it
 * counts in NoCapacityInvocationFailures alone, so that a component without a copy has no invocations and no errors to publish (developer
 * guide, "Scale an endpoint to zero instances": https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html).
 */
export function componentMetrics(quiet: QuietMetrics): MetricTable<EndpointLoad> {
  const ofRequests = Object.entries(namedForComponents(variantMetrics(quiet))).map(
    ([name, statistics]): [string, (load: EndpointLoad) => StatisticSet] => [
      name,
      (load) => (load.concurrentRequests.sampleCount === 0 ? NO_SAMPLES : statistics(withCopy(load))),
    ],
  );
  return {
    ...Object.fromEntries(ofRequests),
    NoCapacityInvocationFailures: ({ rejectedWithoutInstance }) => equalSamples(1, rejectedWithoutInstance),
  };
}

/** Load of the requests that found a copy. */
function withCopy(load: EndpointLoad): EndpointLoad {
  const { invocations, errors5xx, rejectedWithoutInstance } = load;
  return {
    invocations: Math.max(0, invocations - rejectedWithoutInstance),
    invocationsPerInstance: load.invocationsPerInstance,
    errors4xx: load.errors4xx,
    errors5xx: Math.max(0, errors5xx - rejectedWithoutInstance),
    modelErrors: load.modelErrors,
    rejectedWithoutInstance,
    modelLatencySeconds: load.modelLatencySeconds,
    concurrentRequests: load.concurrentRequests,
    gpuUtilizationPercent: load.gpuUtilizationPercent,
    gpusPerInstance: load.gpusPerInstance,
  };
}

/**
 * Metrics of the queue of an asynchronous endpoint (developer guide, "Monitor asynchronous endpoints"). Without an instance in service the
 * backlog per instance is divided by 1: AWS does not document the divisor.
 */
export const BACKLOG_METRICS: MetricTable<EndpointBacklog> = {
  ApproximateBacklogSize: ({ backlog }) => equalSamples(backlog),
  ApproximateBacklogSizePerInstance: ({ backlog, inService }) => equalSamples(backlog / Math.max(1, inService)),
  HasBacklogWithoutCapacity: ({ backlog, inService }) => equalSamples(inService === 0 && backlog > 0 ? 1 : 0),
};
