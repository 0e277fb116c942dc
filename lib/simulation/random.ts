import { InputError } from '../core/errors';

/** Mixes a 32-bit number into another (the finaliser of MurmurHash3). */
export function mixHash(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit hash (FNV-1a, mixed once more) of a text, starting from another hash. */
function hashText(text: string, start: number): number {
  let hash = (0x811c9dc5 ^ start) >>> 0;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return mixHash(hash);
}

/**
 * A seeded source of random numbers (sfc32). The same seed gives the same numbers on every machine.
 *
 * Not for secrets: the numbers are predictable by design.
 */
export class Random {
  private readonly seed: string;
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;
  private spareNormal: number | undefined;

  /**
   * @param seed any finite number or any text; equal seeds give equal streams.
   * @throws InputError when the seed is NaN or infinite.
   */
  public constructor(seed: number | string) {
    if (typeof seed === 'number' && !Number.isFinite(seed)) {
      throw new InputError(`seed is ${seed}; give a finite number, for example 1`);
    }
    this.seed = String(seed);
    this.restart(hashText(this.seed, 0), hashText(this.seed, 0x9e3779b9), hashText(this.seed, 0x3c6ef372));
  }

  /** A number from 0 (included) to 1 (excluded) with 53 random bits. */
  public uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A whole number from 0 (included) to `limit` (excluded). */
  public integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** A normally distributed number (polar method of Marsaglia). */
  public normal(mean = 0, standardDeviation = 1): number {
    if (this.spareNormal !== undefined) {
      const spare = this.spareNormal;
      this.spareNormal = undefined;
      return mean + standardDeviation * spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        this.spareNormal = v * factor;
        return mean + standardDeviation * u * factor;
      }
    }
  }

  /** A lognormal number: `median * exp(sigma * normal)`. Its mean is `median * exp(sigma^2 / 2)`. */
  public lognormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal());
  }

  /** An exponentially distributed number with the given mean. */
  public exponential(mean = 1): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** A gamma distributed number with mean `shape * scale` (Marsaglia and Tsang 2000). */
  public gamma(shape: number, scale = 1): number {
    if (shape < 1) return this.gamma(shape + 1, scale) * Math.pow(1 - this.uniform(), 1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const root = 1 + c * x;
      if (root <= 0) continue;
      const v = root * root * root;
      if (Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v * scale;
    }
  }

  /**
   * An independent stream named by a label. It depends on the seed and the label only, not on what was drawn before,
   * so adding a draw in one place changes nothing elsewhere; the same label gives the same stream again.
   */
  public fork(label: string | number): Random {
    return new Random(`${this.seed}/${label}`);
  }

  /**
   * Turns this object into the stream of one step of a long series, without creating an object: the stream depends on
   * the seed and the step's number only.
   */
  public restartAt(step: number): void {
    const start = hashText(this.seed, mixHash(step >>> 0) ^ Math.floor(step / 4294967296));
    this.restart(start, mixHash(start ^ 0x9e3779b9), mixHash(start ^ 0x3c6ef372));
  }

  private restart(a: number, b: number, c: number): void {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.counter = 1;
    this.spareNormal = undefined;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** The next 32 bits. */
  private next(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result;
  }
}
