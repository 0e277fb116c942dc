import { cheapestConfirmed, confirm } from '../../../lib/simulation/tune/confirm';
import type { Figures } from '../../../lib/simulation/tune/figures';
import type { Estimated } from '../../../lib/simulation/tune/search';
import { candidateWith } from './tuning-support';

/** Candidates whose rehearsal misses `factor` times the estimate. */
function world(rows: readonly (readonly [hours: number, missedPercent: number])[], factor: number) {
  const found: Estimated[] = rows.map(([instanceHours, missedPercent], index) => ({
    candidate: candidateWith({ minCapacity: index + 1 }),
    estimate: { instanceHours, missedRatio: missedPercent / 100, complete: true },
  }));
  const rehearsed: number[] = [];
  const rehearseAll = (batch: readonly Estimated[]): Promise<Figures[]> =>
    Promise.resolve(
      batch.map(({ estimate }) => {
        rehearsed.push(estimate.instanceHours);
        const missed = Math.round(1e6 * estimate.missedRatio * factor);
        return {
          seconds: 3600,
          requests: 1e6,
          missed,
          sloPercent: 100 - missed / 1e4,
          usd: estimate.instanceHours,
          usdPerMonth: 730 * estimate.instanceHours,
          instanceHours: estimate.instanceHours,
          meanInstances: 1,
          peakInstances: 1,
          waitP99Seconds: 0,
          scaleOuts: 0,
          scaleIns: 0,
        };
      }),
    );
  return { found, rehearsed, rehearseAll };
}

/** From 100 hours without a miss to 61 hours with 4 %. */
const RISING_MISSES = Array.from({ length: 40 }, (_, index): [number, number] => [100 - index, index / 10]);
const options = { sloPercent: 99, maxRehearsals: 12 };

describe('confirming', () => {
  test('chooses the cheapest candidate whose rehearsal meets the objective', async () => {
    const { found, rehearseAll } = world(RISING_MISSES, 1);
    const best = cheapestConfirmed(await confirm(found, options, rehearseAll));
    expect(best!.figures.instanceHours).toBe(90); // exactly 1 % missed
  });

  test('goes on to the next one if the rehearsal misses the objective and the estimate met it', async () => {
    const { found, rehearsed, rehearseAll } = world(RISING_MISSES, 2);
    const best = cheapestConfirmed(await confirm(found, options, rehearseAll));
    expect(rehearsed[0]).toBe(90);
    expect(best!.figures.instanceHours).toBeGreaterThanOrEqual(95); // 0.5 % by estimate is 1 % in the rehearsal
    expect(best!.figures.instanceHours).toBeLessThanOrEqual(96);
  });

  test('goes on to cheaper ones if estimates are too high', async () => {
    const { found, rehearseAll } = world(RISING_MISSES, 0.5);
    const best = cheapestConfirmed(await confirm(found, options, rehearseAll));
    expect(best!.figures.instanceHours).toBeLessThanOrEqual(82); // 80 is the cheapest that meets it
  });

  test('rehearses at most the maximum', async () => {
    const { found, rehearsed, rehearseAll } = world(RISING_MISSES, 30);
    await confirm(found, { ...options, maxRehearsals: 5 }, rehearseAll);
    expect(rehearsed.length).toBeLessThanOrEqual(5);
  });

  test('rehearses the same candidates one by one as in batches', async () => {
    const first = world(RISING_MISSES, 1.4);
    const second = world(RISING_MISSES, 1.4);
    const oneByOne = async (batch: readonly Estimated[]) =>
      (await Promise.all(batch.map((one) => second.rehearseAll([one])))).flat();
    await confirm(first.found, options, first.rehearseAll);
    await confirm(second.found, options, oneByOne);
    expect(second.rehearsed).toEqual(first.rehearsed);
  });

  test('confirms none if none meets the objective', async () => {
    const { found, rehearseAll } = world(RISING_MISSES.slice(20), 3);
    const confirmed = await confirm(found, options, rehearseAll);
    expect(confirmed.length).toBeGreaterThan(0);
    expect(cheapestConfirmed(confirmed)).toBeUndefined();
  });

  test('rehearses the best candidates even if no estimate meets the objective', async () => {
    const { found, rehearseAll } = world(RISING_MISSES.slice(12), 0.5);
    expect(cheapestConfirmed(await confirm(found, options, rehearseAll))).toBeDefined();
  });
});
