import * as fc from 'fast-check';
import { checkMemoryFit, memoryNeed } from '../../../lib/inference/model/memory-fit';

/** Llama 3.1 8B: 32 layers, 8 key-value heads of 128. */
const EIGHT_BILLION = { billionParameters: 8, layers: 32, keyValueHeads: 8, headDimension: 128 };

describe('the memory of a model', () => {
  test('is its weights and its KV cache', () => {
    // 2 x 32 x 8 x 128 x 2 = 131,072 bytes a token; x 8,192 x 16 = 17.18 GB.
    const need = memoryNeed({ ...EIGHT_BILLION, maxContextTokens: 8192, maxSequences: 16 });
    expect(need.weightsGb).toBe(16);
    expect(need.cacheGb).toBeCloseTo(17.18, 2);
  });

  test('is refused with the arithmetic where an instance cannot hold it', () => {
    const needs = { ...EIGHT_BILLION, maxContextTokens: 8192, maxSequences: 16 };
    const [problem, ...others] = checkMemoryFit(needs, ['ml.g5.xlarge', 'ml.g6e.xlarge', 'ml.g5.12xlarge']);
    expect(others).toEqual([]);
    // 24 GB x 0.9 = 21.6 GB; the L40S has 43.2 GB and four A10G 86.4 GB.
    expect(problem).toBe(
      'ml.g5.xlarge cannot hold the model: weights 16.0 GB (8 billion × 2 bytes) + KV cache 17.2 GB (16 sequences × 8192 tokens) = ' +
        '33.2 GB, above 21.6 GB (1 × A10G 24 GB × 0.9); use a larger type, quantize the weights, or lower maxSequences or maxContextTokens',
    );
  });

  test('fits once the weights are quantised', () => {
    expect(checkMemoryFit({ ...EIGHT_BILLION, bytesPerParameter: 0.5 }, ['ml.g5.xlarge'])).toEqual([]);
  });

  test('counts only the accelerators that a copy is spread over', () => {
    const needs = { ...EIGHT_BILLION, billionParameters: 20 };
    expect(checkMemoryFit(needs, ['ml.g5.12xlarge'])).toEqual([]);
    expect(checkMemoryFit(needs, ['ml.g5.12xlarge'], 1)[0]).toContain('1 × A10G 24 GB');
    expect(checkMemoryFit(needs, ['ml.g5.xlarge'], 2)[0]).toContain('more than the accelerators of ml.g5.xlarge (1)');
  });

  test('names numbers that are none', () => {
    expect(checkMemoryFit({ ...EIGHT_BILLION, layers: 0 }, ['ml.g5.xlarge'])).toEqual([
      'memory.layers (0) must be a number above 0',
    ]);
  });

  test('never fits less when it needs less', () => {
    const size = fc.double({ min: 0.1, max: 400, noNaN: true });
    fc.assert(
      fc.property(size, size, (one, other) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)];
        const problems = (billionParameters: number): number =>
          checkMemoryFit({ ...EIGHT_BILLION, billionParameters }, ['ml.g5.xlarge', 'ml.p5.48xlarge']).length;
        expect(problems(small)).toBeLessThanOrEqual(problems(large));
      }),
    );
  });
});
