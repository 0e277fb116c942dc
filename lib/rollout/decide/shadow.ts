/** Limits that a shadow has to keep beside the live variant. */
export interface ShadowLimits {
  /** Requests that it has to have received. */
  readonly minRequests: number;
  /** Largest share of its responses that are server errors. */
  readonly maxErrorRatio: number;
  /** Largest growth of the mean latency of the model. */
  readonly maxLatencyGrowth: number;
}

/** Metrics of a variant over the time of the shadow. */
export interface VariantLoad {
  readonly requests: number;
  readonly serverErrors: number;
  /** Mean latency of the model, seconds; undefined without requests. */
  readonly meanLatencySeconds: number | undefined;
}

/** Decides whether a shadow that has received copies of live requests may serve them. */
export function decideShadow(
  live: VariantLoad,
  shadow: VariantLoad,
  limits: ShadowLimits,
): { readonly passes: boolean; readonly reasons: readonly string[] } {
  const reasons: string[] = [];
  if (shadow.requests < limits.minRequests) {
    reasons.push(
      `the shadow received ${shadow.requests} requests, fewer than ${limits.minRequests}; extend its duration or its sampling`,
    );
  }
  const ratio = shadow.requests === 0 ? 0 : shadow.serverErrors / shadow.requests;
  if (ratio > limits.maxErrorRatio) {
    reasons.push(
      `${(ratio * 100).toFixed(1)} % of the shadow's responses are server errors; ${(limits.maxErrorRatio * 100).toFixed(1)} % are allowed`,
    );
  }
  const { meanLatencySeconds: before } = live;
  const { meanLatencySeconds: after } = shadow;
  if (before !== undefined && after !== undefined && after > before * (1 + limits.maxLatencyGrowth)) {
    reasons.push(
      `the shadow's mean latency is ${after.toPrecision(3)} s, and the live variant's ${before.toPrecision(3)} s; ` +
        `${(limits.maxLatencyGrowth * 100).toFixed(0)} % more are allowed`,
    );
  }
  return { passes: reasons.length === 0, reasons };
}
