import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { checkWhole, type Resolved } from '../value-checks';

/** Strategies to distribute requests over the instances. */
export enum RoutingStrategy {
  /** To the instance with the fewest requests in flight. */
  LEAST_OUTSTANDING_REQUESTS = 'LEAST_OUTSTANDING_REQUESTS',

  /** To any instance. */
  RANDOM = 'RANDOM',

  /** To the instance that has seen the prefix of the request before, so that its KV cache is warm; for language models. */
  PREFIX_AWARE = 'PREFIX_AWARE',
}

/** Rules that keep requests with the same prefix on the same instance. */
export interface PrefixAwareRoutingProps {
  /**
   * Bytes of the request that count as its prefix, 1,024 to 65,536.
   *
   * @default 4096
   */
  readonly prefixLength?: number;

  /**
   * Concurrent requests on the instance above which a request goes to a less busy one, 1 to 1,024.
   *
   * @default - maxConcurrencyPerInstance of the endpoint; 8 on a shared endpoint
   */
  readonly concurrencyThreshold?: number;
}

/** Properties of the distribution of requests. */
export interface RoutingProps {
  /**
   * Strategy to distribute requests over the instances, or over the copies of a model on a shared endpoint.
   *
   * @default RoutingStrategy.LEAST_OUTSTANDING_REQUESTS
   */
  readonly routing?: RoutingStrategy;

  /**
   * Rules for requests with the same prefix. Only with RoutingStrategy.PREFIX_AWARE.
   *
   * @default - prefixes of 4,096 bytes, up to the tested concurrency
   */
  readonly prefixAwareRouting?: PrefixAwareRoutingProps;
}

/** Limits of the SageMaker API reference, ProductionVariantPrefixAwareRoutingConfig. */
const MIN_PREFIX_BYTES = 1024;
const MAX_PREFIX_BYTES = 65_536;
const MAX_CONCURRENCY_THRESHOLD = 1024;

const DEFAULT_PREFIX_BYTES = 4096;

/**
 * Routing with its defaults.
 *
 * @internal
 */
export interface Routing {
  readonly strategy: RoutingStrategy;
  readonly prefix: Required<PrefixAwareRoutingProps>;
}

/**
 * Resolves the routing of a variant that was tested with a concurrency per instance.
 *
 * @internal
 */
export function resolveRouting(props: RoutingProps, maxConcurrencyPerInstance: number): Resolved<Routing> {
  const strategy = props.routing ?? RoutingStrategy.LEAST_OUTSTANDING_REQUESTS;
  const prefix = {
    prefixLength: props.prefixAwareRouting?.prefixLength ?? DEFAULT_PREFIX_BYTES,
    concurrencyThreshold:
      props.prefixAwareRouting?.concurrencyThreshold ?? Math.min(MAX_CONCURRENCY_THRESHOLD, maxConcurrencyPerInstance),
  };
  if (strategy === RoutingStrategy.PREFIX_AWARE) return { value: { strategy, prefix }, problems: checkPrefix(prefix) };
  return {
    value: { strategy, prefix },
    problems:
      props.prefixAwareRouting === undefined
        ? []
        : [
            'prefixAwareRouting is given, but routing is not RoutingStrategy.PREFIX_AWARE; set it or omit prefixAwareRouting',
          ],
  };
}

function checkPrefix({ prefixLength, concurrencyThreshold }: Routing['prefix']): string[] {
  return [
    ...checkWhole('prefixAwareRouting.prefixLength', prefixLength, MIN_PREFIX_BYTES, MAX_PREFIX_BYTES, 'bytes'),
    ...checkWhole('prefixAwareRouting.concurrencyThreshold', concurrencyThreshold, 1, MAX_CONCURRENCY_THRESHOLD),
  ];
}

/**
 * Renders the routing for a production variant.
 *
 * @internal
 */
export function routingConfig({ strategy, prefix }: Routing): sagemaker.CfnEndpointConfig.RoutingConfigProperty {
  return {
    routingStrategy: strategy,
    ...(strategy === RoutingStrategy.PREFIX_AWARE ? { prefixAwareRoutingConfig: prefix } : {}),
  };
}
