import { clampCapacity, type CapacityPolicy } from './policy';

/** Constant number of instances. */
export function constantPolicy(name: string, instances: number): CapacityPolicy {
  return {
    name,
    everySeconds: 3600,
    start(settings) {
      const capacity = clampCapacity(instances, settings);
      return { initial: () => capacity, decide: () => capacity };
    },
  };
}
