import type { EndpointKind } from '../catalog/hosting-metrics';
import type { Json } from '../core/parse';
import type { Resource } from './template-reader';

/** A variant of an endpoint configuration. */
export interface DeclaredVariant {
  readonly config: Resource;
  readonly property: string;
  readonly properties: Json;
  /** Undefined where it is unknown. */
  readonly name: string | undefined;
  readonly kind: EndpointKind | undefined;
  readonly instanceTypes: readonly string[];
}

/** An endpoint with its configuration, as far as the templates declare them. */
export interface DeclaredEndpoint {
  readonly resource: Resource;
  readonly name: string | undefined;
  readonly config: Resource | undefined;
  readonly kind: EndpointKind | undefined;
  readonly variants: readonly DeclaredVariant[];
  /** False if the list depends on an undecided condition, so that the endpoint may have more. */
  readonly hasAllVariants: boolean;
  /** Names of the shadow variants. */
  readonly shadowNames: readonly string[];
}

/** An inference component. */
export interface DeclaredComponent {
  readonly resource: Resource;
  readonly name: string | undefined;
  readonly endpoint: DeclaredEndpoint | undefined;
  /** Variant that hosts it. */
  readonly variant: DeclaredVariant | undefined;
  /** True for an adapter, which is loaded into the copies of another component. */
  readonly isAdapter: boolean;
}

/** Unit in which a scalable target counts. */
export type Dimension = 'variant' | 'component' | 'provisioned-concurrency';

/** A scalable target of SageMaker. */
export interface DeclaredTarget {
  readonly resource: Resource;
  readonly resourceId: string | undefined;
  readonly scalableDimension: string | undefined;
  readonly dimension: Dimension | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly endpoint: DeclaredEndpoint | undefined;
  readonly variant: DeclaredVariant | undefined;
  readonly component: DeclaredComponent | undefined;
  /** Kind of the fleet; undefined where the templates do not declare it. */
  readonly kind: EndpointKind | undefined;
  readonly policies: readonly DeclaredPolicy[];
}

/** A scaling policy. */
export interface DeclaredPolicy {
  readonly resource: Resource;
  readonly type: string | undefined;
  readonly tracking: Json | undefined;
  readonly step: Json | undefined;
  /** Alarms of any template with an action that runs it. */
  readonly alarms: readonly Resource[];
}

/** A metric that an alarm or a policy follows. */
export interface MetricUse {
  readonly resource: Resource;
  /** Place in the properties of the resource. */
  readonly property: string;
  readonly namespace: string | undefined;
  readonly metricName: string | undefined;
  readonly dimensions: readonly { readonly name: string | undefined; readonly value: string | undefined }[];
  /** False if a dimension depends on an undecided condition. */
  readonly isCertain: boolean;
  readonly statistic: string | undefined;
  readonly periodSeconds: number | undefined;
  readonly unit: string | undefined;
}
