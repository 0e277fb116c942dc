import fc from 'fast-check';
import { ninesHeight, ninesTicks, valueAxis } from '../../../lib/simulation/report/axis';

const texts = (maximum: number, isWhole?: boolean): string[] =>
  valueAxis(maximum, isWhole).ticks.map(({ text }) => text);

describe('the axis of values', () => {
  test.each<[number, boolean, string[]]>([
    [7.2, false, ['0', '2', '4', '6', '8']],
    [8, true, ['0', '2', '4', '6', '8']],
    [10, true, ['0', '2', '4', '6', '8', '10']],
    [2, true, ['0', '1', '2']],
    [1, true, ['0', '1']],
    [0.0031, false, ['0.000', '0.001', '0.002', '0.003', '0.004']],
    [0, false, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']],
    [23_000, false, ['0', '5,000', '10,000', '15,000', '20,000', '25,000']],
  ])('to %d (whole: %s) has the ticks %j', (maximum, isWhole, expected) => {
    expect(texts(maximum, isWhole)).toEqual(expected);
  });

  test('holds every value within six ticks, whole ones for whole things', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.boolean(), (maximum, isWhole) => {
        const { end, ticks } = valueAxis(maximum, isWhole);
        expect(end).toBeGreaterThanOrEqual(maximum * (1 - 1e-9));
        expect(ticks.length).toBeLessThanOrEqual(6);
        expect(ticks.at(-1)!.value).toBeCloseTo(end, 9);
        if (isWhole) for (const { value } of ticks) expect(Number.isInteger(value)).toBe(true);
      }),
    );
  });
});

describe('the scale of nines', () => {
  test('gives each nine the same height, and 100 % the top', () => {
    const [ninety, two, three] = [90, 99, 99.9].map((percent) => ninesHeight(percent, 0));
    expect(two! - ninety!).toBeCloseTo(three! - two!, 9);
    expect([ninesHeight(0, 0), ninesHeight(100, 0), ninesHeight(50, 90)]).toEqual([0, 1, 0]);
    expect(ninesTicks(90)).toEqual([90, 95, 99, 99.9, 99.99]);
  });
});
