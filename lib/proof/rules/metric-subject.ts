import type { EndpointKind } from '../../catalog/metrics';
import { PUBLISHED_METRICS, type PublishedMetric } from '../../catalog/published-metrics';
import type { ProofModel } from '../model';
import type { Component, Endpoint, MetricUse, Target } from '../subjects';

/** What a metric is about: a declared endpoint or component, or the fleet that its alarm or policy scales. */
export interface Subject {
  readonly kind: EndpointKind | undefined;
  readonly endpoint: Endpoint | undefined;
  readonly component: Component | undefined;
  /** The targets that the alarm or policy scales. */
  readonly scaled: readonly Target[];
}

/** The value of the dimension whose name fits. */
export function dimensionOf(use: MetricUse, pattern: RegExp): string | undefined {
  return use.dimensions.find(({ name }) => name !== undefined && pattern.test(name))?.value;
}

/** What a metric is about, as far as the templates tell. */
export function subjectOf(model: ProofModel, use: MetricUse): Subject {
  const scaled = model.scaledBy(use.resource);
  const component = model.componentNamed(dimensionOf(use, /^inference-?component(name)?$/i));
  const named = dimensionOf(use, /^endpoint(-?name)?$/i);
  const endpoint = model.endpointNamed(named) ?? (named === undefined ? component?.endpoint : undefined);
  const variant = endpoint?.variants.find(({ name }) => name === dimensionOf(use, /^variant(-?name)?$/i));
  const byName = component !== undefined ? 'inference-component' : (variant?.kind ?? endpoint?.kind);
  const kinds = new Set(scaled.map(({ kind }) => kind));
  // A metric of something else that scales this fleet is another rule's matter.
  const byTarget = named === undefined && kinds.size === 1 ? [...kinds][0] : undefined;
  return { kind: byName ?? byTarget, endpoint, component, scaled };
}

/** The place of a part of a metric. */
export function within({ property }: MetricUse, part: string): string {
  return property === '' ? part : `${property}.${part}`;
}

/** The metric as it is catalogued: in its own namespace, else in any. */
export function catalogued(use: MetricUse): { readonly here?: PublishedMetric; readonly elsewhere: PublishedMetric[] } {
  const all = PUBLISHED_METRICS.filter(({ metricName }) => metricName === use.metricName);
  const here = all.find(({ namespace }) => namespace === use.namespace);
  return { ...(here === undefined ? {} : { here }), elsewhere: all };
}
