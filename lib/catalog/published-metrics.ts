import {
  COMPONENTS_NAMESPACE,
  ENDPOINT_INSTANCES_NAMESPACE,
  SAGEMAKER_NAMESPACE,
  type EndpointKind,
  type MetricStatistic,
  type MetricUnit,
} from './metrics';

/** A metric of SageMaker hosting, with every way in which it is published. */
export interface PublishedMetric {
  readonly metricName: string;
  readonly namespace: string;
  readonly unit: MetricUnit;
  /** The statistic that answers the usual question. */
  readonly statistic: MetricStatistic;
  /** For each kind of endpoint that publishes it: the sets of dimensions, one of which has to be there. */
  readonly dimensions: { readonly [kind in EndpointKind]?: readonly (readonly string[])[] };
  /** Arrives every 10 seconds whatever the endpoint's configuration says. */
  readonly isHighResolution: boolean;
  /** Values lie between 0 and 1. */
  readonly isShare: boolean;
}

/** Dimensions that may come on top, to look at a part: a new configuration, a pool, a component, a copy. */
export const FURTHER_DIMENSIONS: readonly string[] = [
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
const ANSWERED: Dimensions = { ...VARIANTS, serverless: [VARIANT] };
const EVERYWHERE: Dimensions = { ...ANSWERED, async: [VARIANT] };
const REAL_TIME: Dimensions = { 'real-time': [VARIANT], 'inference-component': [VARIANT] };
const COMPONENTS: Dimensions = { 'inference-component': [COMPONENT] };
const BACKLOG: Dimensions = { async: [ENDPOINT] };
const ASYNC: Dimensions = { async: [VARIANT, ENDPOINT] };
const SERVERLESS: Dimensions = { serverless: [VARIANT] };
const INSTANCES: Dimensions = { 'real-time': [VARIANT], async: [VARIANT], 'inference-component': [VARIANT] };
const RESERVED: Dimensions = { 'inference-component': [VARIANT] };

const HIGH_RESOLUTION: ReadonlySet<string> = new Set(['ConcurrentRequestsPerModel', 'ConcurrentRequestsPerCopy']);
const SHARES: ReadonlySet<string> = new Set([
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
      isShare: SHARES.has(metricName),
    })),
  );
}

/**
 * Every metric of SageMaker hosting. Sources: "Amazon SageMaker AI metrics in Amazon CloudWatch", and the exhaustive lists of the pages
 * "Monitor" of asynchronous and serverless endpoints, SageMaker developer guide.
 */
export const PUBLISHED_METRICS: readonly PublishedMetric[] = [
  ...table(SAGEMAKER_NAMESPACE, [
    [ANSWERED, 'Count', 'Sum', ['Invocations']],
    [ANSWERED, 'Microseconds', 'Average', ['OverheadLatency']],
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
        // The page of the developer guide writes it so.
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
