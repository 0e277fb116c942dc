import * as fc from 'fast-check';
import {
  PackedRequests,
  RequestBatch,
  type PackedRequestsReader,
} from '../../../lib/simulation/traffic/packed-requests';

type Row = readonly [seconds: number, context: number, generated: number];

function packed(rows: readonly Row[], hasTokens = true): PackedRequests {
  const requests = new PackedRequests(hasTokens);
  for (const [seconds, context, generated] of rows) requests.add(seconds, context, generated);
  return requests;
}

function rest(reader: PackedRequestsReader, size = 1000): Row[] {
  const rows: Row[] = [];
  const batch = new RequestBatch(size);
  for (let filled = reader.read(batch); filled > 0; filled = reader.read(batch)) {
    for (let index = 0; index < filled; index++)
      rows.push([batch.at[index]!, batch.context[index]!, batch.generated[index]!]);
  }
  return rows;
}

/** Expects the same numbers, row by row; `toEqual` of a hundred thousand rows takes seconds. */
function expectRows(read: readonly Row[], expected: readonly Row[]): void {
  expect(read.length).toBe(expected.length);
  const different = expected.findIndex((row, index) => !row.every((value, at) => Object.is(value, read[index]![at])));
  expect([different, read[different]]).toEqual([-1, undefined]);
}

/** So many rows, a row every so many seconds from the moment on. */
function steady(count: number, from: number, every: number): Row[] {
  return Array.from({ length: count }, (_, index) => [from + index * every, index % 5000, index % 300]);
}

const MIDNIGHT = 1_715_472_000;

describe('packed requests', () => {
  test.each<[string, Row[]]>([
    ['no row', []],
    ['one row', [[0, 0, 0]]],
    ['the most tokens', [[1, 100_000_000, 100_000_000]]],
    ['counts at the borders of a byte', [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152].map((n) => [n, n, n])],
    ['gaps of more than 2^31 microseconds', [0, 2147.483647, 4294.967295, 1e6, 9e9].map((at) => [at, 1, 1])],
    ['the same moment', steady(20, MIDNIGHT, 0)],
    ['microseconds', [MIDNIGHT + 0.000001, MIDNIGHT + 0.3, MIDNIGHT + 86_399.999999].map((at) => [at, 1, 1])],
    ['100 nanoseconds of a date', [MIDNIGHT + 0.1234567, MIDNIGHT + 0.1234569].map((at) => [at, 1, 1])],
    ['doubles of any kind', [Math.PI / 1e9, Math.E, 1e11 / 3, 1e15].map((at) => [at, 1, 1])],
    ['clocks that change midway', [1, 1.5, MIDNIGHT + 0.1234567, MIDNIGHT + 1, 1e10 / 3, 4e9].map((at) => [at, 7, 9])],
    ['rows before the one above them', [10, 9.999999, 300, 0, 250.5, 299].map((at, index) => [at, index, 1])],
    ['steps that fill a double', [MIDNIGHT + 0.1234567, MIDNIGHT, 0, MIDNIGHT + 0.1234569].map((at) => [at, 1, 1])],
    ['a step back in every clock', [5, 4, MIDNIGHT + 0.1234567, MIDNIGHT, 1e10 / 3, 1e10 / 7].map((at) => [at, 1, 1])],
  ])('gives back what it took: %s', (_, rows) => {
    const requests = packed(rows);
    expect(requests.length).toBe(rows.length);
    expect(rest(requests.reader())).toEqual(rows);
    expect(rest(requests.drain(), 1)).toEqual(rows);
  });

  test('gives back any rows, whatever their order', () => {
    const seconds = fc.oneof(
      fc.double({ min: 0, max: 1e15, noNaN: true }),
      fc.nat().map((n) => n / 1e6),
      fc.nat().map((n) => MIDNIGHT + n / 1e3),
      fc.nat().map((n) => MIDNIGHT + n / 1e7),
    );
    const tokens = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 100_000_000 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(seconds, tokens, tokens), { maxLength: 50 }),
        fc.integer({ min: 1, max: 60 }),
        (rows, size) => {
          const given = rows.map(([at, context, generated]): Row => [at + 0, context, generated]);
          expect(rest(packed(given).reader(), size)).toEqual(given);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('goes on over the ends of chunks, in batches of any size', () => {
    const rows = steady(40_000, MIDNIGHT, 0.25);
    const requests = packed(rows);
    // 250,000 microseconds in 3 bytes, tokens in 1 or 2 bytes each: 5 to 7 bytes a row, more than 2 chunks of 64 KiB.
    expect(requests.bytes).toBeGreaterThan(2 * 65_536);
    for (const size of [999, 4096, 200_000]) expectRows(rest(requests.reader(), size), rows);
  });

  test('goes on over the ends of chunks where moments are doubles and rows are out of order', () => {
    const doubles = steady(30_000, Math.PI / 7, Math.E / 3);
    expectRows(rest(packed(doubles).reader()), doubles);
    const swapped = steady(30_000, MIDNIGHT, 0.5).map((_, index, all) => all[index ^ 1]!);
    expectRows(rest(packed(swapped).reader()), swapped);
  });

  test('begins at a moment without losing a row that lies after it', () => {
    const rows = steady(100_000, 0, 0.125);
    const requests = packed(rows);
    for (const from of [-1, 0, 0.1, 5000, 8191.875, 12_499.875, 20_000]) {
      const read = rest(requests.reader(from));
      const expected = rows.filter(([at]) => at >= from);
      expectRows(read.slice(read.length - expected.length), expected);
      // A chunk holds some ten thousand rows.
      expect(read.length - expected.length).toBeLessThan(20_000);
    }
  });

  test('takes a few bytes a request', () => {
    const rows = steady(300_000, MIDNIGHT, 0.02);
    expect(packed(rows).bytes / rows.length).toBeLessThan(7.2);
    expect(packed(rows, false).bytes / rows.length).toBeLessThan(3.3);
  });

  test('reads no tokens where there are none', () => {
    const reader = packed([[1, 5, 6]], false).reader();
    const batch = new RequestBatch(1);
    batch.context[0] = 3;
    expect(reader.read(batch)).toBe(1);
    expect([batch.at[0], batch.context[0], batch.generated[0]]).toEqual([1, 0, 0]);
  });

  test('gives memory back while it is read for the last time', () => {
    const requests = packed(steady(100_000, 0, 1));
    const before = requests.bytes;
    const reader = requests.drain();
    reader.read(new RequestBatch(50_000));
    expect(requests.bytes).toBeLessThan(before * 0.6);
    expect(rest(reader)).toHaveLength(50_000);
    expect(requests.bytes).toBe(0);
  });
});
