import { parseJson } from '../core/parse';

/** Environment variable with the name of the endpoint to invoke; `grantInvoke` sets it on a function beside the permission. */
export const ENDPOINT_NAME_VARIABLE = 'TIDEGATE_ENDPOINT_NAME';

/** Environment variable with the location for requests of an asynchronous endpoint, `s3://bucket/prefix/`. */
export const ASYNC_REQUESTS_VARIABLE = 'TIDEGATE_ASYNC_REQUESTS';

/** Environment variable with the inference component to invoke, beside the name of its endpoint. */
export const COMPONENT_NAME_VARIABLE = 'TIDEGATE_INFERENCE_COMPONENT_NAME';

/** Tag of an endpoint configuration with the concurrent requests that one instance handles, as tested. */
export const MAX_CONCURRENCY_TAG = 'tidegate:max-concurrency-per-instance';

/** Tag with the tested concurrency of one of several variants. */
export function variantConcurrencyTag(variantName: string): string {
  return `${MAX_CONCURRENCY_TAG}:${variantName}`;
}

/** Tag of an endpoint configuration that applies to a variant: its own, or the one for all. */
export function concurrencyTag<T>(
  tags: readonly T[],
  keyOf: (tag: T) => string | undefined,
  variantName?: string,
): T | undefined {
  const tagged = (key: string): T | undefined => tags.find((tag) => keyOf(tag) === key);
  const own = variantName === undefined ? undefined : tagged(variantConcurrencyTag(variantName));
  return own ?? tagged(MAX_CONCURRENCY_TAG);
}

/**
 * Tag of a model or an endpoint configuration with the endpoint or inference component that it was made for, `endpoint/NAME` or
 * `inference-component/NAME`. It tells what an update replaced, and nothing else may be deleted.
 */
export const HOSTED_BY_TAG = 'tidegate:hosted-by';

const HOST_KINDS = ['endpoint', 'inference-component'] as const;

/** Endpoint or inference component whose replaced models and configurations are swept. */
export interface SweptHost {
  readonly kind: (typeof HOST_KINDS)[number];
  readonly name: string;
}

/** Value of {@link HOSTED_BY_TAG}. */
export function hostedBy({ kind, name }: SweptHost): string {
  return `${kind}/${name}`;
}

/** Work of the sweeper, as its construct writes it. */
export interface SweeperConfiguration {
  readonly hosts: readonly SweptHost[];
  /** Names of the endpoint configurations and models that the stack declares. */
  readonly declaredConfigNames: readonly string[];
  readonly declaredModelNames: readonly string[];
  /** Time that a replaced one is kept. */
  readonly retentionSeconds: number;
}

/** Environment variables of the sweeper's handler. */
export const SWEEPER_ENVIRONMENT = { configuration: 'TIDEGATE_SWEEPER' } as const;

/** Parses the configuration that {@link SWEEPER_ENVIRONMENT} has. */
export function parseSweeperConfiguration(json: string): SweeperConfiguration {
  return parseJson(SWEEPER_ENVIRONMENT.configuration, json, 'the configuration of the sweeper', (root) => ({
    hosts: root
      .at('hosts')
      .items()
      .map((host) => ({ kind: host.at('kind').oneOf(HOST_KINDS), name: host.at('name').text() })),
    declaredConfigNames: root
      .at('declaredConfigNames')
      .items()
      .map((name) => name.text()),
    declaredModelNames: root
      .at('declaredModelNames')
      .items()
      .map((name) => name.text()),
    retentionSeconds: root.at('retentionSeconds').number('a number above 0', (value) => value > 0),
  }));
}

/** Tested concurrency where the tag is absent. */
export const DEFAULT_MAX_CONCURRENCY_PER_INSTANCE = 8;

/** Environment variables of the Triton image that the construct sets. */
export const TRITON_ENVIRONMENT = {
  defaultModelName: 'SAGEMAKER_TRITON_DEFAULT_MODEL_NAME',
  threadCount: 'SAGEMAKER_TRITON_THREAD_COUNT',
  verboseLogging: 'SAGEMAKER_TRITON_LOG_VERBOSE',
} as const;
