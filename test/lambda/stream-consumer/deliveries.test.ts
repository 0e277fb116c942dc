import { playStream } from './deliveries';

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'a life of a stream (seed %d) with retries, bisections, repetitions, deaths, poison, outages and resharding loses nothing, keeps the order and has one outcome a record',
  async (seed) => {
    const life = await playStream(seed, 400);
    expect(life.breaches).toEqual([]);
    expect(life.answered + life.deadLetters).toBe(life.records);
    expect(life.deliveries).toBeGreaterThan(life.records);
  },
);
