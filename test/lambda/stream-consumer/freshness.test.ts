import { type FreshnessPlan, playFreshness } from './freshness';

const plan = (over: Partial<FreshnessPlan>): FreshnessPlan => ({
  seed: 1,
  records: 1_500,
  use: 0.6,
  slots: 16,
  meanServiceSeconds: 4,
  sigma: 0.5,
  bad: 0,
  readsAhead: true,
  ...over,
});

describe('a record that finds a free slot', () => {
  test.each([
    ['equal', 0],
    ['spread', 0.5],
    ['widely spread', 1.2],
  ])('waits at most two seconds beside its service time where service times are %s (p95)', async (_, sigma) => {
    const { added, answered } = await playFreshness(plan({ sigma }));
    expect(answered).toBe(1_500);
    expect(added.p95).toBeLessThan(2);
  });

  test('does so with bad records beside it, whose verdicts take less than a minute', async () => {
    const { added, answered, deadLetters, longestVerdict } = await playFreshness(plan({ bad: 0.02 }));
    expect(deadLetters).toBeGreaterThan(10);
    expect(answered + deadLetters).toBe(1_500);
    expect(added.p95).toBeLessThan(2);
    expect(longestVerdict).toBeLessThan(60);
  });

  test('does so in a fleet in use while one record in seven is bad: their pauses leave the places to others', async () => {
    const { added, answered, deadLetters, longestVerdict } = await playFreshness(plan({ use: 0.8, bad: 0.15 }));
    expect(deadLetters).toBeGreaterThan(150);
    expect(answered + deadLetters).toBe(1_500);
    expect(added.p95).toBeLessThan(2);
    expect(longestVerdict).toBeLessThan(60);
  });

  test('does so where the requests in flight follow the capacity of the endpoint', async () => {
    const { added, answered } = await playFreshness(plan({ followsCapacity: true }));
    expect(answered).toBe(1_500);
    expect(added.p95).toBeLessThan(2);
  });

  test('waits for whole batches where several are in progress at once', async () => {
    const { added } = await playFreshness(plan({ sigma: 1.2, readsAhead: false }));
    expect(added.p95).toBeGreaterThan(10);
  });
});
