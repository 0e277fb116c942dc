import { InputError } from '../core/errors';
import { nearestNames } from '../core/nearest';
import { lookup } from '../core/lookup';
import { findInstanceType, unknownInstanceType } from './instance-types';

/** Date of the price lists. */
export const PRICES_AS_OF = '2026-08-17';

/** Purpose of an instance. SageMaker lists both purposes, at the same hourly rate for the families in the table. */
export type PricePurpose = 'hosting' | 'training';

/** Purposes that have prices. */
export const PURPOSES: readonly PricePurpose[] = ['hosting', 'training'];

/** Limits of a price: below, a sum of a month shows nothing, and above, it is no longer a number of dollars. */
const MIN_USD_PER_HOUR = 1e-6;
const MAX_USD_PER_HOUR = 1e6;

/** The limits of a price for messages. */
export const PRICE_RANGE = `from ${MIN_USD_PER_HOUR.toFixed(6)} to ${MAX_USD_PER_HOUR}`;

/** True for a number of USD that an hour of an instance can cost: never 0. */
export function isPrice(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= MIN_USD_PER_HOUR && value <= MAX_USD_PER_HOUR;
}

/** A price that replaces the one of the table: from a private pricing agreement, a newer price list, or for another region. */
export interface PriceOverride {
  /** For example `ml.g5.xlarge`. */
  readonly instanceType: string;
  /** USD for one instance for one hour; above 0. */
  readonly usdPerHour: number;
  /** Default every region. */
  readonly region?: string;
  /** Default both. */
  readonly purpose?: PricePurpose;
}

/** Price of one instance for one hour, with its source. */
export interface InstancePrice {
  readonly instanceType: string;
  readonly region: string;
  readonly purpose: PricePurpose;
  readonly usdPerHour: number;
  /** `override`, `listed`, or the rule that gives the price. */
  readonly source: string;
  /** Date of the price list; left out for overrides. */
  readonly asOf?: string;
}

/** Parameters of {@link instancePrice}. */
export interface PriceQuery {
  readonly instanceType: string;
  readonly region: string;
  /** Default `hosting`. */
  readonly purpose?: PricePurpose;
  readonly overrides?: readonly PriceOverride[];
}

/**
 * USD per instance-hour of SageMaker hosting, on demand, from the AWS Price List (offer `AmazonSageMaker`). Prices that could not be
 * confirmed are left out: a missing price is an error with a way out, a wrong one is a wrong bill.
 */
const HOSTING_USD_PER_HOUR: { readonly [region: string]: { readonly [instanceType: string]: number } } = {
  'us-east-1': {
    'ml.g5.xlarge': 1.408,
    'ml.g5.2xlarge': 1.515,
    'ml.g6e.xlarge': 2.61,
    'ml.g6e.2xlarge': 2.8,
    'ml.g6e.4xlarge': 3.76,
    'ml.g6e.8xlarge': 5.6607,
    'ml.g6e.12xlarge': 13.12,
    'ml.p4d.24xlarge': 25.251286,
  },
  'us-west-2': {
    'ml.g4dn.xlarge': 0.7364,
    'ml.g4dn.2xlarge': 0.94,
    'ml.g5.4xlarge': 2.03,
    'ml.g5.8xlarge': 3.06,
    'ml.g5.12xlarge': 7.09,
    'ml.g5.16xlarge': 5.12,
    'ml.g5.24xlarge': 10.18,
    'ml.g5.48xlarge': 20.36,
    'ml.g6.xlarge': 1.127,
    'ml.g6.2xlarge': 1.222,
    'ml.g6.4xlarge': 1.654,
    'ml.g6.8xlarge': 2.518,
    'ml.g6.12xlarge': 5.752,
    'ml.g6.24xlarge': 8.344,
    'ml.g6.48xlarge': 16.688,
    'ml.g6e.24xlarge': 18.83,
    'ml.g6e.48xlarge': 37.66,
    'ml.g7e.2xlarge': 4.2039,
    'ml.g7e.4xlarge': 4.9977,
    'ml.g7e.8xlarge': 6.5853,
    'ml.g7e.12xlarge': 10.3576,
    'ml.g7e.24xlarge': 20.7152,
    'ml.g7e.48xlarge': 41.4304,
    'ml.p4d.24xlarge': 25.251286,
    'ml.p5.48xlarge': 63.296,
    'ml.m5.large': 0.115,
    'ml.m5.xlarge': 0.23,
    'ml.c5.xlarge': 0.204,
  },
};

/**
 * Regions whose price lists agree wherever the table has both, so that one fills the gaps of the other. Prices of other regions differ by
 * up to half.
 */
const SAME_PRICES: { readonly [region: string]: string } = lookup({
  'us-east-1': 'us-west-2',
  'us-west-2': 'us-east-1',
});

/** Returns the regions with a price list in the table. */
export function pricedRegions(): string[] {
  return Object.keys(HOSTING_USD_PER_HOUR);
}

/** Error of instance types without a known price; a caller can add its own way to give one. */
export class UnknownPriceError extends InputError {
  public constructor(
    message: string,
    public readonly instanceTypes: readonly string[],
  ) {
    super(message);
  }
}

/**
 * Returns the price of one instance for one hour.
 *
 * In order of precedence: the most specific override, the listing of the region, the listing of the region with the same prices
 * (us-east-1 and us-west-2). Training has the hosting rate: the price lists agree for these families.
 *
 * Throws an {@link InputError} when no price is known (never 0), when the type is unknown, and when overrides are not above 0 or
 * contradict each other.
 */
export function instancePrice(query: PriceQuery): InstancePrice {
  const { instanceType, region } = query;
  const purpose = query.purpose ?? 'hosting';
  const overridden = overridingPrice(query.overrides ?? [], instanceType, region, purpose);
  if (overridden !== undefined) return { instanceType, region, purpose, usdPerHour: overridden, source: 'override' };

  if (findInstanceType(instanceType) === undefined) throw new InputError(unknownInstanceType(instanceType));
  const training = purpose === 'training' ? ', at the hosting rate' : '';
  const listed = HOSTING_USD_PER_HOUR[region]?.[instanceType];
  if (listed !== undefined) {
    return { instanceType, region, purpose, usdPerHour: listed, source: `listed${training}`, asOf: PRICES_AS_OF };
  }
  const twin = SAME_PRICES[region];
  const borrowed = twin === undefined ? undefined : HOSTING_USD_PER_HOUR[twin]?.[instanceType];
  if (borrowed !== undefined) {
    const source = `listed for ${twin}, which has the same prices${training}`;
    return { instanceType, region, purpose, usdPerHour: borrowed, source, asOf: PRICES_AS_OF };
  }
  throw new UnknownPriceError(missingPrice(instanceType, region, purpose), [instanceType]);
}

/** Returns the number of {@link instancePrice}. */
export function usdPerHour(query: PriceQuery): number {
  return instancePrice(query).usdPerHour;
}

/**
 * Returns the prices of several types; throws one {@link InputError} that lists every type without a price.
 */
export function priceTable(
  instanceTypes: readonly string[],
  query: Omit<PriceQuery, 'instanceType'>,
): { readonly [instanceType: string]: number } {
  const problems: string[] = [];
  const unknown: string[] = [];
  const table: { [instanceType: string]: number } = {};
  for (const instanceType of new Set(instanceTypes)) {
    try {
      table[instanceType] = usdPerHour({ ...query, instanceType });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (error instanceof UnknownPriceError) unknown.push(instanceType);
      problems.push(error.message);
    }
  }
  if (unknown.length > 0) throw new UnknownPriceError(problems.join('\n'), unknown);
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  return table;
}

/** Returns the problems of a list of overrides. */
export function checkPriceOverrides(overrides: readonly PriceOverride[]): string[] {
  const problems: string[] = [];
  const seen = new Map<string, number>();
  for (const { instanceType, region, purpose, usdPerHour: price } of overrides) {
    const name = [instanceType, region ?? 'every region', purpose ?? 'hosting and training'].join(', ');
    if (!isPrice(price)) {
      problems.push(`price override (${name}) is ${price}; give a number of USD ${PRICE_RANGE}`);
    }
    const before = seen.get(name);
    if (before !== undefined && before !== price) {
      problems.push(`price override (${name}) is given twice, as ${before} and ${price}; keep one of them`);
    }
    seen.set(name, price);
  }
  return problems;
}

function overridingPrice(
  overrides: readonly PriceOverride[],
  instanceType: string,
  region: string,
  purpose: PricePurpose,
): number | undefined {
  const problems = checkPriceOverrides(overrides);
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  const specificity = (override: PriceOverride): number =>
    (override.region === undefined ? 0 : 2) + (override.purpose === undefined ? 0 : 1);
  return overrides
    .filter((override) => override.instanceType === instanceType)
    .filter((override) => (override.region ?? region) === region && (override.purpose ?? purpose) === purpose)
    .sort((a, b) => specificity(b) - specificity(a))[0]?.usdPerHour;
}

function missingPrice(instanceType: string, region: string, purpose: PricePurpose): string {
  const elsewhere = pricedRegions().filter((priced) => HOSTING_USD_PER_HOUR[priced]?.[instanceType] !== undefined);
  const known =
    elsewhere.length > 0
      ? `the table of ${PRICES_AS_OF} has it for ${elsewhere.join(' and ')} only`
      : `the table of ${PRICES_AS_OF} does not have it (nearest priced: ${nearestNames(instanceType, pricedTypes()).join(', ')})`;
  return `no ${purpose} price is known for ${instanceType} in ${region}: ${known}`;
}

/** Ways to give prices in the properties of a stage or of a guard, as text to paste: prices are never guessed. */
export function wayToGivePrices(instanceTypes: readonly string[], region: string): string {
  const entries = instanceTypes.map((instanceType) => `'${instanceType}': USD_PER_HOUR`);
  return (
    `give pricesPerHourUsd: { ${entries.join(', ')} } with the prices of ${region} ` +
    '(https://aws.amazon.com/sagemaker/ai/pricing/), or priceFile, ' +
    `a file that \`npx tidegate prices update --region ${region}\` writes`
  );
}

function pricedTypes(): string[] {
  return [...new Set(Object.values(HOSTING_USD_PER_HOUR).flatMap((prices) => Object.keys(prices)))];
}
