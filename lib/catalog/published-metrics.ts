import { ENDPOINT_INSTANCES_NAMESPACE, SAGEMAKER_NAMESPACE, type EndpointKind } from './metrics';

/** Where utilisation of single inference components is published. */
export const COMPONENTS_NAMESPACE = '/aws/sagemaker/InferenceComponents';

/** A metric of SageMaker hosting, with every way in which it is published. */
export interface PublishedMetric {
  readonly metricName: string;
  readonly namespace: string;
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

function table(namespace: string, rows: readonly (readonly [Dimensions, readonly string[]])[]): PublishedMetric[] {
  return rows.flatMap(([dimensions, names]) =>
    names.map((metricName) => ({
      metricName,
      namespace,
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
    [ANSWERED, ['Invocations', 'OverheadLatency']],
    [EVERYWHERE, ['ModelLatency', 'Invocation4XXErrors', 'Invocation5XXErrors']],
    [VARIANTS, ['InvocationModelErrors']],
    [REAL_TIME, ['InvocationsPerInstance', 'ConcurrentRequestsPerModel']],
    [COMPONENTS, ['InvocationsPerCopy', 'ConcurrentRequestsPerCopy', 'NoCapacityInvocationFailures']],
    [
      VARIANTS,
      [
        'FirstChunkLatency',
        'FirstChunkModelLatency',
        'FirstChunkOverheadLatency',
        'MidStreamErrors',
        'ContainerLatency',
      ],
    ],
    [
      REAL_TIME,
      ['ModelLoadingWaitTime', 'ModelUnloadingTime', 'ModelDownloadingTime', 'ModelLoadingTime', 'ModelCacheHit'],
    ],
    [
      BACKLOG,
      [
        'ApproximateBacklogSize',
        'ApproximateBacklogSizePerInstance',
        'ApproximateAgeOfOldestRequest',
        'HasBacklogWithoutCapacity',
      ],
    ],
    [
      ASYNC,
      [
        'ExpiredRequests',
        'InvocationFailures',
        'InvocationsProcessed',
        // The page of the developer guide writes it so.
        'InvocationsProcesssed',
        'NotificationFailures',
        'RequestDownloadFailures',
        'RequestDownloadLatency',
        'ResponseUploadFailures',
        'ResponseUploadLatency',
        'TimeInBacklog',
        'TotalProcessingTime',
      ],
    ],
    [
      SERVERLESS,
      [
        'ModelSetupTime',
        'ServerlessConcurrentExecutionsUtilization',
        'ServerlessProvisionedConcurrencyExecutions',
        'ServerlessProvisionedConcurrencyInvocations',
        'ServerlessProvisionedConcurrencySpilloverInvocations',
        'ServerlessProvisionedConcurrencyUtilization',
      ],
    ],
  ]),
  ...table(ENDPOINT_INSTANCES_NAMESPACE, [
    [INSTANCES, ['CPUUtilization', 'GPUUtilization', 'GPUMemoryUtilization', 'DiskUtilization']],
    [{ ...INSTANCES, ...SERVERLESS }, ['MemoryUtilization']],
    [REAL_TIME, ['LoadedModelCount']],
    [
      RESERVED,
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

/** The namespaces of hosting. */
export const HOSTING_NAMESPACES: readonly string[] = [
  SAGEMAKER_NAMESPACE,
  ENDPOINT_INSTANCES_NAMESPACE,
  COMPONENTS_NAMESPACE,
];
