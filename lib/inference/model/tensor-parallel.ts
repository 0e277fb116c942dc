import { findInstanceType } from '../../catalog/instance-types';
import type { Resolved } from '../value-checks';
import type { ModelServerConfig } from './model-server';

/**
 * Spreads a language model over all accelerators of its copy: by default vLLM uses one and leaves the others idle. Servers with a given
 * degree, and those without the concept, stay as they are.
 *
 * @param accelerators accelerators of a component's copy; undefined for whole instances
 */
export function resolveTensorParallel(
  server: ModelServerConfig,
  instanceTypes: readonly string[],
  accelerators?: number,
): Resolved<ModelServerConfig> {
  const { tensorParallelVariable, tensorParallelDegree } = server;
  if (tensorParallelDegree !== undefined) {
    return { value: server, problems: accelerators === undefined ? [] : checkCopy(tensorParallelDegree, accelerators) };
  }
  if (tensorParallelVariable === undefined) return { value: server, problems: [] };
  const counts = accelerators === undefined ? acceleratorCounts(instanceTypes) : [accelerators];
  const [degree] = counts;
  if (counts.length > 1) {
    return {
      value: server,
      problems: [
        `pools have ${counts.join(' and ')} accelerators, and the model server takes one number for all of them; set ` +
          'tensorParallelDegree, or choose types with the same number',
      ],
    };
  }
  if (degree === undefined || degree === 1) return { value: server, problems: [] };
  const environment = { ...server.environment };
  environment[tensorParallelVariable] ??= String(degree);
  return { value: { ...server, environment, tensorParallelDegree: degree }, problems: [] };
}

function acceleratorCounts(instanceTypes: readonly string[]): number[] {
  const counts = instanceTypes.flatMap((name) => findInstanceType(name)?.accelerator?.count ?? []);
  return [...new Set(counts)].sort((one, other) => one - other);
}

function checkCopy(tensorParallelDegree: number, accelerators: number): string[] {
  if (tensorParallelDegree <= accelerators) return [];
  return [
    `tensorParallelDegree (${tensorParallelDegree}) is more than the accelerators of one copy (${accelerators}); raise accelerators or lower it`,
  ];
}
