import { type EndpointKind, PUBLISHED_METRICS, type PublishedMetric } from '../../catalog/hosting-metrics';
import type { DeclaredComponent, DeclaredEndpoint, MetricUse, DeclaredTarget, TemplateModel } from '../../template';

/** Subject of a metric: a declared endpoint or component, or the fleet that its alarm or policy scales. */
export interface Subject {
  readonly kind: EndpointKind | undefined;
  readonly endpoint: DeclaredEndpoint | undefined;
  readonly component: DeclaredComponent | undefined;
  /** Targets that the alarm or policy scales. */
  readonly scaled: readonly DeclaredTarget[];
}

/** Value of the dimension whose name matches. */
export function dimensionOf(use: MetricUse, pattern: RegExp): string | undefined {
  return use.dimensions.find(({ name }) => name !== undefined && pattern.test(name))?.value;
}

/** Subject of a metric, as far as the templates declare it. */
export function subjectOf(model: TemplateModel, use: MetricUse): Subject {
  const scaled = model.scaledBy(use.resource);
  const component = model.componentNamed(dimensionOf(use, /^inference-?component(name)?$/i));
  const named = dimensionOf(use, /^endpoint(-?name)?$/i);
  const endpoint = model.endpointNamed(named) ?? (named === undefined ? component?.endpoint : undefined);
  const variant = endpoint?.variants.find(({ name }) => name === dimensionOf(use, /^variant(-?name)?$/i));
  const byName = component !== undefined ? 'inference-component' : (variant?.kind ?? endpoint?.kind);
  const kinds = new Set(scaled.map(({ kind }) => kind));
  // Another rule covers a metric of something else that scales this fleet.
  const byTarget = named === undefined && kinds.size === 1 ? [...kinds][0] : undefined;
  return { kind: byName ?? byTarget, endpoint, component, scaled };
}

/** Path of a property of a metric. */
export function within({ property }: MetricUse, part: string): string {
  return property === '' ? part : `${property}.${part}`;
}

/** Entries of a metric in the catalogue: in its own namespace, and in any. */
export function catalogued(use: MetricUse): { readonly here?: PublishedMetric; readonly elsewhere: PublishedMetric[] } {
  const all = PUBLISHED_METRICS.filter(({ metricName }) => metricName === use.metricName);
  const here = all.find(({ namespace }) => namespace === use.namespace);
  return { ...(here === undefined ? {} : { here }), elsewhere: all };
}
