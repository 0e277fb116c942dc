import { findInstanceType } from '../../catalog/instance-types';
import type { ModelMemoryNeeds } from './model-server-options';

/** Default share of the accelerator's memory that vLLM uses (`gpu_memory_utilization`). */
const USABLE_RATIO = 0.9;

/** Memory of one copy in GB (10^9 bytes). */
export interface MemoryNeed {
  readonly weightsGb: number;
  readonly cacheGb: number;
}

/**
 * Weights are parameters × bytes; the KV cache is 2 (key and value) × layers × heads × head dimension × bytes for each token, of
 * sequences × context tokens at once.
 */
export function memoryNeed(needs: ModelMemoryNeeds): MemoryNeed {
  const bytesPerToken = 2 * needs.layers * needs.keyValueHeads * needs.headDimension * (needs.bytesPerCacheValue ?? 2);
  return {
    weightsGb: needs.billionParameters * (needs.bytesPerParameter ?? 2),
    cacheGb: (bytesPerToken * (needs.maxContextTokens ?? 4096) * (needs.maxSequences ?? 1)) / 1e9,
  };
}

/** A problem for each instance type that cannot hold the model, with the arithmetic; another check reports types without accelerators. */
export function checkMemoryFit(
  needs: ModelMemoryNeeds,
  instanceTypes: readonly string[],
  acceleratorsPerCopy?: number,
): string[] {
  const invalid = Object.entries(needs).filter(([, value]) => !(Number.isFinite(value) && (value as number) > 0));
  if (invalid.length > 0) {
    return invalid.map(([name, value]) => `memory.${name} (${String(value)}) must be a number above 0`);
  }
  const { weightsGb, cacheGb } = memoryNeed(needs);
  return [...new Set(instanceTypes)].flatMap((name) => {
    const accelerator = findInstanceType(name)?.accelerator;
    if (accelerator === undefined) return [];
    const used = acceleratorsPerCopy ?? accelerator.count;
    if (used > accelerator.count) {
      return [
        `tensorParallelDegree (${used}) is more than the accelerators of ${name} (${accelerator.count}); lower it or use a larger type`,
      ];
    }
    const usableGb = used * accelerator.memoryGb * USABLE_RATIO;
    if (weightsGb + cacheGb <= usableGb) return [];
    return [
      `${name} cannot hold the model: weights ${gb(weightsGb)} (${needs.billionParameters} billion × ${needs.bytesPerParameter ?? 2} bytes) ` +
        `+ KV cache ${gb(cacheGb)} (${needs.maxSequences ?? 1} sequences × ${needs.maxContextTokens ?? 4096} tokens) = ` +
        `${gb(weightsGb + cacheGb)}, above ${gb(usableGb)} (${used} × ${accelerator.name} ${accelerator.memoryGb} GB × ${USABLE_RATIO}); ` +
        `${used < accelerator.count ? `raise tensorParallelDegree (${name} has ${accelerator.count}), ` : ''}` +
        'use a larger type, quantize the weights, or lower maxSequences or maxContextTokens',
    ];
  });
}

function gb(value: number): string {
  return `${value.toFixed(1)} GB`;
}
