import { clampCapacity, type CapacityPolicy } from './policy';

/** A number of instances that never changes. */
export function constantPolicy(name: string, instances: number): CapacityPolicy {
  return {
    name,
    everySeconds: 3600,
    play(settings) {
      const capacity = clampCapacity(instances, settings);
      return { initial: () => capacity, decide: () => capacity };
    },
  };
}
