import { findInstanceType } from '../catalog/instance-types';
import type { ModelServerConfig } from './model-server';

/** A server that knows over how many accelerators it spreads a model, and why it cannot. */
export interface SpreadServer {
  readonly server: ModelServerConfig;
  readonly problems: readonly string[];
}

/**
 * Spreads a language model over all accelerators that its copy has: vLLM itself would use one and leave the others idle. Servers that are
 * told a degree, and those that know none, stay as they are.
 *
 * @param accelerators those of a component's copy; left out for whole instances
 */
export function spread(
  server: ModelServerConfig,
  instanceTypes: readonly string[],
  accelerators?: number,
): SpreadServer {
  const { tensorParallelVariable, tensorParallelDegree } = server;
  if (tensorParallelDegree !== undefined) {
    return { server, problems: accelerators === undefined ? [] : checkCopy(tensorParallelDegree, accelerators) };
  }
  if (tensorParallelVariable === undefined) return { server, problems: [] };
  const counts = accelerators === undefined ? acceleratorCounts(instanceTypes) : [accelerators];
  const [degree] = counts;
  if (counts.length > 1) {
    return {
      server,
      problems: [
        `pools have ${counts.join(' and ')} accelerators, and the model server is told one number for all of them; set ` +
          'tensorParallelDegree, or choose types with as many',
      ],
    };
  }
  if (degree === undefined || degree === 1) return { server, problems: [] };
  const environment = { ...server.environment };
  environment[tensorParallelVariable] ??= String(degree);
  return { server: { ...server, environment, tensorParallelDegree: degree }, problems: [] };
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
