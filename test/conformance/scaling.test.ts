import { ARITHMETIC_WALKS } from './arithmetic-vectors';
import { WALKS as TOLD_WALKS } from './vectors';
import { walkThroughDecide, walkThroughServices } from './walk-runners';
import { notOnTheWire, walkOverTheWire, type WiredWalk } from './wire/walks';

const WALKS = [...TOLD_WALKS, ...ARITHMETIC_WALKS];

describe('a fleet followed minute by minute', () => {
  const expected = (minutes: (typeof WALKS)[number]['minutes']) => minutes.map(([, capacity]) => capacity);

  describe('by decide()', () => {
    test.each(WALKS)('$name', (walk) => expect(walkThroughDecide(walk)).toEqual(expected(walk.minutes)));
  });

  describe('by CloudWatch and Application Auto Scaling', () => {
    test.each(WALKS)('$name', (walk) => expect(walkThroughServices(walk)).toEqual(expected(walk.minutes)));
  });

  describe('by the local services over HTTP', () => {
    const wired = WALKS.filter((walk) => notOnTheWire(walk) === undefined);
    let results: ReadonlyMap<string, WiredWalk>;
    beforeAll(async () => {
      results = await walkOverTheWire(wired);
    });

    test.each(wired)('$name', ({ name, start, minutes }) => {
      const capacities = expected(minutes);
      const changes = [start, ...capacities].slice(0, -1).map((from, minute) => ({ from, to: capacities[minute]! }));
      expect(results.get(name)!.capacities).toEqual(capacities);
      expect(results.get(name)!.changes).toEqual(changes.filter(({ from, to }) => from !== to));
    });

    test('leaves out what the API has no word for, and nothing else', () => {
      const leftOut = WALKS.filter((walk) => notOnTheWire(walk) !== undefined);
      expect(leftOut.map(({ name }) => name)).toEqual(['removes at most so many at a time where a limit is set']);
    });
  });

  test('names its source for every expected number', () => {
    expect(WALKS.filter(({ source }) => source.trim() === '')).toEqual([]);
    expect(new Set(WALKS.map(({ name }) => name)).size).toBe(WALKS.length);
  });
});
