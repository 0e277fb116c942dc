import { instancePrice } from '../../catalog/prices';
import { InputError } from '../../core/errors';
import { SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import type { RequestEngine } from '../fleet';
import type { ComponentPlacement, FleetBlueprint } from '../template';

/** The hours of a month, as prices per month count them. */
export const HOURS_PER_MONTH = 730;

/** USD per instance-hour of every type of a fleet: what the caller gives, what its guard was told, or the dated table. */
export function fleetPrices(
  blueprint: FleetBlueprint,
  given: { readonly [instanceType: string]: number } = {},
): { readonly [instanceType: string]: number } {
  const guarded = blueprint.guard?.plan.fleets.find(({ resourceId }) => resourceId === blueprint.resourceId);
  const prices: { [instanceType: string]: number } = {};
  const problems: string[] = [];
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
    }
  }
  if (problems.length > 0) throw new InputError(`${blueprint.resourceId}: ${problems.join('\n')}`);
  return prices;
}

/** Where the guard counts with other prices than the bill: it goes by those it is deployed with. */
export function guardPriceNotes(
  { guard, resourceId, pools }: FleetBlueprint,
  prices: { readonly [instanceType: string]: number },
): string[] {
  const guarded = guard?.plan.fleets.find((fleet) => fleet.resourceId === resourceId)?.pricesPerHourUsd ?? {};
  return pools.flatMap(({ instanceType }) => {
    const known = guarded[instanceType];
    if (known === undefined || known === prices[instanceType]) return [];
    return [`the guard counts ${instanceType} at ${known} USD an hour and the bill at ${prices[instanceType]} USD`];
  });
}

/** What a fleet has cost, from launch to termination of every instance. */
export interface Bill {
  readonly usd: number;
  readonly instanceSeconds: { readonly [instanceType: string]: number };
}

/** The bill of a fleet whose capacity is instances. */
export function instanceBill(
  engine: RequestEngine,
  at: EpochSeconds,
  prices: { readonly [instanceType: string]: number },
): Bill {
  const instanceSeconds = engine.roster.billedSeconds(at);
  let usd = 0;
  for (const [type, seconds] of Object.entries(instanceSeconds))
    usd += (seconds / SECONDS_PER_HOUR) * (prices[type] ?? 0);
  return { usd, instanceSeconds };
}

/** The instances under copies of a model, and what they cost: as many as the copies need, between the declared limits. */
export class ComponentBill {
  private from: EpochSeconds;
  private instances: number;
  private seconds = 0;

  public constructor(
    private readonly placement: ComponentPlacement,
    copies: number,
    at: EpochSeconds,
  ) {
    this.from = at;
    this.instances = this.needed(copies);
  }

  public get present(): number {
    return this.instances;
  }

  public change(copies: number, at: EpochSeconds): void {
    this.seconds += this.instances * (at - this.from);
    this.from = at;
    this.instances = this.needed(copies);
  }

  public bill(at: EpochSeconds, instanceType: string, priceUsd: number): Bill {
    const seconds = this.seconds + this.instances * (at - this.from);
    return { usd: (seconds / SECONDS_PER_HOUR) * priceUsd, instanceSeconds: { [instanceType]: seconds } };
  }

  private needed(copies: number): number {
    const { copiesPerInstance, minInstances, maxInstances } = this.placement;
    return Math.min(maxInstances, Math.max(minInstances, Math.ceil(copies / copiesPerInstance)));
  }
}
