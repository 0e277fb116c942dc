import { isObject } from '../core/parse';
import { lookup } from '../core/lookup';
import { findInstanceType } from './instance-types';
import { isPrice, PRICE_RANGE, PURPOSES, type PricePurpose } from './prices';

/**
 * Prices of SageMaker's instances in the documents of the AWS Price List API. Two shapes are read, which have the same products: the file of a
 * region (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html) and the response of
 * GetProducts, whose `PriceList` is a list of products as JSON text
 * (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html).
 */
export interface PriceListReading {
  /** Prices that were found, each once. */
  readonly prices: readonly ListedPrice[];
  /** Products of known instance types with a price that is missing, ambiguous or not above 0. */
  readonly problems: readonly string[];
}

/** Price of an instance type for one purpose in one region. */
export interface ListedPrice {
  readonly region: string;
  readonly instanceType: string;
  readonly purpose: PricePurpose;
  readonly usdPerHour: number;
  /** Date of the list, `YYYY-MM-DD`. */
  readonly asOf: string;
}

/** One product with its terms, as GetProducts returns it. */
interface ListedProduct {
  readonly sku: string;
  readonly attributes: { readonly [attribute: string]: unknown };
  readonly onDemand: unknown;
  readonly publicationDate: unknown;
}

/** Purposes by the attribute `component`; products of other components, such as notebooks, are of no interest here. */
const COMPONENTS: { readonly [component: string]: PricePurpose } = lookup({ Hosting: 'hosting', Training: 'training' });

/** Reads a document of the Price List API; `name` is its name in problems. */
export function readPriceList(document: unknown, name: string): PriceListReading {
  const problems: string[] = [];
  const found = new Map<string, ListedPrice[]>();
  const products = productsOf(document, name, problems);
  for (const product of products) {
    const read = priceOf(product);
    if (read === undefined) continue;
    if (typeof read === 'string') problems.push(`${name}: ${read}`);
    else {
      const key = `${read.instanceType} for ${read.purpose} in ${read.region}`;
      found.set(key, [...(found.get(key) ?? []), read]);
    }
  }
  const prices: ListedPrice[] = [];
  for (const [key, listed] of found) {
    const [first, ...others] = listed;
    if (others.every(({ usdPerHour }) => usdPerHour === first!.usdPerHour)) prices.push(first!);
    else if (findInstanceType(first!.instanceType) !== undefined) {
      const values = [...new Set(listed.map(({ usdPerHour }) => usdPerHour))].sort((a, b) => a - b);
      problems.push(`${name}: ${key} has several prices (${values.join(', ')} USD); give the right one by hand`);
    }
  }
  if (prices.length === 0 && problems.length === 0)
    problems.push(
      `${name}: there is no price of an instance for hosting or training; expected a list of AmazonSageMaker`,
    );
  return { prices, problems };
}

function productsOf(document: unknown, name: string, problems: string[]): ListedProduct[] {
  if (isObject(document) && Array.isArray(document['PriceList'])) {
    return document['PriceList'].flatMap((entry: unknown, index) => {
      const product = parsed(entry);
      if (isObject(product) && isObject(product['product']))
        return [listed(product['product'], objectAt(product['terms'], 'OnDemand'), product['publicationDate'])];
      problems.push(`${name}: PriceList[${index}] is not the JSON text of a product`);
      return [];
    });
  }
  if (isObject(document) && isObject(document['products'])) {
    const terms = objectAt(document['terms'], 'OnDemand');
    return Object.entries(document['products'])
      .filter((entry): entry is [string, { readonly [key: string]: unknown }] => isObject(entry[1]))
      .map(([sku, product]) => listed({ sku, ...product }, objectAt(terms, sku), document['publicationDate']));
  }
  problems.push(
    `${name}: this is neither the price list file of a region (products, terms) nor a response of GetProducts (PriceList)`,
  );
  return [];
}

function parsed(entry: unknown): unknown {
  if (typeof entry !== 'string') return entry;
  try {
    return JSON.parse(entry);
  } catch {
    return undefined;
  }
}

function listed(
  product: { readonly [key: string]: unknown },
  onDemand: unknown,
  publicationDate: unknown,
): ListedProduct {
  const attributes = isObject(product['attributes']) ? product['attributes'] : {};
  return { sku: textIn(product['sku']), attributes, onDemand, publicationDate };
}

/** Returns the price of a product, its problem, or undefined where it is no instance for hosting or training. */
function priceOf({ sku, attributes, onDemand, publicationDate }: ListedProduct): ListedPrice | string | undefined {
  const purpose = COMPONENTS[textIn(attributes['component'])];
  // Some lists have the name with the component behind it as `instanceType`.
  const named = attributes['instanceName'] ?? attributes['instanceType'];
  const instanceType = typeof named === 'string' ? named.replace(/-(Hosting|Training)$/, '') : '';
  if (purpose === undefined || !/^ml\.[a-z0-9-]+\.[a-z0-9-]+$/.test(instanceType)) return undefined;
  const problem = (what: string): string | undefined =>
    // Types that the catalog does not have cannot be configured, so that an odd product of theirs is skipped.
    findInstanceType(instanceType) === undefined ? undefined : `${instanceType} for ${purpose} (${sku}) ${what}`;
  const region = attributes['regionCode'];
  if (typeof region !== 'string' || region === '') return problem('has no regionCode');
  const asOf = /^\d{4}-\d{2}-\d{2}/.exec(textIn(publicationDate))?.[0];
  if (asOf === undefined) return problem(`has no date: publicationDate is ${JSON.stringify(publicationDate)}`);

  const dimensions = (isObject(onDemand) ? Object.values(onDemand) : []).flatMap((term) =>
    Object.values(objectAt(term, 'priceDimensions') ?? {}),
  );
  if (dimensions.length === 0) return problem(`has no price on demand in ${region}`);
  const values = dimensions.map((dimension) => {
    const usd = objectAt(dimension, 'pricePerUnit')?.['USD'];
    const unit = isObject(dimension) ? textIn(dimension['unit']) : '';
    return /^(hrs?|hours?)$/i.test(unit) && typeof usd === 'string' && usd.trim() !== '' ? Number(usd) : NaN;
  });
  const distinct = [...new Set(values)];
  if (distinct.length > 1) return problem(`has several prices on demand in ${region} (${distinct.join(', ')} USD)`);
  const [usdPerHour] = distinct;
  if (!isPrice(usdPerHour)) return problem(`has no price above 0 USD an hour in ${region}`);
  return { region, instanceType, purpose, usdPerHour, asOf };
}

function objectAt(value: unknown, key: string): { readonly [key: string]: unknown } | undefined {
  const inner = isObject(value) ? value[key] : undefined;
  return isObject(inner) ? inner : undefined;
}

/** Prices by region, with the date of each region's list. */
export interface PriceFile {
  readonly [region: string]: RegionPrices;
}

/** Prices of a region. */
export interface RegionPrices {
  /** Date of the list, `YYYY-MM-DD`. */
  readonly asOf: string;
  /** USD per instance-hour, by instance type. */
  readonly hosting: { readonly [instanceType: string]: number };
  /** USD per instance-hour, by instance type. */
  readonly training: { readonly [instanceType: string]: number };
}

/** Adds listed prices to a price file; regions that are listed replace those of the file. */
export function withListedPrices(file: PriceFile, prices: readonly ListedPrice[]): PriceFile {
  const regions: { [region: string]: RegionPrices } = { ...file };
  for (const region of new Set(prices.map((price) => price.region))) {
    const ofRegion = prices.filter((price) => price.region === region);
    const byType = (purpose: PricePurpose): { [instanceType: string]: number } =>
      Object.fromEntries(
        ofRegion
          .filter((price) => price.purpose === purpose)
          .sort((a, b) => (a.instanceType < b.instanceType ? -1 : 1))
          .map(({ instanceType, usdPerHour }) => [instanceType, usdPerHour]),
      );
    const asOf = ofRegion.map((price) => price.asOf).sort()[0]!;
    regions[region] = { asOf, hosting: byType('hosting'), training: byType('training') };
  }
  return Object.fromEntries(Object.entries(regions).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads a price file; `problems` are those of what is not in order. */
export function parsePriceFile(text: string): { readonly file: PriceFile; readonly problems: readonly string[] } {
  const document = parsed(text);
  const regions = objectAt(document, 'regions');
  if (regions === undefined)
    return {
      file: {},
      problems: ['it is not a price file: it has no object `regions`; write one with tidegate prices update'],
    };
  const problems: string[] = [];
  const file: { [region: string]: RegionPrices } = {};
  for (const [region, entry] of Object.entries(regions)) {
    const asOf = isObject(entry) ? entry['asOf'] : undefined;
    if (typeof asOf !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(asOf))
      problems.push(`regions.${region}.asOf is ${JSON.stringify(asOf)}; expected the date of the list, YYYY-MM-DD`);
    const byPurpose = { hosting: {}, training: {} } as {
      [purpose in PricePurpose]: { [instanceType: string]: number };
    };
    for (const purpose of PURPOSES) {
      for (const [instanceType, price] of Object.entries(objectAt(entry, purpose) ?? {})) {
        if (isPrice(price)) byPurpose[purpose][instanceType] = price;
        else
          problems.push(
            `regions.${region}.${purpose}['${instanceType}'] is ${JSON.stringify(price)}; give a number of USD ${PRICE_RANGE}, or leave it out`,
          );
      }
    }
    file[region] = { asOf: textIn(asOf), ...byPurpose };
  }
  return { file, problems };
}

/** Text of a price file. */
export function formatPriceFile(file: PriceFile, source: string): string {
  return `${JSON.stringify({ source, regions: file }, null, 2)}\n`;
}

/** Text of a document; empty where it has none. */
function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
