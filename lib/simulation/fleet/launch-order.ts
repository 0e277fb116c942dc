import type { CapacityState, FleetPool } from './fleet-options';

/** Instances that no pool could launch. */
export interface LaunchShortfall {
  readonly missing: number;
  /** Types tried without success, in order of priority. */
  readonly refusedTypes: readonly string[];
}

/** Launches instances pool by pool, the lowest priority number first; types without capacity are skipped. */
export class LaunchOrder {
  private readonly states = new Map<string, CapacityState>();

  /** Sets the capacity of an instance type, for launches from now on. */
  public setCapacity(instanceType: string, state: CapacityState): void {
    this.states.set(instanceType, state);
  }

  /**
   * Launches a number of instances; returns those that no pool had capacity for, undefined if all were launched.
   *
   * @param pools in order of priority, see {@link byPriority}
   * @param room maximum number of further instances; evaluated for each pool
   * @param launch launches one instance; receives the types of preferred pools that had no capacity
   */
  public launch(
    pools: readonly FleetPool[],
    count: number,
    room: () => number,
    launch: (pool: FleetPool, refusedTypes: readonly string[]) => void,
  ): LaunchShortfall | undefined {
    let missing = count;
    let refusedTypes: readonly string[] = [];
    for (const pool of pools) {
      if (this.states.get(pool.instanceType) !== 'insufficient') {
        const launches = Math.min(missing, Math.max(0, room()));
        for (let index = 0; index < launches; index++) launch(pool, refusedTypes);
        missing -= launches;
      }
      if (missing === 0) return undefined;
      refusedTypes = [...refusedTypes, pool.instanceType];
    }
    return { missing, refusedTypes };
  }
}

/** Returns the pools in the order in which launches try them. */
export function byPriority(pools: readonly FleetPool[]): FleetPool[] {
  return [...pools].sort((a, b) => a.priority - b.priority);
}
