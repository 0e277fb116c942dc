import { instancePrice, type PricePurpose } from '../../catalog/prices';
import { LOCAL_REGION } from '../credentials';

/** Price of one instance for one hour, USD, above 0. Throws an InputError when the price is not known. */
export type PricePerHour = (instanceType: string, purpose: PricePurpose) => number;

/** Price of the catalog's dated table, in the local region. */
export const catalogPrice: PricePerHour = (instanceType, purpose) =>
  instancePrice({ instanceType, region: LOCAL_REGION, purpose }).usdPerHour;

/** Cost of instance seconds, USD. */
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
