import { instancePrice, UnknownPriceError } from '../../catalog/prices';
import { InputError } from '../../core/errors';
import { SECONDS_PER_HOUR } from '../../core/time';
import type { RequestEngine } from '../fleet';
import type { CopyPlacement, FleetBlueprint } from '../blueprint';

/** Hours in a month, for prices per month. */
export const HOURS_PER_MONTH = 730;

/** USD per instance-hour, by instance type. */
export type InstancePrices = { readonly [instanceType: string]: number };

/**
 * Prices of every instance type of a fleet: those given, else those of its guard, else those of the dated table.
 *
 * @throws InputError naming every type without a valid price.
 */
export function fleetPrices(blueprint: FleetBlueprint, given: InstancePrices = {}): InstancePrices {
  const guarded = blueprint.guard?.plan.fleets.find(({ resourceId }) => resourceId === blueprint.resourceId);
  const prices: { [instanceType: string]: number } = {};
  const problems: string[] = [];
  const unknown: string[] = [];
  for (const { instanceType } of blueprint.pools) {
    const known = given[instanceType] ?? guarded?.pricesPerHourUsd[instanceType];
    if (known !== undefined) {
      if (!(known > 0 && known < Infinity))
        problems.push(`the price of ${instanceType} (${known}) must be above 0 USD`);
      prices[instanceType] = known;
      continue;
    }
    try {
      prices[instanceType] = instancePrice({ instanceType, region: blueprint.region }).usdPerHour;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(error.message);
      if (error instanceof UnknownPriceError) unknown.push(instanceType);
    }
  }
  const message = `${blueprint.resourceId}: ${problems.join('\n')}`;
  if (unknown.length > 0) throw new UnknownPriceError(message, unknown);
  if (problems.length > 0) throw new InputError(message);
  return prices;
}

/** Notes on types that the guard meters at another price than the bill: it keeps the prices it is deployed with. */
export function guardPriceNotes({ guard, resourceId, pools }: FleetBlueprint, prices: InstancePrices): string[] {
  const guarded = guard?.plan.fleets.find((fleet) => fleet.resourceId === resourceId)?.pricesPerHourUsd ?? {};
  return pools.flatMap(({ instanceType }) => {
    const known = guarded[instanceType];
    if (known === undefined || known === prices[instanceType]) return [];
    return [`the guard meters ${instanceType} at ${known} USD an hour; the bill uses ${prices[instanceType]} USD`];
  });
}

/** Cost of a fleet, from launch to termination of every instance. */
export interface Bill {
  readonly usd: number;
  readonly instanceSeconds: { readonly [instanceType: string]: number };
}

/** Meters the instances of one fleet. Moments are seconds from the start of the run. */
export interface Billing {
  /** Instances billed at present. */
  readonly instances: number;
  /** Takes note that the fleet's capacity has changed. */
  capacityChanged(second: number): void;
  /** Bill from the start to a moment. */
  bill(second: number): Bill;
}

/** Billing of a fleet whose capacity is instances. */
export function instanceBilling({ roster }: RequestEngine, prices: InstancePrices): Billing {
  return {
    get instances() {
      return roster.billed;
    },
    capacityChanged: () => undefined,
    bill(second) {
      const instanceSeconds = roster.billedSeconds(second);
      let usd = 0;
      for (const [type, seconds] of Object.entries(instanceSeconds)) {
        usd += (seconds / SECONDS_PER_HOUR) * (prices[type] ?? 0);
      }
      return { usd, instanceSeconds };
    },
  };
}

/** Billing of the instances under the copies of a model: as many as the copies need, within their limits. */
export function componentBilling(
  { roster }: RequestEngine,
  { copiesPerInstance, minInstances, maxInstances }: CopyPlacement,
  instanceType: string,
  prices: InstancePrices,
): Billing {
  const needed = (): number =>
    Math.min(maxInstances, Math.max(minInstances, Math.ceil(roster.billed / copiesPerInstance)));
  let instances = needed();
  let since = 0;
  let seconds = 0;
  return {
    get instances() {
      return instances;
    },
    capacityChanged(second) {
      seconds += instances * (second - since);
      since = second;
      instances = needed();
    },
    bill(second) {
      const billedSeconds = seconds + instances * (second - since);
      return {
        usd: (billedSeconds / SECONDS_PER_HOUR) * prices[instanceType]!,
        instanceSeconds: { [instanceType]: billedSeconds },
      };
    },
  };
}
