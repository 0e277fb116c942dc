import { type Flaw, playMapping, type SourceKind } from './mapping-life';

const SIZE = 3_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

const kinds: SourceKind[] = ['kinesis', 'kafka'];

describe.each(kinds)('the %s mapping and the consumer', (kind) => {
  test('lose nothing, break no order of a key and have one outcome a record, whatever fails', () => {
    for (const seed of SEEDS) {
      const life = playMapping(kind, seed, SIZE);
      expect({ seed, lost: life.lost, orderBreaks: life.orderBreaks, doubleEffects: life.doubleEffects }).toEqual({
        seed,
        lost: 0,
        orderBreaks: 0,
        doubleEffects: 0,
      });
      expect(life.answered + life.deadLetters + life.givenUp).toBe(SIZE);
      expect(life.deliveries).toBeGreaterThanOrEqual(SIZE - life.givenUp);
    }
  });

  test('play a seed in the same way again', () => {
    expect(playMapping(kind, 5, SIZE)).toEqual(playMapping(kind, 5, SIZE));
  });

  const breachesOf = (flaw: Flaw, name: 'lost' | 'orderBreaks' | 'doubleEffects'): number =>
    SEEDS.reduce((sum, seed) => sum + playMapping(kind, seed, SIZE, flaw)[name], 0);
  test.each<[Flaw, 'lost' | 'orderBreaks' | 'doubleEffects']>([
    ['does not look what is written', 'doubleEffects'],
    ['reports all as done', 'lost'],
    ['goes on in a key after a failure', 'orderBreaks'],
    ['blames a record in an outage', 'doubleEffects'],
  ])('would be found out if the consumer %s', (flaw, name) => {
    expect(breachesOf(flaw, name)).toBeGreaterThan(0);
  });
});
