import { cheapestKept, confirm } from '../../../lib/simulation/tuning/confirm';
import type { Figures } from '../../../lib/simulation/tuning/figures';
import type { Estimated } from '../../../lib/simulation/tuning/search';
import { candidateWith } from './tuning-support';

/** Candidates whose rehearsal misses `flattered` times what their estimate does. */
function world(rows: readonly (readonly [hours: number, missedPercent: number])[], flattered: number) {
  const found: Estimated[] = rows.map(([instanceHours, missedPercent], index) => ({
    candidate: candidateWith({ minCapacity: index + 1 }),
    estimate: { instanceHours, missedShare: missedPercent / 100, complete: true },
  }));
  const rehearsed: number[] = [];
  const rehearseAll = (batch: readonly Estimated[]): Promise<Figures[]> =>
    Promise.resolve(
      batch.map(({ estimate }) => {
        rehearsed.push(estimate.instanceHours);
        const missed = Math.round(1e6 * estimate.missedShare * flattered);
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
const LADDER = Array.from({ length: 40 }, (_, index): [number, number] => [100 - index, index / 10]);
const options = { sloPercent: 99, rehearsals: 12 };

describe('confirming', () => {
  test('takes the cheapest whose rehearsal keeps the objective', async () => {
    const { found, rehearseAll } = world(LADDER, 1);
    const best = cheapestKept(await confirm(found, options, rehearseAll));
    expect(best!.figures.instanceHours).toBe(90); // exactly 1 % missed
  });

  test('takes the next one where the rehearsal misses what the estimate kept', async () => {
    const { found, rehearsed, rehearseAll } = world(LADDER, 2);
    const best = cheapestKept(await confirm(found, options, rehearseAll));
    expect(rehearsed[0]).toBe(90);
    expect(best!.figures.instanceHours).toBeGreaterThanOrEqual(95); // 0.5 % by estimate is 1 % in the rehearsal
    expect(best!.figures.instanceHours).toBeLessThanOrEqual(96);
  });

  test('goes on to cheaper ones where estimates are too strict', async () => {
    const { found, rehearseAll } = world(LADDER, 0.5);
    const best = cheapestKept(await confirm(found, options, rehearseAll));
    expect(best!.figures.instanceHours).toBeLessThanOrEqual(82); // 80 is the best there is
  });

  test('rehearses no more than it may', async () => {
    const { found, rehearsed, rehearseAll } = world(LADDER, 30);
    await confirm(found, { ...options, rehearsals: 5 }, rehearseAll);
    expect(rehearsed.length).toBeLessThanOrEqual(5);
  });

  test('rehearses the same ones whatever their number at a time', async () => {
    const first = world(LADDER, 1.4);
    const second = world(LADDER, 1.4);
    const oneByOne = async (batch: readonly Estimated[]) =>
      (await Promise.all(batch.map((one) => second.rehearseAll([one])))).flat();
    await confirm(first.found, options, first.rehearseAll);
    await confirm(second.found, options, oneByOne);
    expect(second.rehearsed).toEqual(first.rehearsed);
  });

  test('says that none keeps the objective where none does', async () => {
    const { found, rehearseAll } = world(LADDER.slice(20), 3);
    const confirmed = await confirm(found, options, rehearseAll);
    expect(confirmed.length).toBeGreaterThan(0);
    expect(cheapestKept(confirmed)).toBeUndefined();
  });

  test('gives the best ones their chance where no estimate keeps the objective', async () => {
    const { found, rehearseAll } = world(LADDER.slice(12), 0.5);
    expect(cheapestKept(await confirm(found, options, rehearseAll))).toBeDefined();
  });
});
