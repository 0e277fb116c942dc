import { VLLM_METRICS } from '../catalog/server-metrics';

/**
 * A number that the model server itself publishes, as a policy follows it: the average over the replicas.
 *
 * SageMaker collects it with detailed observability, where CloudWatch alarms reach it with PromQL.
 */
export class ServerSignal {
  /** The share of the KV cache in use, 0 to 1 (vLLM). */
  public static kvCacheUse(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.kvCacheUse, false, true);
  }

  /** Requests of one replica that wait for a place in its batch (vLLM). */
  public static waitingRequests(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.waitingRequests, false);
  }

  /** Requests in the batch of one replica (vLLM). */
  public static runningRequests(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.runningRequests, false);
  }

  /** Tokens that one replica writes in a second (vLLM). */
  public static generatedTokensPerSecond(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.generatedTokens, true);
  }

  /** Tokens that one replica reads in a second (vLLM). */
  public static promptTokensPerSecond(): ServerSignal {
    return new ServerSignal(VLLM_METRICS.promptTokens, true);
  }

  /** A metric of your server that goes up and down, by the name it writes. */
  public static gauge(metricName: string): ServerSignal {
    return new ServerSignal(metricName, false);
  }

  /** A metric of your server that only counts up, by the name it writes; what is followed is its growth in a second. */
  public static counter(metricName: string): ServerSignal {
    return new ServerSignal(metricName, true);
  }

  private constructor(
    /** The metric's name, as the server writes it. */
    public readonly metricName: string,
    /** It only counts up. */
    public readonly isCounter: boolean,
    /** Its values are shares, 0 to 1. */
    public readonly isShare: boolean = false,
  ) {}

  /**
   * The query for a fleet's average.
   *
   * @param labels what tells the fleet's series from those of others
   * @param frequencySeconds how often the metric is collected
   * @internal
   */
  public _query(labels: { readonly [label: string]: string }, frequencySeconds: number): string {
    const selected = Object.entries(labels).map(([label, value]) => `"${label}"="${value}"`);
    const series = `{${[`"${this.metricName}"`, ...selected].join(', ')}}`;
    return `avg(${this.isCounter ? `rate(${series}[${Math.max(60, 4 * frequencySeconds)}s])` : series})`;
  }
}
