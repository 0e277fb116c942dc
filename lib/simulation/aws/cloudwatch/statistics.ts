/** Samples of a metric as CloudWatch sums them up. A set without samples (all fields 0) is not published. */
export interface StatisticSet {
  readonly sum: number;
  readonly sampleCount: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** The statistic set of no samples. */
export const NO_SAMPLES: StatisticSet = { sum: 0, sampleCount: 0, minimum: 0, maximum: 0 };

/** The statistic set of equal samples. */
export const equalSamples = (value: number, sampleCount = 1): StatisticSet => ({
  sum: value * sampleCount,
  sampleCount,
  minimum: value,
  maximum: value,
});

/** The statistic set of every sample multiplied by a factor, for example to change its unit. */
export const scaleStatistics = (
  { sum, sampleCount, minimum, maximum }: StatisticSet,
  factor: number,
): StatisticSet => ({
  sum: sum * factor,
  sampleCount,
  minimum: minimum * factor,
  maximum: maximum * factor,
});

/** The statistic set of two together. */
export function mergeStatistics(a: StatisticSet, b: StatisticSet): StatisticSet {
  if (a.sampleCount === 0) return b;
  if (b.sampleCount === 0) return a;
  return {
    sum: a.sum + b.sum,
    sampleCount: a.sampleCount + b.sampleCount,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
  };
}

/** Builds a statistic set from single samples. */
export class StatisticAccumulator {
  private sum = 0;
  private sampleCount = 0;
  private minimum = Infinity;
  private maximum = -Infinity;

  public add(value: number): void {
    this.sum += value;
    this.sampleCount++;
    if (value < this.minimum) this.minimum = value;
    if (value > this.maximum) this.maximum = value;
  }

  /** Returns the set so far and starts a new one. */
  public drain(): StatisticSet {
    if (this.sampleCount === 0) return NO_SAMPLES;
    const { sum, sampleCount, minimum, maximum } = this;
    this.sum = 0;
    this.sampleCount = 0;
    this.minimum = Infinity;
    this.maximum = -Infinity;
    return { sum, sampleCount, minimum, maximum };
  }
}
