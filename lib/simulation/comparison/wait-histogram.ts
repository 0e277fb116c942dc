const WIDTH_SECONDS = 0.05;
const BUCKETS = 2402;

/** Quantiles of weighted waits, to 0.05 s; waits of two minutes and more are one bucket. */
export class WaitHistogram {
  private readonly buckets = new Float64Array(BUCKETS);
  private zeros = 0;
  private total = 0;

  public add(seconds: number, weight: number): void {
    this.total += weight;
    if (seconds <= 0) this.zeros += weight;
    else this.buckets[Math.min(BUCKETS - 1, Math.floor(seconds / WIDTH_SECONDS))] += weight;
  }

  /** The wait at a rank from 0 to 1, in the middle of its bucket; 0 without values. */
  public quantile(q: number): number {
    const rank = q * this.total;
    let seen = this.zeros;
    if (seen >= rank) return 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket];
      if (seen >= rank) return Math.round((bucket + 0.5) * WIDTH_SECONDS * 1000) / 1000;
    }
    return BUCKETS * WIDTH_SECONDS;
  }
}
