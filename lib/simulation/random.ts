import { InputError } from '../core/errors';

const TWO_32 = 4294967296;

/** Tables of the ziggurat method (Marsaglia and Tsang 2000) for the exponential distribution, 256 layers. */
const EXPONENTIAL_EDGE = 7.69711747013104972;
const EXPONENTIAL_AREA = 3.949659822581572e-3;
const exponentialLimit = new Uint32Array(256);
const exponentialScale = new Float64Array(256);
const exponentialHeight = new Float64Array(256);
{
  let edge = EXPONENTIAL_EDGE;
  let previous = edge;
  const base = EXPONENTIAL_AREA / Math.exp(-edge);
  exponentialLimit[0] = Math.floor((edge / base) * TWO_32);
  exponentialLimit[1] = 0;
  exponentialScale[0] = base / TWO_32;
  exponentialScale[255] = edge / TWO_32;
  exponentialHeight[0] = 1;
  exponentialHeight[255] = Math.exp(-edge);
  for (let layer = 254; layer >= 1; layer--) {
    edge = -Math.log(EXPONENTIAL_AREA / edge + Math.exp(-edge));
    exponentialLimit[layer + 1] = Math.floor((edge / previous) * TWO_32);
    previous = edge;
    exponentialHeight[layer] = Math.exp(-edge);
    exponentialScale[layer] = edge / TWO_32;
  }
}

/** Tables of the same method for the normal distribution, 128 layers on each side. */
const NORMAL_EDGE = 3.442619855899;
const NORMAL_AREA = 9.91256303526217e-3;
const normalLimit = new Float64Array(128);
const normalScale = new Float64Array(128);
const normalHeight = new Float64Array(128);
{
  let edge = NORMAL_EDGE;
  let previous = edge;
  const base = NORMAL_AREA / Math.exp(-0.5 * edge * edge);
  normalLimit[0] = (edge / base) * 2147483648;
  normalLimit[1] = 0;
  normalScale[0] = base / 2147483648;
  normalScale[127] = edge / 2147483648;
  normalHeight[0] = 1;
  normalHeight[127] = Math.exp(-0.5 * edge * edge);
  for (let layer = 126; layer >= 1; layer--) {
    edge = Math.sqrt(-2 * Math.log(NORMAL_AREA / edge + Math.exp(-0.5 * edge * edge)));
    normalLimit[layer + 1] = (edge / previous) * 2147483648;
    previous = edge;
    normalHeight[layer] = Math.exp(-0.5 * edge * edge);
    normalScale[layer] = edge / 2147483648;
  }
}

/** Mixes a 32-bit number into another, unsigned (finalizer of MurmurHash3). */
export function mixHash(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Returns a 32-bit hash of a text (FNV-1a, mixed once more), starting from another hash. */
function hashText(text: string, start = 0): number {
  let hash = 0x811c9dc5 ^ start;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mixHash(hash);
}

/** Returns the seed as text; refuses NaN and infinite numbers. */
function seedText(seed: number | string): string {
  if (typeof seed === 'number' && !Number.isFinite(seed)) {
    throw new InputError(`seed is ${seed}; give a finite number, for example 1`);
  }
  return String(seed);
}

/** The generator sfc32, and draws that both of its fronts make the same way. */
abstract class Sfc32 {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** Returns a number above 0 and at most 1. */
  protected abstract aboveZero(): number;

  /** Returns a normally distributed number with mean 0 and deviation 1. */
  public abstract normal(): number;

  /** Returns the next 32 bits, as a signed number. */
  public next(): number {
    const result = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result;
  }

  /** Returns a gamma distributed number with mean `shape * scale` (Marsaglia and Tsang 2000). */
  public gamma(shape: number, scale = 1): number {
    if (shape < 1) return this.gamma(shape + 1, scale) * Math.pow(this.aboveZero(), 1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const root = 1 + c * x;
      if (root <= 0) continue;
      const v = root * root * root;
      if (Math.log(this.aboveZero()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v * scale;
    }
  }

  /** Starts the stream of a 96-bit state and discards its first numbers. */
  protected restart(a: number, b: number, c: number, discarded: number): void {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    this.counter = 1;
    for (let round = 0; round < discarded; round++) this.next();
  }
}

/**
 * Seeded random numbers with 53-bit uniforms and named sub-streams. The same seed gives the same numbers on every machine.
 *
 * Not for secrets: the numbers are predictable by design. The inner loops use {@link FastRandom}.
 */
export class Random extends Sfc32 {
  private readonly seed: string;
  private spareNormal: number | undefined;

  /**
   * @param seed any finite number or any text; equal seeds give equal streams.
   * @throws InputError when the seed is NaN or infinite.
   */
  public constructor(seed: number | string) {
    super();
    this.seed = seedText(seed);
    this.begin(hashText(this.seed), hashText(this.seed, 0x9e3779b9), hashText(this.seed, 0x3c6ef372));
  }

  /** Returns a number from 0 (included) to 1 (excluded) with 53 random bits. */
  public uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Returns a whole number from 0 (included) to `limit` (excluded). */
  public integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** Returns a normally distributed number (polar method of Marsaglia). */
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

  /** Returns a lognormal number: `median * exp(sigma * normal)`. Its mean is `median * exp(sigma^2 / 2)`. */
  public lognormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal());
  }

  /** Returns an exponentially distributed number with the given mean. */
  public exponential(mean = 1): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /**
   * Returns an independent stream named by a label. It depends on the seed and the label only, not on the numbers drawn before: an added
   * draw in one place changes nothing elsewhere, and the same label gives the same stream again.
   */
  public fork(label: string | number): Random {
    return new Random(`${this.seed}/${label}`);
  }

  /**
   * Turns this object into the stream of one step of a long series, without creating an object: the stream depends on
   * the seed and the step's number only.
   */
  public restartAt(step: number): void {
    const start = hashText(this.seed, mixHash(step >>> 0) ^ Math.floor(step / TWO_32));
    this.begin(start, mixHash(start ^ 0x9e3779b9), mixHash(start ^ 0x3c6ef372));
  }

  protected aboveZero(): number {
    return 1 - this.uniform();
  }

  private begin(a: number, b: number, c: number): void {
    this.spareNormal = undefined;
    this.restart(a, b, c, 12);
  }
}

/**
 * Seeded random numbers for the inner loops, with 32-bit uniforms and ziggurat draws. The same seed and step give the same numbers on
 * every machine.
 */
export class FastRandom extends Sfc32 {
  private readonly base: number;

  /** @throws InputError when the seed is NaN or infinite. */
  public constructor(seed: number | string) {
    super();
    this.base = hashText(seedText(seed)) | 0;
    this.restartAt(0);
  }

  /** Starts the stream of one step of a long series; it depends on the seed and the step's number only. */
  public restartAt(step: number): void {
    const start = mixHash(this.base ^ mixHash((step | 0) + 0x632be5ab)) ^ Math.floor(step / TWO_32);
    this.restart(start, mixHash(start ^ 0x9e3779b9), mixHash(start ^ 0x3c6ef372), 10);
  }

  /** Returns a number above 0 and below 1. */
  public uniform(): number {
    return ((this.next() >>> 0) + 0.5) / TWO_32;
  }

  /** Returns a whole number from 0 (included) to `limit` (excluded). */
  public integer(limit: number): number {
    return Math.floor(((this.next() >>> 0) / TWO_32) * limit);
  }

  /** Returns an exponentially distributed number with mean 1. */
  public exponential(): number {
    for (;;) {
      const bits = this.next() >>> 0;
      const layer = this.next() & 255;
      if (bits < exponentialLimit[layer]) return bits * exponentialScale[layer];
      if (layer === 0) return EXPONENTIAL_EDGE - Math.log(this.uniform());
      const value = bits * exponentialScale[layer];
      const height = exponentialHeight[layer];
      if (height + this.uniform() * (exponentialHeight[layer - 1] - height) < Math.exp(-value)) return value;
    }
  }

  /** Returns a normally distributed number with mean 0 and deviation 1. */
  public normal(): number {
    for (;;) {
      const bits = this.next();
      const layer = this.next() & 127;
      if ((bits < 0 ? -bits : bits) < normalLimit[layer]) return bits * normalScale[layer];
      if (layer === 0) {
        let beyond: number;
        let depth: number;
        do {
          beyond = -Math.log(this.uniform()) / NORMAL_EDGE;
          depth = -Math.log(this.uniform());
        } while (depth + depth < beyond * beyond);
        return bits > 0 ? NORMAL_EDGE + beyond : -NORMAL_EDGE - beyond;
      }
      const value = bits * normalScale[layer];
      const height = normalHeight[layer];
      if (height + this.uniform() * (normalHeight[layer - 1] - height) < Math.exp(-0.5 * value * value)) return value;
    }
  }

  protected aboveZero(): number {
    return this.uniform();
  }
}
