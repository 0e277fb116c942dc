import { InputError } from '../../lib/core/errors';
import { mean } from '../../lib/core/statistics';
import { Random } from '../../lib/simulation/random';

const DRAWS = 100_000;

function moments(draw: () => number): { readonly mean: number; readonly variance: number } {
  const values = Float64Array.from({ length: DRAWS }, draw);
  const average = mean(values);
  return { mean: average, variance: mean(values.map((value) => (value - average) ** 2)) };
}

function numbers(random: Random, count = 5): number[] {
  return Array.from({ length: count }, () => random.uniform());
}

describe('Random', () => {
  test('gives the same numbers for the same seed and others for another', () => {
    expect(numbers(new Random(7))).toEqual(numbers(new Random(7)));
    expect(numbers(new Random(7))).not.toEqual(numbers(new Random(8)));
    expect(numbers(new Random('a'))).not.toEqual(numbers(new Random('b')));
  });

  test('keeps its numbers from release to release', () => {
    const random = new Random(1);
    expect(Array.from({ length: 4 }, () => random.integer(1_000_000))).toEqual(GOLDEN);
  });

  // Five standard errors of the mean: 5 * sqrt(variance / draws).
  test.each([
    ['uniform', (r: Random) => r.uniform(), 1 / 2, 1 / 12],
    ['normal with mean 3 and deviation 2', (r: Random) => r.normal(3, 2), 3, 4],
    ['exponential with mean 4', (r: Random) => r.exponential(4), 4, 16],
    ['gamma with shape 3 and scale 2: mean k s, variance k s^2', (r: Random) => r.gamma(3, 2), 6, 12],
    ['gamma with shape 0.5 and scale 2', (r: Random) => r.gamma(0.5, 2), 1, 2],
    // mean = e^(s^2/2), variance = (e^(s^2) - 1) e^(s^2) with s = 0.2
    [
      'lognormal with median 1 and sigma 0.2',
      (r: Random) => r.lognormal(1, 0.2),
      Math.exp(0.02),
      (Math.exp(0.04) - 1) * Math.exp(0.04),
    ],
  ])('draws %s with the right mean and variance', (_, draw, mean, variance) => {
    const random = new Random(11);
    const found = moments(() => draw(random));
    expect(Math.abs(found.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / DRAWS));
    expect(found.variance / variance).toBeGreaterThan(0.93);
    expect(found.variance / variance).toBeLessThan(1.07);
  });

  test('stays within 0 and 1, and integers below their limit', () => {
    const random = new Random(3);
    const seen = new Set<number>();
    for (let index = 0; index < 10_000; index++) {
      const uniform = random.uniform();
      expect(uniform >= 0 && uniform < 1).toBe(true);
      seen.add(random.integer(6));
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('forks streams that depend on the seed and the label only', () => {
    const used = new Random(5);
    numbers(used, 100);
    expect(numbers(used.fork('arrivals'))).toEqual(numbers(new Random(5).fork('arrivals')));
    expect(numbers(used.fork('arrivals'))).not.toEqual(numbers(used.fork('tokens')));
  });

  test('restarts at a step whatever was drawn before', () => {
    const random = new Random(5);
    random.restartAt(12);
    const first = numbers(random);
    random.normal();
    random.restartAt(13);
    expect(numbers(random)).not.toEqual(first);
    random.restartAt(12);
    expect(numbers(random)).toEqual(first);
  });

  test('has no visible correlation between the first numbers of neighbouring steps', () => {
    const random = new Random(1);
    const firsts = Array.from({ length: 20_000 }, (_, step) => {
      random.restartAt(step);
      return random.uniform() - 0.5;
    });
    let product = 0;
    for (let index = 1; index < firsts.length; index++) product += firsts[index] * firsts[index - 1];
    // Correlation = covariance * 12; its standard error is 1 / sqrt(20000) = 0.007.
    expect(Math.abs((product / firsts.length) * 12)).toBeLessThan(0.035);
  });

  test.each([NaN, Infinity])('refuses the seed %p', (seed) => {
    expect(() => new Random(seed)).toThrow(InputError);
  });
});

/** The first four draws below a million of seed 1. */
const GOLDEN = [303_435, 200_523, 225_922, 950_845];
