import * as fc from 'fast-check';
import { InputError } from '../../lib/core/errors';
import { mean, quantile, QuantileSketch } from '../../lib/core/statistics';

describe('quantile', () => {
  // Position (n - 1) * q between sorted neighbours.
  test.each([
    ['the median of three is the middle one', [3, 1, 2], 0.5, 2],
    ['the median of four lies half way: 2 + (3 - 2) * 0.5', [4, 1, 3, 2], 0.5, 2.5],
    ['q 0.9 of 1..11 is at position 9', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 0.9, 10],
    ['q 0.25 of 0 and 10 lies at 0 + 10 * 0.25', [10, 0], 0.25, 2.5],
    ['q 0 is the least', [5, -2, 7], 0, -2],
    ['q 1 is the greatest', [5, -2, 7], 1, 7],
    ['one value is every quantile', [42], 0.3, 42],
  ])('%s', (_, values, q, expected) => {
    expect(quantile(values, q)).toBeCloseTo(expected, 12);
  });

  test('gives NaN for no values and leaves its input in order', () => {
    expect(quantile([], 0.5)).toBeNaN();
    expect(mean([])).toBeNaN();
    const values = [3, 1, 2];
    quantile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });

  test.each([-0.1, 1.1, NaN])('refuses the quantile %p', (q) => {
    expect(() => quantile([1], q)).toThrow(InputError);
    expect(() => new QuantileSketch().quantile(q)).toThrow('from 0 to 1');
  });
});

describe('QuantileSketch', () => {
  const values = fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 });

  test('is within 1 % of the value at the rank, and exact at both ends', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const sketch = new QuantileSketch();
        for (const value of list) sketch.add(value);
        const sorted = [...list].sort((a, b) => a - b);
        const truth = sorted[Math.floor(q * (sorted.length - 1))];
        expect(Math.abs(sketch.quantile(q) - truth)).toBeLessThanOrEqual(truth * 0.010001);
        expect(sketch.quantile(0)).toBe(sorted[0]);
        expect(sketch.quantile(1)).toBe(sorted[sorted.length - 1]);
      }),
    );
  });

  test('returns the same quantiles for two merged halves as for the whole', () => {
    fc.assert(
      fc.property(values, values, (first, second) => {
        const [a, b, whole] = [new QuantileSketch(), new QuantileSketch(), new QuantileSketch()];
        for (const value of first) a.add(value);
        for (const value of second) b.add(value);
        for (const value of [...first, ...second]) whole.add(value);
        a.merge(b);
        expect(a.count).toBe(whole.count);
        expect(a.sum).toBeCloseTo(whole.sum, 3);
        for (const q of [0, 0.1, 0.5, 0.9, 0.99, 1]) expect(a.quantile(q)).toBe(whole.quantile(q));
      }),
    );
  });

  test('counts zeros', () => {
    const sketch = new QuantileSketch();
    for (const value of [0, 0, 0, 8]) sketch.add(value);
    expect(sketch.quantile(0.5)).toBe(0);
    expect(sketch.quantile(0.99)).toBe(0);
    expect(sketch.maximum).toBe(8);
    expect(sketch.minimum).toBe(0);
    expect(sketch.mean).toBe(2);
  });

  test('has no quantile, mean or extremes before the first value', () => {
    const sketch = new QuantileSketch();
    for (const answer of [sketch.quantile(0.5), sketch.mean, sketch.minimum, sketch.maximum]) expect(answer).toBeNaN();
  });

  test.each([-1, NaN, Infinity])('refuses the value %p', (value) => {
    expect(() => new QuantileSketch().add(value)).toThrow(InputError);
  });

  test('refuses an unusable relative error and a sketch of another one', () => {
    expect(() => new QuantileSketch(0)).toThrow('relativeError is 0');
    expect(() => new QuantileSketch(0.01).merge(new QuantileSketch(0.02))).toThrow('merge equal ones only');
  });
});
