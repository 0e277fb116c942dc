import { InputError } from '../../core/errors';

/** Mantissa bits of a bucket's number: 128 buckets for each doubling, so that a quantile is within 0.4 % of a true value. */
const MANTISSA_BITS = 7;
const SHIFT = 20 - MANTISSA_BITS;
/** Durations below 2^-14 s (61 µs) count as 0, those of 2^22 s (48 days) and more fall in the last bucket. */
const MIN_EXPONENT = -14;
const MAX_EXPONENT = 22;
/** Number of the first bucket in the bits of a double, whose exponent has a bias of 1023. */
export const HISTOGRAM_OFFSET = (1023 + MIN_EXPONENT) << MANTISSA_BITS;
export const HISTOGRAM_BUCKETS = (MAX_EXPONENT - MIN_EXPONENT) << MANTISSA_BITS;
export const HISTOGRAM_SHIFT = SHIFT;

const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
/** Index of the word of a double that holds its exponent, for either byte order. */
const HIGH = ((): 0 | 1 => {
  scratch[0] = 1;
  return words[1] === 0x3ff00000 ? 1 : 0;
})();

/**
 * Quantiles of durations within 0.4 %, for hundreds of millions of them: the bucket is in the bits of the number, so that adding one takes
 * no logarithm. Count, sum and maximum are exact. `QuantileSketch` of `core` takes values of any size at a chosen error.
 */
export class SecondsHistogram {
  /** Values per bucket; the engine's inner loop counts into it and adds the sums with {@link addCounted}. */
  public readonly buckets = new Float64Array(HISTOGRAM_BUCKETS);
  private zeros = 0;
  private values = 0;
  private total = 0;
  private greatest = 0;

  public get count(): number {
    return this.values;
  }

  public get sum(): number {
    return this.total;
  }

  /** Mean; 0 without values. */
  public get mean(): number {
    return this.values === 0 ? 0 : this.total / this.values;
  }

  /** Maximum; 0 without values. */
  public get maximum(): number {
    return this.greatest;
  }

  /** Adds a duration of at least 0 seconds, `count` times (a fraction is a weight). */
  public add(seconds: number, count = 1): void {
    this.values += count;
    this.total += seconds * count;
    if (seconds > this.greatest) this.greatest = seconds;
    scratch[0] = seconds;
    const bucket = (words[HIGH] >>> SHIFT) - HISTOGRAM_OFFSET;
    if (bucket < 0) this.zeros += count;
    else this.buckets[bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1] += count;
  }

  /** Adds `count` durations of zero. */
  public addZeros(count: number): void {
    this.values += count;
    this.zeros += count;
  }

  /** Adds the count, sum and maximum of durations that were counted into {@link buckets} directly. */
  public addCounted(count: number, sum: number, greatest: number): void {
    this.values += count;
    this.total += sum;
    if (greatest > this.greatest) this.greatest = greatest;
  }

  /**
   * Returns the value at a rank; 0 without values.
   *
   * @throws InputError if `q` is outside 0 to 1.
   */
  public quantile(q: number): number {
    if (!(q >= 0 && q <= 1)) throw new InputError(`the quantile is ${q}; it must be a number from 0 to 1`);
    if (this.values === 0) return 0;
    const rank = q * (this.values - 1);
    let seen = this.zeros;
    if (seen > rank) return 0;
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
      seen += this.buckets[bucket];
      if (seen > rank) return Math.min(this.greatest, middleOf(bucket));
    }
    return this.greatest;
  }

  /**
   * Returns the values at ranks among those added since an earlier state of this histogram; 0 without values. `earlier` becomes the
   * current state, so that the next call begins where this one ended.
   *
   * @param ranks ascending, from 0 to 1.
   */
  public quantilesSince(earlier: SecondsHistogram, ranks: readonly number[]): number[] {
    const count = this.values - earlier.values;
    const found: number[] = [];
    let seen = this.zeros - earlier.zeros;
    let bucket = 0;
    let value = 0;
    for (const rank of ranks) {
      while (count > 0 && seen <= rank * (count - 1) && bucket < HISTOGRAM_BUCKETS) {
        seen += this.buckets[bucket] - earlier.buckets[bucket];
        value = Math.min(this.greatest, middleOf(bucket++));
      }
      found.push(value);
    }
    earlier.buckets.set(this.buckets);
    earlier.zeros = this.zeros;
    earlier.values = this.values;
    earlier.total = this.total;
    earlier.greatest = this.greatest;
    return found;
  }

  /** Returns the share of values up to a duration, within a bucket; 1 without values. */
  public shareUpTo(seconds: number): number {
    if (this.values === 0) return 1;
    scratch[0] = seconds;
    const last = Math.min(HISTOGRAM_BUCKETS - 1, (words[HIGH] >>> SHIFT) - HISTOGRAM_OFFSET);
    let seen = this.zeros;
    for (let bucket = 0; bucket <= last; bucket++) seen += this.buckets[bucket];
    return seen / this.values;
  }

  /** Adds all values of another histogram. */
  public merge(other: SecondsHistogram): void {
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) this.buckets[bucket] += other.buckets[bucket];
    this.zeros += other.zeros;
    this.values += other.values;
    this.total += other.total;
    this.greatest = Math.max(this.greatest, other.greatest);
  }

  /** Removes all values. */
  public clear(): void {
    this.buckets.fill(0);
    this.zeros = 0;
    this.values = 0;
    this.total = 0;
    this.greatest = 0;
  }
}

function middleOf(bucket: number): number {
  const exponent = MIN_EXPONENT + (bucket >> MANTISSA_BITS);
  const within = (bucket & ((1 << MANTISSA_BITS) - 1)) + 0.5;
  return Math.pow(2, exponent) * (1 + within / (1 << MANTISSA_BITS));
}
