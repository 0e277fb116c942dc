import { instancePrice } from '../../catalog/prices';
import { LOCAL_REGION } from '../engine/credentials';

export type PricePurpose = 'hosting' | 'training';

/** USD for one instance of a type for one hour; throws an InputError when the price is not known, and is never 0. */
export type PricePerHour = (instanceType: string, purpose: PricePurpose) => number;

/** The dated price table of the catalog, in the local region. */
export const catalogPrice: PricePerHour = (instanceType, purpose) =>
  instancePrice({ instanceType, region: LOCAL_REGION, purpose }).usdPerHour;

/** What instance seconds cost. */
export function costOf(
  secondsByType: { readonly [instanceType: string]: number },
  purpose: PricePurpose,
  priceOf: PricePerHour,
): number {
  let usd = 0;
  for (const [instanceType, seconds] of Object.entries(secondsByType)) {
    if (seconds > 0) usd += (seconds / 3600) * priceOf(instanceType, purpose);
  }
  return usd;
}
