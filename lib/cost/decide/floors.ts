import { SECONDS_PER_HOUR } from '../../core/time';
import { highestPrice, type HourlyPrices } from './meter';

/** Hours of the longest month, which a monthly budget has to cover. */
export const HOURS_PER_LONGEST_MONTH = 31 * 24;

/** Part of a fleet that the guard never takes away. */
export interface ProtectedCapacity {
  readonly resourceId: string;
  /** Number of instances that the guard leaves the fleet; of a fleet that it never limits, the maximum. */
  readonly protectedFloor: number;
  readonly pricesPerHourUsd: HourlyPrices;
}

/**
 * Returns the hourly cost of a fleet's protected floor, in USD, at the dearest price of its instance types: when the first type of a pool
 * has no capacity, the floor runs on another one.
 */
export function floorRate({ protectedFloor, pricesPerHourUsd }: Omit<ProtectedCapacity, 'resourceId'>): number {
  return protectedFloor * highestPrice(pricesPerHourUsd);
}

/** Returns the cost of every fleet's protected floor for some seconds, in USD. */
export function floorsUsd(fleets: readonly ProtectedCapacity[], seconds: number): number {
  const rate = fleets.reduce((sum, fleet) => sum + floorRate(fleet), 0);
  return (rate * Math.max(0, seconds)) / SECONDS_PER_HOUR;
}

/**
 * Returns the problem of a budget that the protected floors alone spend, with the sum; none if they leave something.
 *
 * @param where words for the budget, for example `budgetUsd (500)`
 */
export function checkFloors(
  where: string,
  budgetUsd: number,
  fleets: readonly ProtectedCapacity[],
  hours: number,
): readonly string[] {
  const totalUsd = floorsUsd(fleets, hours * SECONDS_PER_HOUR);
  if (totalUsd < budgetUsd || totalUsd === 0) return [];
  const sums = fleets
    .filter((fleet) => floorRate(fleet) > 0)
    .map((fleet) => {
      const { resourceId, protectedFloor, pricesPerHourUsd } = fleet;
      const cost = floorsUsd([fleet], hours * SECONDS_PER_HOUR);
      const price = highestPrice(pricesPerHourUsd);
      return `${resourceId}: ${protectedFloor} x ${price} USD/h x ${Number(hours.toFixed(2))} h = ${cost.toFixed(2)} USD`;
    });
  const total = sums.length === 1 ? '' : `; together ${totalUsd.toFixed(2)} USD`;
  return [
    `${where} is spent by the protected floors alone (${sums.join(', ')}${total}); ` +
      `give more than ${Math.ceil(totalUsd)} USD, or lower protectedFloor`,
  ];
}
