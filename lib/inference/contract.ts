/** The environment variable that `grantInvoke` gives a function beside the permission: the name of the endpoint to call. */
export const ENDPOINT_NAME_VARIABLE = 'TIDEGATE_ENDPOINT_NAME';

/** Where a function puts requests of an asynchronous endpoint, `s3://bucket/prefix/`. */
export const ASYNC_REQUESTS_VARIABLE = 'TIDEGATE_ASYNC_REQUESTS';

/** The inference component that a function calls, beside the name of its endpoint. */
export const COMPONENT_NAME_VARIABLE = 'TIDEGATE_INFERENCE_COMPONENT_NAME';

/** The tag of an endpoint configuration that tells how many concurrent requests one instance was tested with. */
export const MAX_CONCURRENCY_TAG = 'tidegate:max-concurrency-per-instance';

/** The same for one of several variants. */
export function variantConcurrencyTag(variantName: string): string {
  return `${MAX_CONCURRENCY_TAG}:${variantName}`;
}

/** Of the tags of an endpoint configuration, the one that counts for a variant: its own, or the one for all. */
export function concurrencyTag<T>(
  tags: readonly T[],
  keyOf: (tag: T) => string | undefined,
  variantName?: string,
): T | undefined {
  const tagged = (key: string): T | undefined => tags.find((tag) => keyOf(tag) === key);
  const own = variantName === undefined ? undefined : tagged(variantConcurrencyTag(variantName));
  return own ?? tagged(MAX_CONCURRENCY_TAG);
}

/** What that tag stands at where it is absent. */
export const DEFAULT_MAX_CONCURRENCY_PER_INSTANCE = 8;

/** The environment variables of the Triton image that the construct sets. */
export const TRITON_ENVIRONMENT = {
  defaultModelName: 'SAGEMAKER_TRITON_DEFAULT_MODEL_NAME',
  threadCount: 'SAGEMAKER_TRITON_THREAD_COUNT',
  verboseLogging: 'SAGEMAKER_TRITON_LOG_VERBOSE',
} as const;
