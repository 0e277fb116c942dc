import type { EndpointKind } from '../catalog/metrics';
import type { Json, Resource } from './template-reader';

/** A template to prove. */
export interface ProofTemplate {
  /** The file's name, for messages. */
  readonly name: string;
  readonly document: unknown;
  /** The region it is deployed to; left out where it is unknown. */
  readonly region?: string;
}

/** What only the caller knows. */
export interface ProofOptions {
  /** Instances of each type that the account may have. */
  readonly quotas?: { readonly [instanceType: string]: number };
  /** Take no default of a parameter for its value: whoever chooses another branch chooses other values too. */
  readonly areDefaultsOpen?: boolean;
}

/** A variant of an endpoint configuration. */
export interface Variant {
  readonly config: Resource;
  readonly property: string;
  readonly properties: Json;
  /** Undefined where it is unknown. */
  readonly name: string | undefined;
  readonly kind: EndpointKind | undefined;
  readonly instanceTypes: readonly string[];
}

/** An endpoint with its configuration, as far as the templates declare them. */
export interface Endpoint {
  readonly resource: Resource;
  readonly name: string | undefined;
  readonly config: Resource | undefined;
  readonly kind: EndpointKind | undefined;
  readonly variants: readonly Variant[];
  /** Whether these are all: a list that depends on a condition may have more. */
  readonly hasAllVariants: boolean;
  /** The names of the variants that get copies of the requests. */
  readonly shadowNames: readonly string[];
}

/** An inference component. */
export interface Component {
  readonly resource: Resource;
  readonly name: string | undefined;
  readonly endpoint: Endpoint | undefined;
  /** Whether it is an adapter of another component, on whose copies it lives. */
  readonly isAdapter: boolean;
}

/** What a scalable target scales. */
export type Dimension = 'variant' | 'component' | 'provisioned-concurrency';

/** A scalable target of SageMaker. */
export interface Target {
  readonly resource: Resource;
  readonly resourceId: string | undefined;
  readonly scalableDimension: string | undefined;
  readonly dimension: Dimension | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly endpoint: Endpoint | undefined;
  readonly variant: Variant | undefined;
  readonly component: Component | undefined;
  /** What kind of fleet it is; undefined where the templates do not declare it. */
  readonly kind: EndpointKind | undefined;
  readonly policies: readonly Policy[];
}

/** A scaling policy. */
export interface Policy {
  readonly resource: Resource;
  readonly type: string | undefined;
  readonly tracking: Json | undefined;
  readonly step: Json | undefined;
  /** Alarms of any template that run it. */
  readonly alarms: readonly Resource[];
}

/** A metric that an alarm or a policy watches. */
export interface MetricUse {
  readonly resource: Resource;
  /** Where in the resource. */
  readonly property: string;
  readonly namespace: string | undefined;
  readonly metricName: string | undefined;
  readonly dimensions: readonly { readonly name: string | undefined; readonly value: string | undefined }[];
  /** Whether every dimension is known to be there. */
  readonly isCertain: boolean;
  readonly statistic: string | undefined;
  readonly periodSeconds: number | undefined;
  readonly unit: string | undefined;
}
