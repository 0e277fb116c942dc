import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';
import type { EndpointKind, MetricStatistic, MetricUnit } from './metrics';
import { PUBLISHED_METRICS, type PublishedMetric } from './published-metrics';

/** A metric as one kind of endpoint publishes it. */
export interface EndpointMetric {
  readonly metricName: string;
  readonly namespace: string;
  readonly unit: MetricUnit;
  /** The statistic that answers the usual question. */
  readonly statistic: MetricStatistic;
  /** The dimensions that it is published under. */
  readonly dimensions: readonly string[];
}

/** How close a set of dimensions is to what is scaled: a component's own metrics come before those of its whole endpoint. */
const closeness = (kind: EndpointKind, dimensions: readonly string[]): number =>
  kind === 'inference-component' && dimensions.includes('InferenceComponentName') ? 0 : 1;

function asPublishedBy(kind: EndpointKind, metric: PublishedMetric): EndpointMetric | undefined {
  const [dimensions] = [...(metric.dimensions[kind] ?? [])].sort(
    (one, other) => closeness(kind, one) - closeness(kind, other),
  );
  if (dimensions === undefined) return undefined;
  const { metricName, namespace, unit, statistic } = metric;
  return { metricName, namespace, unit, statistic, dimensions };
}

/** The metrics that endpoints of a kind publish, each once; for inference components those of the component where there are any. */
export function endpointMetrics(kind: EndpointKind): EndpointMetric[] {
  const byName = new Map<string, EndpointMetric>();
  for (const published of PUBLISHED_METRICS) {
    const metric = asPublishedBy(kind, published);
    if (metric === undefined) continue;
    const present = byName.get(metric.metricName);
    const isCloser = present === undefined || closeness(kind, metric.dimensions) < closeness(kind, present.dimensions);
    if (isCloser) byName.set(metric.metricName, metric);
  }
  return [...byName.values()];
}

/** The metric of that name; throws an {@link InputError} when it does not exist or endpoints of this kind do not publish it. */
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
