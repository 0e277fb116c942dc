import { ARITHMETIC_WALKS } from './arithmetic-vectors';
import { WALKS as TOLD_WALKS } from './vectors';
import { walkThroughDecide, walkThroughServices } from './walk-runners';

const WALKS = [...TOLD_WALKS, ...ARITHMETIC_WALKS];

describe('a fleet followed minute by minute', () => {
  const expected = (minutes: (typeof WALKS)[number]['minutes']) => minutes.map(([, capacity]) => capacity);

  describe('by decide()', () => {
    test.each(WALKS)('$name', (walk) => expect(walkThroughDecide(walk)).toEqual(expected(walk.minutes)));
  });

  describe('by CloudWatch and Application Auto Scaling', () => {
    test.each(WALKS)('$name', (walk) => expect(walkThroughServices(walk)).toEqual(expected(walk.minutes)));
  });

  test('names its source for every expected number', () => {
    expect(WALKS.filter(({ source }) => source.trim() === '')).toEqual([]);
    expect(new Set(WALKS.map(({ name }) => name)).size).toBe(WALKS.length);
  });
});
