import { playTopic } from './deliveries';

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'a life of a topic (seed %d) with bisections, lost responses, partitions that move, deaths, poison and outages loses nothing, keeps the order and has one outcome a record',
  async (seed) => {
    const life = await playTopic(seed, 400);
    expect(life.breaches).toEqual([]);
    expect(life.answered + life.deadLetters).toBe(life.records);
    expect(life.deliveries).toBeGreaterThanOrEqual(life.records);
  },
);
