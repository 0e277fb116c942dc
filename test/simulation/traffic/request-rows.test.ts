import * as fc from 'fast-check';
import { RequestRows } from '../../../lib/simulation/traffic/request-rows';
import { RequestBlock, requestSource } from '../../../lib/simulation/traffic/request-source';
import { DEFAULT_TOKEN_LENGTHS } from '../../../lib/simulation/traffic/token-lengths';
import type { Workload } from '../../../lib/simulation/traffic/workload';

type Row = readonly [seconds: number, context: number, generated: number];

function workloadOf(rows: readonly Row[], hasTokens = true): Workload {
  const settings = { name: 'rows', seed: 1, tokens: DEFAULT_TOKEN_LENGTHS };
  const taken = new RequestRows(settings, hasTokens, 'test');
  rows.forEach(([seconds, context, generated], index) => taken.add(seconds, context, generated, seconds, index + 1));
  return taken.toWorkload();
}

/** What the workload must give: rows in order of time, equal ones as they are, from the first one's moment. */
function sorted(rows: readonly Row[]): Row[] {
  const first = rows.reduce((least, [seconds]) => Math.min(least, seconds), Infinity);
  return [...rows].sort((a, b) => a[0] - b[0]).map(([seconds, ...tokens]) => [seconds - first, ...tokens]);
}

function requestsOf(workload: Workload): Row[] {
  return [...workload.requests()].map(({ atSeconds, contextTokens, generatedTokens }) => [
    atSeconds,
    contextTokens,
    generatedTokens,
  ]);
}

/** A deterministic scatter of 0 to 1. */
const scatter = (index: number): number => (index * 0.618_033_988_749_895) % 1;

describe('rows of a per-request trace', () => {
  test.each([
    ['a few neighbours swapped', 10, 0.9, 20_000],
    ['a window of 300 s with few rows', 30, 299, 20_000],
    ['a window of 300 s with more rows than are read at once', 0.002, 290, 300_000],
  ])('come in order of time: %s', (_, every, disorder, count) => {
    const rows = Array.from({ length: count }, (__, index): Row => {
      const seconds = Math.round((400 + index * every - scatter(index) * disorder) * 1e6) / 1e6;
      return [seconds, index % 5000, index % 97];
    });
    const workload = workloadOf(rows);
    expect(workload.requestCount).toBe(count);
    const expected = sorted(rows);
    const given = requestsOf(workload);
    expect(given.length).toBe(count);
    expect(given.findIndex((row, index) => row.some((value, column) => value !== expected[index]![column]))).toBe(-1);
    expect(workload.durationSeconds).toBe(expected[count - 1]![0]);
  });

  test('of the same moment keep the order of the file', () => {
    const rows: Row[] = [
      [7, 1, 1],
      [5, 2, 2],
      [7, 3, 3],
      [5, 4, 4],
    ];
    expect(requestsOf(workloadOf(rows)).map(([, context]) => context)).toEqual([2, 4, 1, 3]);
  });

  test('are the same as sorted ones, whatever the order', () => {
    const row = fc.tuple(fc.double({ min: 1e9, max: 1e9 + 299, noNaN: true }), fc.nat(20_000), fc.nat(2000));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
        const workload = workloadOf(rows);
        expect(requestsOf(workload)).toEqual(sorted(rows));
        expect(workload.startsAt).toBe(rows.reduce((least, [seconds]) => Math.min(least, seconds), Infinity));
      }),
    );
  });

  test('can be walked twice at the same time', () => {
    const workload = workloadOf(Array.from({ length: 9000 }, (_, index): Row => [index / 8, index, 1]));
    const one = workload.requests();
    const other = workload.requests();
    for (let index = 0; index < 5000; index++) one.next();
    expect(other.next().value).toEqual({ atSeconds: 0, contextTokens: 0, generatedTokens: 1 });
    expect(one.next().value).toEqual({ atSeconds: 625, contextTokens: 5000, generatedTokens: 1 });
  });

  test.each([
    ['all of it', 0, Infinity],
    ['from the middle', 2500, Infinity],
    ['a part', 2500.1, 7000.125],
    ['the last request', 12_499.875, Infinity],
    ['nothing, behind the end', 20_000, Infinity],
    ['nothing, before the first', -10, 0],
  ])('go to the simulator for a window: %s', (_, fromSeconds, toSeconds) => {
    const rows = Array.from({ length: 100_000 }, (__, index): Row => [1e9 + index / 8, 1 + (index % 3000), 5]);
    const profile = { overheadSeconds: 0, prefillTokensPerSecond: 1, decodeTokensPerSecond: 1 };
    const source = requestSource(workloadOf(rows), {
      service: { kind: 'tokens', profile },
      seed: 1,
      fromSeconds,
      toSeconds,
    });
    const block = new RequestBlock();
    const given: number[][] = [];
    while (source.next(block)) {
      expect(block.length).toBeGreaterThan(0);
      for (let index = 0; index < block.length; index++) given.push([block.at[index]!, block.service[index]!]);
    }
    expect(block.length).toBe(0);
    const expected = rows
      .map(([seconds, context, generated]) => [seconds - 1e9, context + generated])
      .filter(([at]) => at! >= fromSeconds && at! < toSeconds)
      .map(([at, service]) => [at! - fromSeconds, service]);
    expect(given).toEqual(expected);
  });
});
