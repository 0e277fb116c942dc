/** Time from the launch of an instance until it is in service, as a lognormal distribution. */
export interface ProvisioningTime {
  readonly medianSeconds: number;
  /** Standard deviation of the logarithm; 0.2 puts 95 % of launches between 0.68 and 1.48 times the median. */
  readonly sigma: number;
}

/** One published measurement. */
export interface ProvisioningMeasurement {
  readonly description: string;
  readonly instanceType: string;
  /** Seconds without container and model caching. */
  readonly uncachedSeconds: number;
  /** Seconds with container and model caching on a new instance. */
  readonly cachedSeconds: number;
}

/**
 * Scale-out of one instance without and with caching. Source: AWS Machine Learning blog on container caching for SageMaker endpoints,
 * 2026-06-17.
 */
export const PROVISIONING_MEASUREMENTS: readonly ProvisioningMeasurement[] = [
  {
    description: 'Qwen3-8B, LMI image of 17.7 GB (image pull 333 s to 0, model download 168 s to 77 s)',
    instanceType: 'ml.g6.2xlarge',
    uncachedSeconds: 525,
    cachedSeconds: 258,
  },
  {
    description: 'customer A, image 15.7 GB (p50)',
    instanceType: 'ml.g4dn.xlarge',
    uncachedSeconds: 381,
    cachedSeconds: 134,
  },
  {
    description: 'customer B, image 17.5 GB, model 5.8 GB',
    instanceType: 'ml.g5.2xlarge',
    uncachedSeconds: 346,
    cachedSeconds: 164,
  },
  {
    description: 'customer C, image 10.6 GB, model 6.5 GB',
    instanceType: 'ml.g5.xlarge',
    uncachedSeconds: 346,
    cachedSeconds: 216,
  },
];

/** Provisioning with container and model caching: the slowest published measurement, with an assumed spread. */
export const CACHED_PROVISIONING: ProvisioningTime = { medianSeconds: 258, sigma: 0.2 };

/**
 * Provisioning of another copy of a model on a running instance: the model's download of 77 s in the first measurement, with image and
 * model cached; the spread is an assumption.
 */
export const COPY_PROVISIONING: ProvisioningTime = { medianSeconds: 77, sigma: 0.2 };
