import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';

/** The ways a model is hosted; each publishes other metrics. */
export type EndpointKind = 'real-time' | 'inference-component' | 'async' | 'serverless';

/** What a metric is counted in, in CloudWatch's words. */
export type MetricUnit = 'Count' | 'Microseconds' | 'Milliseconds' | 'Percent' | 'None';

/** A metric that SageMaker publishes for endpoints. */
export interface EndpointMetric {
  readonly metricName: string;
  readonly namespace: string;
  readonly unit: MetricUnit;
  /** The statistic that answers the usual question. */
  readonly statistic: 'Average' | 'Sum' | 'Minimum' | 'Maximum';
  /** The dimensions it is published under. */
  readonly dimensions: readonly string[];
  /** Only endpoints of these kinds publish it; an alarm on another kind would stay in INSUFFICIENT_DATA for ever. */
  readonly kinds: readonly EndpointKind[];
}

export const SAGEMAKER_NAMESPACE = 'AWS/SageMaker';
export const ENDPOINT_INSTANCES_NAMESPACE = '/aws/sagemaker/Endpoints';

const VARIANT = ['EndpointName', 'VariantName'] as const;
const COMPONENT = ['InferenceComponentName'] as const;
const ENDPOINT = ['EndpointName'] as const;

type Row = Omit<EndpointMetric, 'metricName' | 'namespace'>;

function rows(namespace: string, table: { readonly [metricName: string]: Row }): [string, EndpointMetric][] {
  return Object.entries(table).map(([metricName, row]) => [metricName, { metricName, namespace, ...row }]);
}

/**
 * Source: the pages "Amazon SageMaker AI metrics in Amazon CloudWatch" and "Monitor with CloudWatch" (asynchronous endpoints) of the
 * SageMaker developer guide. The asynchronous list is exhaustive: what is not named there is not published there.
 */
const METRICS: ReadonlyMap<string, EndpointMetric> = new Map([
  ...rows(SAGEMAKER_NAMESPACE, {
    Invocations: { unit: 'Count', statistic: 'Sum', dimensions: VARIANT, kinds: ['real-time', 'serverless'] },
    InvocationsPerInstance: { unit: 'Count', statistic: 'Sum', dimensions: VARIANT, kinds: ['real-time'] },
    InvocationsPerCopy: { unit: 'Count', statistic: 'Sum', dimensions: COMPONENT, kinds: ['inference-component'] },
    ConcurrentRequestsPerModel: { unit: 'Count', statistic: 'Maximum', dimensions: VARIANT, kinds: ['real-time'] },
    ConcurrentRequestsPerCopy: {
      unit: 'Count',
      statistic: 'Maximum',
      dimensions: COMPONENT,
      kinds: ['inference-component'],
    },
    ModelLatency: {
      unit: 'Microseconds',
      statistic: 'Average',
      dimensions: VARIANT,
      kinds: ['real-time', 'inference-component', 'async', 'serverless'],
    },
    OverheadLatency: {
      unit: 'Microseconds',
      statistic: 'Average',
      dimensions: VARIANT,
      kinds: ['real-time', 'serverless'],
    },
    Invocation4XXErrors: { unit: 'Count', statistic: 'Sum', dimensions: VARIANT, kinds: ['real-time', 'serverless'] },
    Invocation5XXErrors: { unit: 'Count', statistic: 'Sum', dimensions: VARIANT, kinds: ['real-time', 'serverless'] },
    InvocationModelErrors: { unit: 'Count', statistic: 'Sum', dimensions: VARIANT, kinds: ['real-time', 'serverless'] },
    ModelSetupTime: { unit: 'Microseconds', statistic: 'Average', dimensions: VARIANT, kinds: ['serverless'] },
    NoCapacityInvocationFailures: {
      unit: 'Count',
      statistic: 'Sum',
      dimensions: COMPONENT,
      kinds: ['inference-component'],
    },
    ApproximateBacklogSize: { unit: 'Count', statistic: 'Average', dimensions: ENDPOINT, kinds: ['async'] },
    ApproximateBacklogSizePerInstance: { unit: 'Count', statistic: 'Average', dimensions: ENDPOINT, kinds: ['async'] },
    ApproximateAgeOfOldestRequest: { unit: 'None', statistic: 'Maximum', dimensions: ENDPOINT, kinds: ['async'] },
    HasBacklogWithoutCapacity: { unit: 'None', statistic: 'Average', dimensions: ENDPOINT, kinds: ['async'] },
  }),
  ...rows(ENDPOINT_INSTANCES_NAMESPACE, {
    CPUUtilization: { unit: 'Percent', statistic: 'Average', dimensions: VARIANT, kinds: ['real-time', 'async'] },
    MemoryUtilization: { unit: 'Percent', statistic: 'Average', dimensions: VARIANT, kinds: ['real-time', 'async'] },
    GPUUtilization: { unit: 'Percent', statistic: 'Average', dimensions: VARIANT, kinds: ['real-time', 'async'] },
    GPUMemoryUtilization: { unit: 'Percent', statistic: 'Average', dimensions: VARIANT, kinds: ['real-time', 'async'] },
    DiskUtilization: { unit: 'Percent', statistic: 'Average', dimensions: VARIANT, kinds: ['real-time', 'async'] },
  }),
]);

/** The metrics that endpoints of a kind publish. */
export function endpointMetrics(kind: EndpointKind): EndpointMetric[] {
  return [...METRICS.values()].filter((metric) => metric.kinds.includes(kind));
}

/** The metric of that name; throws an {@link InputError} when it does not exist or endpoints of this kind do not publish it. */
export function endpointMetric(metricName: string, kind: EndpointKind): EndpointMetric {
  const metric = METRICS.get(metricName);
  const published = endpointMetrics(kind).map((known) => known.metricName);
  if (metric === undefined) {
    const nearest = nearestNames(metricName, METRICS.keys()).join(', ');
    throw new InputError(`unknown endpoint metric '${metricName}'; nearest known: ${nearest}`);
  }
  if (!metric.kinds.includes(kind)) {
    throw new InputError(
      `${kind} endpoints do not publish ${metricName} (${metric.kinds.join(', ')} endpoints do); ` +
        `published here: ${published.join(', ')}`,
    );
  }
  return metric;
}
