import { lookup } from '../core/lookup';

/** Metrics of a model server, and the reason if SageMaker does not collect them. */
export interface ServerMetrics {
  /** Names as the server writes them; undefined where they are not known. */
  readonly metricNames?: readonly string[];
  /** Reason why SageMaker does not collect them, as a clause; undefined where it does. */
  readonly unavailableReason?: string;
}

/** Metrics of vLLM for scaling. Source: vLLM documentation, production metrics. */
export const VLLM_METRICS = {
  /** Used part of the KV cache, 0 to 1. */
  kvCacheUse: 'vllm:kv_cache_usage_perc',
  /** Requests that wait for a slot in the batch. */
  waitingRequests: 'vllm:num_requests_waiting',
  /** Requests in the batch. */
  runningRequests: 'vllm:num_requests_running',
  /** Counter of generated tokens. */
  generatedTokens: 'vllm:generation_tokens_total',
  /** Counter of prompt tokens. */
  promptTokens: 'vllm:prompt_tokens_total',
} as const;

const VLLM: ServerMetrics = {
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
  `it publishes them on port ${port} (${path}), and SageMaker collects from port 8080 only`;

/**
 * Metrics by model server. With detailed observability SageMaker collects `/metrics` on port 8080 of each container (API reference,
 * MetricsConfig); the documented frameworks are vLLM and SGLang (developer guide, detailed observability).
 */
const BY_SERVER: { readonly [server: string]: ServerMetrics } = lookup({
  vllm: VLLM,
  'huggingface-vllm': VLLM,
  // vLLM runs inside it; which of its metrics are published is not documented.
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
    unavailableReason: onPort(8002, '/metrics'),
  },
  torchserve: {
    metricNames: ['ts_inference_requests_total', 'ts_inference_latency_microseconds', 'ts_queue_latency_microseconds'],
    unavailableReason: onPort(8082, '/metrics'),
  },
  'tensorflow-serving': {
    metricNames: [':tensorflow:serving:request_count', ':tensorflow:serving:request_latency'],
    unavailableReason: onPort(8501, '/monitoring/prometheus/metrics'),
  },
});

/** Returns the metrics of a server; empty for one that is not in the catalog. */
export function serverMetrics(server: string): ServerMetrics {
  return BY_SERVER[server] ?? {};
}
