import { InputError } from './errors';

function checkQuantile(q: number): void {
  if (!(q >= 0 && q <= 1)) throw new InputError(`the quantile is ${q}; it must be a number from 0 to 1`);
}

/** Returns the arithmetic mean; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index];
  return sum / values.length;
}

/**
 * Returns a quantile of values in any order, interpolated linearly between neighbours (type 7 of Hyndman and Fan, as in NumPy and
 * spreadsheets). NaN for no values.
 *
 * @param q from 0 (minimum) to 1 (maximum).
 * @throws InputError when `q` is outside 0 to 1.
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  checkQuantile(q);
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * q;
  const lower = Math.floor(position);
  const upper = Math.ceil(position);
  return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - lower);
}

/** Minimum value of a sketch; smaller ones count as 0. */
const MIN_VALUE = 1e-9;

/**
 * Quantiles of values that come one at a time, within a relative error, in a few kB (DDSketch: Masson, Rim and Lee, VLDB
 * 2019). Values must not be negative; values below 1e-9 count as 0. Count, sum, minimum and maximum are exact.
 */
export class QuantileSketch {
  private readonly gamma: number;
  private readonly scale: number;
  private readonly offset: number;
  private buckets = new Float64Array(64);
  private zeros = 0;
  private total = 0;
  private values = 0;
  private smallest = Infinity;
  private largest = -Infinity;

  /**
   * @param relativeError maximum distance of a returned quantile from the true value of that rank, as a ratio of it.
   * @throws InputError when it is not between 0.0001 and 0.5.
   */
  public constructor(private readonly relativeError = 0.01) {
    if (!(relativeError >= 0.0001 && relativeError <= 0.5)) {
      throw new InputError(`relativeError is ${relativeError}; it must be a number from 0.0001 to 0.5`);
    }
    this.gamma = (1 + relativeError) / (1 - relativeError);
    this.scale = 1 / Math.log(this.gamma);
    this.offset = Math.ceil(Math.log(MIN_VALUE) * this.scale);
  }

  public get count(): number {
    return this.values;
  }

  public get sum(): number {
    return this.total;
  }

  /** Arithmetic mean; NaN before the first value. */
  public get mean(): number {
    return this.values === 0 ? NaN : this.total / this.values;
  }

  /** Minimum; NaN before the first value. */
  public get minimum(): number {
    return this.values === 0 ? NaN : this.smallest;
  }

  /** Maximum; NaN before the first value. */
  public get maximum(): number {
    return this.values === 0 ? NaN : this.largest;
  }

  /** @throws InputError when the value is negative, NaN or infinite. */
  public add(value: number): void {
    if (!(value >= 0 && value < Infinity)) {
      throw new InputError(`the value is ${value}; a quantile sketch takes finite numbers of at least 0`);
    }
    this.values++;
    this.total += value;
    if (value < this.smallest) this.smallest = value;
    if (value > this.largest) this.largest = value;
    if (value < MIN_VALUE) {
      this.zeros++;
      return;
    }
    const index = Math.max(0, Math.ceil(Math.log(value) * this.scale) - this.offset);
    if (index >= this.buckets.length) this.grow(index);
    this.buckets[index]++;
  }

  /**
   * Returns the value at a rank, within the relative error; NaN before the first value.
   *
   * @throws InputError when `q` is outside 0 to 1.
   */
  public quantile(q: number): number {
    checkQuantile(q);
    if (this.values === 0) return NaN;
    if (q === 0) return this.smallest;
    if (q === 1) return this.largest;
    const rank = q * (this.values - 1);
    let seen = this.zeros;
    if (seen > rank) return 0;
    for (let index = 0; index < this.buckets.length; index++) {
      seen += this.buckets[index];
      if (seen > rank) {
        const value = (2 * Math.exp((index + this.offset) / this.scale)) / (this.gamma + 1);
        return Math.min(this.largest, Math.max(this.smallest, value));
      }
    }
    return this.largest;
  }

  /**
   * Adds the values of another sketch.
   *
   * @throws InputError when the other has another relative error.
   */
  public merge(other: QuantileSketch): void {
    if (other.relativeError !== this.relativeError) {
      throw new InputError(
        `the sketches have relative errors ${this.relativeError} and ${other.relativeError}; merge equal ones only`,
      );
    }
    if (other.buckets.length > this.buckets.length) this.grow(other.buckets.length - 1);
    for (let index = 0; index < other.buckets.length; index++) this.buckets[index] += other.buckets[index];
    this.zeros += other.zeros;
    this.values += other.values;
    this.total += other.total;
    this.smallest = Math.min(this.smallest, other.smallest);
    this.largest = Math.max(this.largest, other.largest);
  }

  private grow(index: number): void {
    const larger = new Float64Array(Math.max(index + 1, this.buckets.length * 2));
    larger.set(this.buckets);
    this.buckets = larger;
  }
}
