import { InputError } from './errors';

function checkQuantile(q: number): void {
  if (!(q >= 0 && q <= 1)) throw new InputError(`the quantile is ${q}; it must be a number from 0 to 1`);
}

/** The arithmetic mean; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index];
  return sum / values.length;
}

/**
 * A quantile of values in any order, interpolated linearly between neighbours (type 7 of Hyndman and Fan, as in NumPy and
 * spreadsheets). NaN for no values.
 *
 * @param q from 0 (the least) to 1 (the greatest).
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

/** Mean and variance of values that come one at a time (Welford 1962), without keeping them. */
export class RunningMoments {
  private values = 0;
  private average = 0;
  private squares = 0;

  public get count(): number {
    return this.values;
  }

  /** The mean so far; NaN before the first value. */
  public get mean(): number {
    return this.values === 0 ? NaN : this.average;
  }

  /** The sample variance so far (divided by n - 1); NaN before the second value. */
  public get variance(): number {
    return this.values < 2 ? NaN : this.squares / (this.values - 1);
  }

  public add(value: number): void {
    this.values++;
    const distance = value - this.average;
    this.average += distance / this.values;
    this.squares += distance * (value - this.average);
  }
}

/** Values this small count as 0 in a sketch. */
const LEAST_VALUE = 1e-9;

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
  private least = Infinity;
  private greatest = -Infinity;

  /**
   * @param relativeError the greatest distance of an answer from a true value of that rank, as a share of it.
   * @throws InputError when it is not between 0.0001 and 0.5.
   */
  public constructor(private readonly relativeError = 0.01) {
    if (!(relativeError >= 0.0001 && relativeError <= 0.5)) {
      throw new InputError(`relativeError is ${relativeError}; it must be a number from 0.0001 to 0.5`);
    }
    this.gamma = (1 + relativeError) / (1 - relativeError);
    this.scale = 1 / Math.log(this.gamma);
    this.offset = Math.ceil(Math.log(LEAST_VALUE) * this.scale);
  }

  public get count(): number {
    return this.values;
  }

  public get sum(): number {
    return this.total;
  }

  /** The mean; NaN before the first value. */
  public get mean(): number {
    return this.values === 0 ? NaN : this.total / this.values;
  }

  /** The least value; NaN before the first. */
  public get minimum(): number {
    return this.values === 0 ? NaN : this.least;
  }

  /** The greatest value; NaN before the first. */
  public get maximum(): number {
    return this.values === 0 ? NaN : this.greatest;
  }

  /** @throws InputError when the value is negative, NaN or infinite. */
  public add(value: number): void {
    if (!(value >= 0 && value < Infinity)) {
      throw new InputError(`the value is ${value}; a quantile sketch takes finite numbers of at least 0`);
    }
    this.values++;
    this.total += value;
    if (value < this.least) this.least = value;
    if (value > this.greatest) this.greatest = value;
    if (value < LEAST_VALUE) {
      this.zeros++;
      return;
    }
    const index = Math.max(0, Math.ceil(Math.log(value) * this.scale) - this.offset);
    if (index >= this.buckets.length) this.grow(index);
    this.buckets[index]++;
  }

  /**
   * The value at a rank, within the relative error; NaN before the first value.
   *
   * @throws InputError when `q` is outside 0 to 1.
   */
  public quantile(q: number): number {
    checkQuantile(q);
    if (this.values === 0) return NaN;
    if (q === 0) return this.least;
    if (q === 1) return this.greatest;
    const rank = q * (this.values - 1);
    let seen = this.zeros;
    if (seen > rank) return 0;
    for (let index = 0; index < this.buckets.length; index++) {
      seen += this.buckets[index];
      if (seen > rank) {
        const value = (2 * Math.exp((index + this.offset) / this.scale)) / (this.gamma + 1);
        return Math.min(this.greatest, Math.max(this.least, value));
      }
    }
    return this.greatest;
  }

  /**
   * Takes in everything another sketch has seen.
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
    this.least = Math.min(this.least, other.least);
    this.greatest = Math.max(this.greatest, other.greatest);
  }

  private grow(index: number): void {
    const larger = new Float64Array(Math.max(index + 1, this.buckets.length * 2));
    larger.set(this.buckets);
    this.buckets = larger;
  }
}
