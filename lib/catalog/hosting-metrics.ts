import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';

/** Kinds of endpoints; each publishes other metrics. */
export type EndpointKind = 'real-time' | 'inference-component' | 'async' | 'serverless';

/** Units of CloudWatch. */
export type MetricUnit = 'Count' | 'Microseconds' | 'Milliseconds' | 'Seconds' | 'Percent' | 'None';

/** Statistics that CloudWatch keeps of every metric. */
export type MetricStatistic = 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount';

export const SAGEMAKER_NAMESPACE = 'AWS/SageMaker';

/** Namespace of the utilization of an endpoint's instances. */
export const ENDPOINT_INSTANCES_NAMESPACE = '/aws/sagemaker/Endpoints';

/** Namespace of the utilization of inference components. */
export const COMPONENTS_NAMESPACE = '/aws/sagemaker/InferenceComponents';

/** Namespace of the metrics of training jobs' instances. */
export const TRAINING_JOBS_NAMESPACE = '/aws/sagemaker/TrainingJobs';

/** Metrics of the instances of processing jobs. */
export const PROCESSING_JOBS_NAMESPACE = '/aws/sagemaker/ProcessingJobs';

/** Namespaces of SageMaker hosting. */
export const HOSTING_NAMESPACES: readonly string[] = [
  SAGEMAKER_NAMESPACE,
  ENDPOINT_INSTANCES_NAMESPACE,
  COMPONENTS_NAMESPACE,
];

/** A metric of SageMaker hosting, with the dimensions that it is published under. */
export interface PublishedMetric {
  readonly metricName: string;
  readonly namespace: string;
  readonly unit: MetricUnit;
  /** Usual statistic. */
  readonly statistic: MetricStatistic;
  /** Sets of dimensions, any of which identifies the metric, for each kind of endpoint that publishes it. */
  readonly dimensions: { readonly [kind in EndpointKind]?: readonly (readonly string[])[] };
  /** True if published every 10 seconds, independent of the configuration of the endpoint. */
  readonly isHighResolution: boolean;
  /** True if values lie between 0 and 1. */
  readonly isRatio: boolean;
}

/** Optional dimensions, which select a part: a new configuration, a pool, a component, a copy. */
export const OPTIONAL_DIMENSIONS: readonly string[] = [
  'EndpointConfigName',
  'InstanceType',
  'InferenceComponentName',
  'InstanceId',
  'ContainerId',
  'ContainerName',
  'AcceleratorId',
  'GpuId',
  'AvailabilityZone',
  'Hostname',
];

const VARIANT = ['EndpointName', 'VariantName'];
const ENDPOINT = ['EndpointName'];
const COMPONENT = ['InferenceComponentName'];

type Dimensions = PublishedMetric['dimensions'];

const VARIANTS: Dimensions = { 'real-time': [VARIANT], 'inference-component': [VARIANT, COMPONENT] };
const SYNCHRONOUS: Dimensions = { ...VARIANTS, serverless: [VARIANT] };
const EVERYWHERE: Dimensions = { ...SYNCHRONOUS, async: [VARIANT] };
const REAL_TIME: Dimensions = { 'real-time': [VARIANT], 'inference-component': [VARIANT] };
const COMPONENTS: Dimensions = { 'inference-component': [COMPONENT] };
const BACKLOG: Dimensions = { async: [ENDPOINT] };
const ASYNC: Dimensions = { async: [VARIANT, ENDPOINT] };
const SERVERLESS: Dimensions = { serverless: [VARIANT] };
const INSTANCES: Dimensions = { 'real-time': [VARIANT], async: [VARIANT], 'inference-component': [VARIANT] };
const RESERVED: Dimensions = { 'inference-component': [VARIANT] };

const HIGH_RESOLUTION: ReadonlySet<string> = new Set(['ConcurrentRequestsPerModel', 'ConcurrentRequestsPerCopy']);
const RATIOS: ReadonlySet<string> = new Set([
  'ServerlessConcurrentExecutionsUtilization',
  'ServerlessProvisionedConcurrencyUtilization',
  'HasBacklogWithoutCapacity',
]);

type Row = readonly [dimensions: Dimensions, unit: MetricUnit, statistic: MetricStatistic, names: readonly string[]];

function table(namespace: string, rows: readonly Row[]): PublishedMetric[] {
  return rows.flatMap(([dimensions, unit, statistic, names]) =>
    names.map((metricName) => ({
      metricName,
      namespace,
      unit,
      statistic,
      dimensions,
      isHighResolution: HIGH_RESOLUTION.has(metricName),
      isRatio: RATIOS.has(metricName),
    })),
  );
}

/**
 * Metrics of SageMaker hosting. Sources: "Amazon SageMaker AI metrics in Amazon CloudWatch", and the exhaustive lists of the pages
 * "Monitor" of asynchronous and serverless endpoints, SageMaker developer guide.
 */
export const PUBLISHED_METRICS: readonly PublishedMetric[] = [
  ...table(SAGEMAKER_NAMESPACE, [
    [SYNCHRONOUS, 'Count', 'Sum', ['Invocations']],
    [SYNCHRONOUS, 'Microseconds', 'Average', ['OverheadLatency']],
    [EVERYWHERE, 'Microseconds', 'Average', ['ModelLatency']],
    [EVERYWHERE, 'Count', 'Sum', ['Invocation4XXErrors', 'Invocation5XXErrors']],
    [VARIANTS, 'Count', 'Sum', ['InvocationModelErrors']],
    [REAL_TIME, 'Count', 'Sum', ['InvocationsPerInstance']],
    [REAL_TIME, 'Count', 'Maximum', ['ConcurrentRequestsPerModel']],
    [COMPONENTS, 'Count', 'Sum', ['InvocationsPerCopy', 'NoCapacityInvocationFailures']],
    [COMPONENTS, 'Count', 'Maximum', ['ConcurrentRequestsPerCopy']],
    [
      VARIANTS,
      'Microseconds',
      'Average',
      ['FirstChunkLatency', 'FirstChunkModelLatency', 'FirstChunkOverheadLatency', 'ContainerLatency'],
    ],
    [VARIANTS, 'Count', 'Sum', ['MidStreamErrors']],
    [
      REAL_TIME,
      'Microseconds',
      'Average',
      ['ModelLoadingWaitTime', 'ModelUnloadingTime', 'ModelDownloadingTime', 'ModelLoadingTime'],
    ],
    [REAL_TIME, 'None', 'Average', ['ModelCacheHit']],
    [BACKLOG, 'Count', 'Average', ['ApproximateBacklogSize', 'ApproximateBacklogSizePerInstance']],
    [BACKLOG, 'Seconds', 'Maximum', ['ApproximateAgeOfOldestRequest']],
    [BACKLOG, 'None', 'Average', ['HasBacklogWithoutCapacity']],
    [
      ASYNC,
      'Count',
      'Sum',
      [
        'ExpiredRequests',
        'InvocationFailures',
        'InvocationsProcessed',
        // Spelling of the developer guide.
        'InvocationsProcesssed',
        'NotificationFailures',
        'RequestDownloadFailures',
        'ResponseUploadFailures',
      ],
    ],
    [ASYNC, 'Microseconds', 'Average', ['RequestDownloadLatency', 'ResponseUploadLatency']],
    [ASYNC, 'Milliseconds', 'Average', ['TimeInBacklog', 'TotalProcessingTime']],
    [SERVERLESS, 'Microseconds', 'Average', ['ModelSetupTime']],
    [
      SERVERLESS,
      'None',
      'Maximum',
      ['ServerlessConcurrentExecutionsUtilization', 'ServerlessProvisionedConcurrencyUtilization'],
    ],
    [SERVERLESS, 'Count', 'Maximum', ['ServerlessProvisionedConcurrencyExecutions']],
    [
      SERVERLESS,
      'Count',
      'Sum',
      ['ServerlessProvisionedConcurrencyInvocations', 'ServerlessProvisionedConcurrencySpilloverInvocations'],
    ],
  ]),
  ...table(ENDPOINT_INSTANCES_NAMESPACE, [
    [INSTANCES, 'Percent', 'Average', ['CPUUtilization', 'GPUUtilization', 'GPUMemoryUtilization', 'DiskUtilization']],
    [{ ...INSTANCES, ...SERVERLESS }, 'Percent', 'Average', ['MemoryUtilization']],
    [REAL_TIME, 'Count', 'Average', ['LoadedModelCount']],
    [
      RESERVED,
      'Percent',
      'Average',
      [
        'CPUReservation',
        'GPUReservation',
        'MemoryReservation',
        'CPUUtilizationNormalized',
        'GPUUtilizationNormalized',
        'GPUMemoryUtilizationNormalized',
        'MemoryUtilizationNormalized',
      ],
    ],
  ]),
  ...table(COMPONENTS_NAMESPACE, [
    [
      COMPONENTS,
      'Percent',
      'Average',
      [
        'CPUUtilization',
        'GPUUtilization',
        'GPUMemoryUtilization',
        'MemoryUtilization',
        'CPUUtilizationNormalized',
        'GPUUtilizationNormalized',
        'GPUMemoryUtilizationNormalized',
        'MemoryUtilizationNormalized',
      ],
    ],
  ]),
];

/** A metric by namespace, name and dimensions. */
export interface HostingMetricId {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: { readonly [name: string]: string };
}

/**
 * Returns the metric that is published for as long as the replicas behind a metric of SageMaker run, whether requests arrive or not:
 * the memory in use, which a loaded model never leaves at zero. Undefined for other metrics. Editions of the developer guide differ in
 * whether SageMaker publishes `Invocations` without traffic (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-edit.html).
 */
export function livenessMetric({ namespace, dimensions }: HostingMetricId): HostingMetricId | undefined {
  if (namespace !== SAGEMAKER_NAMESPACE) return undefined;
  const { EndpointName, VariantName, InferenceComponentName } = dimensions;
  if (InferenceComponentName !== undefined)
    return {
      namespace: COMPONENTS_NAMESPACE,
      metricName: 'MemoryUtilizationNormalized',
      dimensions: { InferenceComponentName },
    };
  if (EndpointName === undefined || VariantName === undefined) return undefined;
  return {
    namespace: ENDPOINT_INSTANCES_NAMESPACE,
    metricName: 'MemoryUtilization',
    dimensions: { EndpointName, VariantName },
  };
}

/** A metric of one kind of endpoint. */
export interface EndpointMetric {
  readonly metricName: string;
  readonly namespace: string;
  readonly unit: MetricUnit;
  /** Usual statistic. */
  readonly statistic: MetricStatistic;
  /** Dimensions that it is published under. */
  readonly dimensions: readonly string[];
}

/** Rank of a set of dimensions: metrics of a component come before those of its endpoint. */
const dimensionRank = (kind: EndpointKind, dimensions: readonly string[]): number =>
  kind === 'inference-component' && dimensions.includes('InferenceComponentName') ? 0 : 1;

function asPublishedBy(kind: EndpointKind, metric: PublishedMetric): EndpointMetric | undefined {
  const [dimensions] = [...(metric.dimensions[kind] ?? [])].sort(
    (one, other) => dimensionRank(kind, one) - dimensionRank(kind, other),
  );
  if (dimensions === undefined) return undefined;
  const { metricName, namespace, unit, statistic } = metric;
  return { metricName, namespace, unit, statistic, dimensions };
}

/** Returns the metrics of a kind of endpoint, each once; for inference components those of the component where both exist. */
export function endpointMetrics(kind: EndpointKind): EndpointMetric[] {
  const byName = new Map<string, EndpointMetric>();
  for (const published of PUBLISHED_METRICS) {
    const metric = asPublishedBy(kind, published);
    if (metric === undefined) continue;
    const present = byName.get(metric.metricName);
    const comesFirst =
      present === undefined || dimensionRank(kind, metric.dimensions) < dimensionRank(kind, present.dimensions);
    if (comesFirst) byName.set(metric.metricName, metric);
  }
  return [...byName.values()];
}

/** Returns the metric of a name; throws an {@link InputError} when it does not exist or this kind of endpoint does not publish it. */
export function endpointMetric(metricName: string, kind: EndpointKind): EndpointMetric {
  const published = endpointMetrics(kind);
  const found = published.find((metric) => metric.metricName === metricName);
  if (found !== undefined) return found;
  const elsewhere = PUBLISHED_METRICS.filter((metric) => metric.metricName === metricName);
  if (elsewhere.length === 0) {
    const known = new Set(PUBLISHED_METRICS.map((metric) => metric.metricName));
    throw new InputError(
      `unknown endpoint metric '${metricName}'; nearest known: ${nearestNames(metricName, known).join(', ')}`,
    );
  }
  const kinds = new Set(elsewhere.flatMap((metric) => Object.keys(metric.dimensions)));
  throw new InputError(
    `${kind} endpoints do not publish ${metricName} (${[...kinds].join(', ')} endpoints do); ` +
      `published here: ${published.map((known) => known.metricName).join(', ')}`,
  );
}
