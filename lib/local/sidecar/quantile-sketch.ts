import type { Quantiles } from './snapshot';

/** Neighbouring buckets lie 2 % apart, so a quantile is off by at most 1 %. */
const GROWTH = 1.02;
/** Everything shorter than a millisecond counts as one. */
const SMALLEST = 0.001;

/** Quantiles of many durations in little memory: counts in buckets that grow by a fixed factor. */
export class QuantileSketch {
  private readonly buckets = new Map<number, number>();
  private count = 0;
  private maximum = 0;

  public add(seconds: number): void {
    const bucket = Math.ceil(Math.log(Math.max(seconds, SMALLEST) / SMALLEST) / Math.log(GROWTH));
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + 1);
    this.count++;
    this.maximum = Math.max(this.maximum, seconds);
  }

  /** Takes over what another sketch holds. */
  public merge(other: QuantileSketch): void {
    for (const [bucket, count] of other.buckets) this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + count);
    this.count += other.count;
    this.maximum = Math.max(this.maximum, other.maximum);
  }

  public quantiles(): Quantiles {
    const { count } = this;
    if (count === 0) return { count, p50: null, p95: null, p99: null, maximum: null };
    const sorted = [...this.buckets].sort(([a], [b]) => a - b);
    const at = (share: number): number => {
      const rank = Math.ceil(share * count);
      let seen = 0;
      for (const [bucket, inBucket] of sorted) {
        seen += inBucket;
        if (seen >= rank) return Math.min(this.maximum, SMALLEST * GROWTH ** (bucket - 0.5));
      }
      return this.maximum;
    };
    return { count, p50: at(0.5), p95: at(0.95), p99: at(0.99), maximum: this.maximum };
  }
}

/** The last spans of a stream of durations: one sketch for each span, the oldest forgotten as a new one begins. */
export class RecentSketch {
  private spans: QuantileSketch[] = [new QuantileSketch()];

  public constructor(private readonly spanCount: number) {}

  public add(seconds: number): void {
    this.spans.at(-1)!.add(seconds);
  }

  /** Begins a new span. */
  public turn(): void {
    this.spans = [...this.spans, new QuantileSketch()].slice(-this.spanCount);
  }

  public quantiles(): Quantiles {
    const all = new QuantileSketch();
    for (const span of this.spans) all.merge(span);
    return all.quantiles();
  }
}
