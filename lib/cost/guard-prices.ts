import { Stack, Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { priceTable, type PriceOverride, type PricePurpose } from '../catalog/prices';
import { InputError } from '../core/errors';
import type { CostGuardProps } from './cost-guard-props';

/** The prices of some instance types, or the problems in the way: nothing is ever free. */
export type PricesFound = { readonly prices: { [instanceType: string]: number } } | { readonly problems: string[] };

/** Looks prices up: what the props give first, then the dated table of the region. */
export function findPrices(
  scope: Construct,
  props: CostGuardProps,
  instanceTypes: readonly string[],
  purpose: PricePurpose,
): PricesFound {
  const given = { ...props.pricesPerHourUsd, ...(purpose === 'training' ? props.trainingPricesPerHourUsd : {}) };
  const overrides = Object.entries(given).map(([instanceType, usdPerHour]): PriceOverride => ({
    instanceType,
    usdPerHour,
  }));
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
    return { prices: { ...priceTable(instanceTypes, { region, purpose, overrides }) } };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { problems: error.message.split('\n') };
  }
}
