import type { FleetBlueprint } from '../blueprint';
import type { InstancePrices } from './billing';

/**
 * USD an hour that a fleet costs at any time, whatever happens: its lowest minimum at the price of its cheapest type.
 *
 * 0 for copies of a component, whose instances do not follow the copies one by one, and where an instance type may lack capacity.
 */
export function leastUsdPerHour(blueprint: FleetBlueprint, prices: InstancePrices, lacksCapacity: boolean): number {
  const { plan, pools, placement, resourceId, guard } = blueprint;
  if (placement !== undefined || lacksCapacity) return 0;
  // A guard lowers the limits to the floor at most, and restores those of its own plan.
  const guarded = guard?.plan.fleets.find((fleet) => fleet.resourceId === resourceId);
  const minimum = Math.min(
    plan.minCapacity,
    ...plan.schedules.map(({ minCapacity }) => minCapacity ?? Infinity),
    guarded?.protectedFloor ?? Infinity,
    guarded?.minCapacity ?? Infinity,
  );
  return minimum * Math.min(...pools.map(({ instanceType }) => prices[instanceType]!));
}
