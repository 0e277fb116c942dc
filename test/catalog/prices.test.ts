import { instanceTypeNames } from '../../lib/catalog/instance-types';
import {
  checkPriceOverrides,
  instancePrice,
  pricedRegions,
  PRICES_AS_OF,
  priceTable,
  usdPerHour,
} from '../../lib/catalog/prices';

const us = 'us-east-1';

describe('prices', () => {
  test('come with their date and source', () => {
    expect(instancePrice({ instanceType: 'ml.g5.xlarge', region: us })).toEqual({
      instanceType: 'ml.g5.xlarge',
      region: us,
      purpose: 'hosting',
      usdPerHour: 1.408,
      source: 'listed',
      asOf: PRICES_AS_OF,
    });
  });

  test('are those of the region with the same prices where the list of the region has a gap', () => {
    expect(instancePrice({ instanceType: 'ml.g6.xlarge', region: us })).toMatchObject({
      usdPerHour: 1.127,
      source: 'listed for us-west-2, which has the same prices',
    });
  });

  test('agree wherever two regions with the same prices list a type both', () => {
    const query = { instanceType: 'ml.p4d.24xlarge' };
    expect(usdPerHour({ ...query, region: 'us-east-1' })).toBe(usdPerHour({ ...query, region: 'us-west-2' }));
  });

  test('of training are the hosting ones, and say so', () => {
    expect(instancePrice({ instanceType: 'ml.g5.2xlarge', region: us, purpose: 'training' })).toMatchObject({
      usdPerHour: 1.515,
      source: 'listed, at the hosting rate',
    });
  });

  test('that are missing are an error with the way out, never zero', () => {
    expect(() => usdPerHour({ instanceType: 'ml.p5e.48xlarge', region: us })).toThrow(
      /no hosting price is known for ml\.p5e\.48xlarge in us-east-1: .*nearest priced: ml\.p5\.48xlarge/,
    );
    expect(() => usdPerHour({ instanceType: 'ml.g5.xlarge', region: 'eu-west-1' })).toThrow(
      /has it for us-east-1 only/,
    );
  });

  test('of unknown types offer the nearest names', () => {
    expect(() => usdPerHour({ instanceType: 'ml.g5.xxlarge', region: us })).toThrow(
      /unknown instance type 'ml\.g5\.xxlarge'; nearest/,
    );
  });

  test('are finite and above zero for every type that has one', () => {
    for (const region of pricedRegions()) {
      for (const instanceType of instanceTypeNames()) {
        try {
          expect(usdPerHour({ instanceType, region })).toBeGreaterThan(0);
        } catch (error) {
          expect(String(error)).toContain('no hosting price is known');
        }
      }
    }
  });

  test('of several types are one table, and the missing ones one error', () => {
    expect(priceTable(['ml.g5.xlarge', 'ml.g6.xlarge', 'ml.g5.xlarge'], { region: us })).toEqual({
      'ml.g5.xlarge': 1.408,
      'ml.g6.xlarge': 1.127,
    });
    expect(() => priceTable(['ml.inf2.xlarge', 'ml.g5.xlarge', 'ml.trn1.2xlarge'], { region: us })).toThrow(
      /ml\.inf2\.xlarge[^]*ml\.trn1\.2xlarge/,
    );
  });
});

describe('price overrides', () => {
  test('go first, the most specific one before the others', () => {
    const overrides = [
      { instanceType: 'ml.g5.xlarge', usdPerHour: 1 },
      { instanceType: 'ml.g5.xlarge', usdPerHour: 2, region: us },
      { instanceType: 'ml.g5.xlarge', usdPerHour: 3, region: us, purpose: 'training' as const },
    ];
    const query = { instanceType: 'ml.g5.xlarge', overrides };
    expect(instancePrice({ ...query, region: 'eu-west-1' })).toMatchObject({ usdPerHour: 1, source: 'override' });
    expect(usdPerHour({ ...query, region: us })).toBe(2);
    expect(usdPerHour({ ...query, region: us, purpose: 'training' })).toBe(3);
  });

  test('price types that the catalog does not know', () => {
    const overrides = [{ instanceType: 'ml.g9.xlarge', usdPerHour: 4.5 }];
    expect(usdPerHour({ instanceType: 'ml.g9.xlarge', region: us, overrides })).toBe(4.5);
  });

  test.each([0, -1, NaN, Infinity])('of %p are refused', (price) => {
    const overrides = [{ instanceType: 'ml.g5.xlarge', usdPerHour: price }];
    expect(() => usdPerHour({ instanceType: 'ml.g5.xlarge', region: us, overrides })).toThrow(
      /give a number of USD from 0\.000001 to 1000000/,
    );
  });

  test('that contradict each other are refused, repeats are not', () => {
    const one = { instanceType: 'ml.g5.xlarge', usdPerHour: 1 };
    expect(checkPriceOverrides([one, { ...one, usdPerHour: 2 }])).toEqual([
      'price override (ml.g5.xlarge, every region, hosting and training) is given twice, as 1 and 2; keep one of them',
    ]);
    expect(checkPriceOverrides([one, one])).toEqual([]);
  });
});
