/** What a model server publishes itself, and whether SageMaker reads it. */
export interface ServerMetrics {
  /** The names, as the server writes them; undefined where they are not known. */
  readonly metricNames?: readonly string[];
  /** Why SageMaker does not read them, as a clause; undefined where it does. */
  readonly unreadBecause?: string;
}

/** The metrics of vLLM that scaling can follow. Source: vLLM documentation, production metrics. */
export const VLLM_METRICS = {
  /** Share of the KV cache in use, 0 to 1. */
  kvCacheUse: 'vllm:kv_cache_usage_perc',
  /** Requests that wait for a place in the batch. */
  waitingRequests: 'vllm:num_requests_waiting',
  /** Requests in the batch. */
  runningRequests: 'vllm:num_requests_running',
  /** Tokens written, counted up. */
  generatedTokens: 'vllm:generation_tokens_total',
  /** Tokens read, counted up. */
  promptTokens: 'vllm:prompt_tokens_total',
} as const;

const OF_VLLM: ServerMetrics = {
  metricNames: [
    ...Object.values(VLLM_METRICS),
    'vllm:num_preemptions_total',
    'vllm:prefix_cache_queries_total',
    'vllm:prefix_cache_hits_total',
    'vllm:time_to_first_token_seconds',
    'vllm:inter_token_latency_seconds',
    'vllm:e2e_request_latency_seconds',
    'vllm:request_queue_time_seconds',
  ],
};

const onPort = (port: number, path: string): string =>
  `it publishes them on port ${port} (${path}), and SageMaker reads port 8080 only`;

/**
 * By model server. With detailed observability SageMaker reads `/metrics` on port 8080 of each container (API reference, MetricsConfig);
 * the frameworks that it names are vLLM and SGLang (developer guide, detailed observability).
 */
const BY_SERVER: { readonly [server: string]: ServerMetrics } = {
  vllm: OF_VLLM,
  'huggingface-vllm': OF_VLLM,
  // vLLM runs inside it, but nothing read says which of its metrics come through.
  'djl-lmi': {},
  triton: {
    metricNames: [
      'nv_inference_request_success',
      'nv_inference_request_failure',
      'nv_inference_count',
      'nv_inference_exec_count',
      'nv_inference_queue_duration_us',
      'nv_inference_compute_infer_duration_us',
      'nv_inference_pending_request_count',
      'nv_gpu_utilization',
      'nv_gpu_memory_used_bytes',
    ],
    unreadBecause: onPort(8002, '/metrics'),
  },
  torchserve: {
    metricNames: ['ts_inference_requests_total', 'ts_inference_latency_microseconds', 'ts_queue_latency_microseconds'],
    unreadBecause: onPort(8082, '/metrics'),
  },
  'tensorflow-serving': {
    metricNames: [':tensorflow:serving:request_count', ':tensorflow:serving:request_latency'],
    unreadBecause: onPort(8501, '/monitoring/prometheus/metrics'),
  },
};

/** The metrics of a server of the catalog; empty for one that is not in it. */
export function serverMetrics(server: string): ServerMetrics {
  return BY_SERVER[server] ?? {};
}
