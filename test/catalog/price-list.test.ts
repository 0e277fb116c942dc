import * as fc from 'fast-check';
import { instanceTypeNames } from '../../lib/catalog/instance-types';
import { formatPriceFile, parsePriceFile, readPriceList, withListedPrices } from '../../lib/catalog/price-list';
import { getProducts, product, regionFile } from '../support/price-lists';

const g5 = { instanceType: 'ml.g5.xlarge', usd: '1.6100000000' };
const problemsOf = (...products: Parameters<typeof product>[0][]): string =>
  readPriceList(getProducts(products), 'list').problems.join('\n');

describe.each([
  ['the response of GetProducts', getProducts],
  ['the price list file of a region', regionFile],
])('%s', (_, list) => {
  test('has the prices of instances for hosting and training, and nothing else', () => {
    const reading = readPriceList(
      list([
        g5,
        { ...g5, component: 'Training', usd: '1.6200000000' },
        { ...g5, component: 'Notebook', usd: '9' },
        { instanceType: undefined, component: 'Hosting', usd: '0.016', unit: 'GB' },
      ]),
      'list',
    );
    const common = { region: 'eu-west-1', instanceType: 'ml.g5.xlarge', asOf: '2026-11-20' };
    expect(reading).toEqual({
      prices: [
        { ...common, purpose: 'hosting', usdPerHour: 1.61 },
        { ...common, purpose: 'training', usdPerHour: 1.62 },
      ],
      problems: [],
    });
  });

  test('may name the component behind the type', () => {
    const named = { ...g5, attributes: { instanceName: undefined, instanceType: 'ml.g5.xlarge-Hosting' } };
    expect(readPriceList(list([named]), 'list').prices).toMatchObject([
      { instanceType: 'ml.g5.xlarge', usdPerHour: 1.61 },
    ]);
  });

  test('may repeat a price, which counts once', () => {
    expect(readPriceList(list([g5, g5]), 'list')).toMatchObject({ prices: [{ usdPerHour: 1.61 }], problems: [] });
  });
});

describe('a price is a problem and never free', () => {
  test.each<[string, Parameters<typeof product>[0], RegExp]>([
    [
      'of 0',
      { ...g5, usd: '0.0000000000' },
      /ml\.g5\.xlarge for hosting \(SKU0\) has no price above 0 USD an hour in eu-west-1/,
    ],
    ['below 0', { ...g5, usd: '-1.5' }, /no price above 0/],
    ['that is no number', { ...g5, usd: 'n/a' }, /no price above 0/],
    ['that is empty', { ...g5, usd: '' }, /no price above 0/],
    ['in another currency', { ...g5, pricePerUnit: { CNY: '11.2' } }, /no price above 0/],
    ['of another unit', { ...g5, unit: 'Quantity' }, /no price above 0/],
    ['without terms', { ...g5, terms: {} }, /has no price on demand in eu-west-1/],
    ['of reserved capacity only', { ...g5, terms: { Reserved: { x: {} } } }, /has no price on demand/],
    [
      'with several tiers',
      { ...g5, tiers: ['1.6', '1.2'] },
      /has several prices on demand in eu-west-1 \(1\.6, 1\.2 USD\)/,
    ],
    ['without a region', { ...g5, attributes: { regionCode: undefined } }, /has no regionCode/],
    ['without a date', { ...g5, publicationDate: undefined }, /has no date/],
  ])('%s', (_, one, message) => {
    expect(problemsOf(one)).toMatch(message);
    expect(readPriceList(getProducts([one]), 'list').prices).toEqual([]);
  });

  test('that two products contradict', () => {
    expect(problemsOf(g5, { ...g5, usd: '1.7' })).toBe(
      'list: ml.g5.xlarge for hosting in eu-west-1 has several prices (1.61, 1.7 USD); give the right one by hand',
    );
  });

  test('and every problem is named at once', () => {
    expect(problemsOf({ ...g5, usd: '0' }, { ...g5, instanceType: 'ml.g6.xlarge', usd: '0' }).split('\n')).toHaveLength(
      2,
    );
  });

  test('unless the type is one that the package does not know: it holds up no other', () => {
    const unknown = { instanceType: 'ml.x99.xlarge', usd: '0' };
    expect(readPriceList(getProducts([g5, unknown]), 'list')).toMatchObject({
      prices: [{ instanceType: 'ml.g5.xlarge' }],
      problems: [],
    });
  });
});

test.each<[string, unknown]>([
  ['nothing', null],
  ['text', 'prices'],
  ['a list', []],
  ['another object', { Prices: [] }],
  ['a page of something else', { PriceList: ['{', '[]', '{"sku": 1}', 7] }],
  ['an empty page', { PriceList: [], NextToken: 'x' }],
  ['products that are none', { products: { a: null, b: [] }, terms: 5 }],
])('a document that is %s has problems and no price', (_, document) => {
  const { prices, problems } = readPriceList(document, 'list');
  expect(prices).toEqual([]);
  expect(problems.length).toBeGreaterThan(0);
});

test('whatever a document contains, every price that is read is above 0', () => {
  const anything = fc.anything({ maxDepth: 6 });
  const usd = fc.oneof(fc.string(), fc.double().map(String), anything);
  const mutated = fc
    .record({ usd, unit: fc.oneof(fc.constant('Hrs'), fc.string()), terms: fc.option(anything, { nil: undefined }) })
    .map((change) => getProducts([{ instanceType: 'ml.g5.xlarge', ...change } as never]));
  fc.assert(
    fc.property(fc.oneof(anything, mutated), (document) => {
      for (const { usdPerHour } of readPriceList(document, 'list').prices) expect(usdPerHour).toBeGreaterThan(0);
    }),
  );
});

describe('a price file', () => {
  const listed = (region: string, usdPerHour: number) => ({
    region,
    instanceType: 'ml.g5.xlarge',
    purpose: 'hosting' as const,
    usdPerHour,
    asOf: '2026-11-20',
  });

  test('keeps other regions and replaces those that are listed', () => {
    const before = withListedPrices({}, [listed('eu-west-1', 1), listed('us-west-1', 2)]);
    expect(withListedPrices(before, [listed('eu-west-1', 3)])).toMatchObject({
      'eu-west-1': { hosting: { 'ml.g5.xlarge': 3 } },
      'us-west-1': { hosting: { 'ml.g5.xlarge': 2 } },
    });
  });

  test('is read as it was written', () => {
    const price = fc.record({
      region: fc.constantFrom('eu-west-1', 'us-west-1'),
      instanceType: fc.constantFrom(...instanceTypeNames()),
      purpose: fc.constantFrom('hosting' as const, 'training' as const),
      usdPerHour: fc.double({ min: 0.001, max: 1000, noNaN: true }),
      asOf: fc.constant('2026-11-20'),
    });
    fc.assert(
      fc.property(fc.array(price), (prices) => {
        const file = withListedPrices({}, prices);
        expect(parsePriceFile(formatPriceFile(file, 'source'))).toEqual({ file, problems: [] });
      }),
    );
  });

  test.each([
    ['{', /it is not a price file/],
    ['{"regions": {"eu-west-1": {"asOf": "today"}}}', /regions\.eu-west-1\.asOf is "today"; expected the date/],
    [
      '{"regions": {"eu-west-1": {"asOf": "2026-11-20", "hosting": {"ml.g5.xlarge": 0, "ml.g6.xlarge": "1"}}}}',
      /hosting\['ml\.g5\.xlarge'\] is 0; give a number of USD from 0\.000001 to 1000000, or leave it out[^]*\['ml\.g6\.xlarge'\] is "1"/,
    ],
  ])('that is %s is refused', (text, message) => {
    expect(parsePriceFile(text).problems.join('\n')).toMatch(message);
  });
});
