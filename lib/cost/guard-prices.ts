import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { priceTable, UnknownPriceError, wayToGivePrices, type PricePurpose } from '../catalog/prices';
import { InputError } from '../core/errors';
import type { CostGuardProps } from './cost-guard-props';
import { priceOverrides } from './price-file';

/** Prices of some instance types, or the problems: a type without a price is never free. */
export type PricesFound = { readonly prices: { [instanceType: string]: number } } | { readonly problems: string[] };

/** Looks up prices: first in the props, then in the price file, then in the dated table of the region. */
export function findPrices(
  scope: Construct,
  props: CostGuardProps,
  instanceTypes: readonly string[],
  purpose: PricePurpose,
): PricesFound {
  const given = { ...props.pricesPerHourUsd, ...(purpose === 'training' ? props.trainingPricesPerHourUsd : {}) };
  const missing = instanceTypes.filter((type) => !(type in given));
  const region = props.pricingRegion ?? Stack.of(scope).region;
  if (missing.length > 0 && Token.isUnresolved(region))
    return {
      problems: [
        `no price for ${missing.join(', ')}: the stack's region is not known at synthesis; ` +
          `give pricingRegion, or pricesPerHourUsd for each type`,
      ],
    };
  try {
    const overrides = priceOverrides(given, props.priceFile);
    return { prices: { ...priceTable(instanceTypes, { region, purpose, overrides }) } };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const problems = error.message.split('\n');
    return {
      problems:
        error instanceof UnknownPriceError ? [...problems, wayToGivePrices(error.instanceTypes, region)] : problems,
    };
  }
}
