/** How long an instance takes from launch to in service, as a lognormal distribution. */
export interface ProvisioningTime {
  /** The median in seconds. */
  readonly medianSeconds: number;
  /** The standard deviation of the logarithm; 0.2 puts 95 % of launches between 0.68 and 1.48 times the median. */
  readonly sigma: number;
}

/** One published measurement. */
export interface ProvisioningMeasurement {
  readonly what: string;
  readonly instanceType: string;
  /** Seconds without container and model caching. */
  readonly uncachedSeconds: number;
  /** Seconds with container and model caching on a new instance. */
  readonly cachedSeconds: number;
}

/** When and where the measurements were published. */
export const PROVISIONING_SOURCE = {
  asOf: '2026-06-17',
  source: 'AWS Machine Learning blog on container caching for SageMaker endpoints, 2026-06-17',
} as const;

/** From the post named in {@link PROVISIONING_SOURCE}: scale-out of one instance, before and after caching. */
export const PROVISIONING_MEASUREMENTS: readonly ProvisioningMeasurement[] = [
  {
    what: 'Qwen3-8B, LMI image of 17.7 GB (image pull 333 s to 0, model download 168 s to 77 s)',
    instanceType: 'ml.g6.2xlarge',
    uncachedSeconds: 525,
    cachedSeconds: 258,
  },
  { what: 'customer A, image 15.7 GB (p50)', instanceType: 'ml.g4dn.xlarge', uncachedSeconds: 381, cachedSeconds: 134 },
  {
    what: 'customer B, image 17.5 GB, model 5.8 GB',
    instanceType: 'ml.g5.2xlarge',
    uncachedSeconds: 346,
    cachedSeconds: 164,
  },
  {
    what: 'customer C, image 10.6 GB, model 6.5 GB',
    instanceType: 'ml.g5.xlarge',
    uncachedSeconds: 346,
    cachedSeconds: 216,
  },
];

/** With container and model caching: median 258 s, the slowest published measurement; the spread is an assumption. */
export const CACHED_PROVISIONING: ProvisioningTime = { medianSeconds: 258, sigma: 0.2 };

/** Without caching: median 525 s, the slowest published measurement; the spread is an assumption. */
export const UNCACHED_PROVISIONING: ProvisioningTime = { medianSeconds: 525, sigma: 0.2 };

/**
 * A further copy of a model on an instance that runs: the model's download of 77 s in the first measurement, with image and model cached;
 * the spread is an assumption.
 */
export const COPY_PROVISIONING: ProvisioningTime = { medianSeconds: 77, sigma: 0.2 };
