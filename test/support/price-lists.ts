/** A product of the AWS Price List, as the documentation describes it; what is left out has the value of an ordinary one. */
export interface ListedProduct {
  readonly instanceType?: string | undefined;
  readonly component?: string;
  readonly region?: string;
  readonly usd?: string;
  readonly unit?: string;
  /** In place of one price: one a tier. */
  readonly tiers?: readonly string[];
  readonly pricePerUnit?: { readonly [currency: string]: string };
  readonly terms?: unknown;
  readonly attributes?: { readonly [attribute: string]: string | undefined };
  readonly publicationDate?: string | undefined;
}

interface Product {
  readonly product: { readonly sku: string; readonly productFamily: string; readonly attributes: object };
  readonly terms: unknown;
  readonly publicationDate: unknown;
}

/** Product `index` of a list. */
export function product(given: ListedProduct, index = 0): Product {
  const { instanceType, component = 'Hosting', region = 'eu-west-1', unit = 'Hrs' } = given;
  const sku = `SKU${index}`;
  const priceDimensions = Object.fromEntries(
    (given.tiers ?? [given.usd ?? '']).map((usd, tier) => [
      `${sku}.JRTCKXETXF.${tier}`,
      {
        unit,
        beginRange: String(tier),
        endRange: 'Inf',
        pricePerUnit: given.pricePerUnit ?? { USD: usd },
        appliesTo: [],
      },
    ]),
  );
  return {
    product: {
      sku,
      productFamily: 'ML Instance',
      attributes: {
        servicecode: 'AmazonSageMaker',
        regionCode: region,
        component,
        instanceName: instanceType,
        usagetype: `EU-${component === 'Hosting' ? 'Host' : 'Train'}:${instanceType}`,
        ...given.attributes,
      },
    },
    terms: given.terms ?? {
      OnDemand: { [`${sku}.JRTCKXETXF`]: { sku, offerTermCode: 'JRTCKXETXF', priceDimensions } },
    },
    publicationDate: 'publicationDate' in given ? given.publicationDate : '2026-11-20T17:28:37Z',
  };
}

/** Response of GetProducts: every product as JSON text. */
export function getProducts(products: readonly ListedProduct[]): unknown {
  return { FormatVersion: 'aws_v1', PriceList: products.map((one, index) => JSON.stringify(product(one, index))) };
}

/** Price list file of a region: products and terms by SKU. */
export function regionFile(products: readonly ListedProduct[]): unknown {
  const all = products.map(product);
  return {
    formatVersion: 'v1.0',
    offerCode: 'AmazonSageMaker',
    publicationDate: all[0]?.publicationDate,
    products: Object.fromEntries(all.map((one) => [one.product.sku, one.product])),
    terms: {
      OnDemand: Object.fromEntries(
        all.map((one) => [one.product.sku, (one.terms as { readonly OnDemand?: object }).OnDemand]),
      ),
    },
  };
}
