import { VLLM_METRICS } from '../catalog/model-server-metrics';

/**
 * Metric of the model server for a scaling policy: its average over the replicas.
 *
 * SageMaker collects it with detailed observability; CloudWatch alarms query it with PromQL.
 */
export class ServerSignal {
  /** Ratio of the KV cache in use, 0 to 1 (vLLM). */
  public static kvCacheUse(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.kvCacheUse, false, true);
  }

  /** Requests that wait for the batch of one replica (vLLM). */
  public static waitingRequests(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.waitingRequests, false);
  }

  /** Requests in the batch of one replica (vLLM). */
  public static runningRequests(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.runningRequests, false);
  }

  /** Tokens that one replica generates per second (vLLM). */
  public static generatedTokensPerSecond(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.generatedTokens, true);
  }

  /** Prompt tokens that one replica processes per second (vLLM). */
  public static promptTokensPerSecond(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.promptTokens, true);
  }

  /** Gauge of your server, by its Prometheus name. */
  public static gauge(metricName: string): ServerSignal {
    return new ServerSignal(metricName, false);
  }

  /** Counter of your server, by its Prometheus name; the policy uses its rate per second. */
  public static counter(metricName: string): ServerSignal {
    return new ServerSignal(metricName, true);
  }

  private constructor(
    /** Prometheus name of the metric. */
    public readonly metricName: string,
    /** True for a counter, whose rate per second is used. */
    public readonly isCounter: boolean,
    /** True if its values are ratios, 0 to 1. */
    public readonly isRatio: boolean = false,
  ) {}

  /**
   * Returns the PromQL query of a fleet's average.
   *
   * @param labels select the fleet's series
   * @param frequencySeconds collection interval
   * @internal
   */
  public _query(labels: { readonly [label: string]: string }, frequencySeconds: number): string {
    const selected = Object.entries(labels).map(([label, value]) => `"${label}"="${value}"`);
    const series = `{${[`"${this.metricName}"`, ...selected].join(', ')}}`;
    return `avg(${this.isCounter ? `rate(${series}[${Math.max(60, 4 * frequencySeconds)}s])` : series})`;
  }
}
