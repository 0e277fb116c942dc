import type { Candidate } from '../../../lib/simulation/tune/candidate';
import { CandidateSpace } from '../../../lib/simulation/tune/candidate-space';
import type { Estimate } from '../../../lib/simulation/tune/estimate';
import { search, type EstimateAll } from '../../../lib/simulation/tune/search';
import { candidateWith, chatFleet, dailyTraffic, demandFor } from './tuning-support';

const space = new CandidateSpace(chatFleet(), demandFor(dailyTraffic(1, 120, 1200)));
const options = { candidates: 200, seed: 7, allowedMissRatio: 0.01, first: [] };

/** Estimate that is cheaper with a higher target and misses too much above 0.8; each minute of scale-in cooldown costs an hour. */
function estimateOf({ targetRatio, scaleInCooldownSeconds }: Candidate): Estimate {
  return {
    instanceHours: 100 / targetRatio + scaleInCooldownSeconds / 60,
    missedRatio: targetRatio > 0.8 ? 0.05 : 0.005,
    complete: true,
  };
}

const estimateAll: EstimateAll = (candidates) => Promise.resolve(candidates.map(estimateOf));

describe('a search', () => {
  test('tries the given number of candidates, each once', async () => {
    const found = await search(space, options, estimateAll);
    expect(found).toHaveLength(200);
    expect(new Set(found.map(({ candidate }) => JSON.stringify(candidate))).size).toBe(200);
  });

  test('comes nearer to the best with each round', async () => {
    const found = await search(space, options, estimateAll);
    const cheapest = (upTo: number) =>
      Math.min(
        ...found
          .slice(0, upTo)
          .flatMap(({ estimate }) => (estimate.missedRatio <= 0.01 ? [estimate.instanceHours] : [])),
      );
    expect(cheapest(200)).toBeLessThanOrEqual(cheapest(80));
    expect(cheapest(200)).toBeCloseTo(125, -0.5); // 100 ÷ 0.8, without cooldown
  });

  test('draws the same candidates for the same seed, in whatever order they are estimated', async () => {
    const backwards: EstimateAll = async (candidates, onDone) => {
      const estimates = new Map<Candidate, Estimate>();
      for (const candidate of [...candidates].reverse()) {
        await Promise.resolve();
        estimates.set(candidate, estimateOf(candidate));
        onDone(1);
      }
      return candidates.map((candidate) => estimates.get(candidate)!);
    };
    const found = await search(space, options, estimateAll);
    expect(await search(space, options, backwards)).toEqual(found);
    expect(await search(space, { ...options, seed: 8 }, estimateAll)).not.toEqual(found);
  });

  test("begins with today's settings", async () => {
    const today = candidateWith({ targetRatio: 0.61 });
    const found = await search(space, { ...options, first: [today] }, estimateAll);
    expect(found[0]!.candidate).toEqual(today);
  });

  test('reports its progress', async () => {
    const reported: number[] = [];
    const counting: EstimateAll = (candidates, onDone) => {
      for (const _ of candidates) onDone(1);
      return estimateAll(candidates, onDone);
    };
    await search(space, { ...options, onProgress: (done) => reported.push(done) }, counting);
    expect(reported).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('goes on if no candidate meets the objective', async () => {
    const missing: EstimateAll = (candidates) =>
      Promise.resolve(candidates.map(() => ({ instanceHours: 1, missedRatio: 0.5, complete: false })));
    expect(await search(space, options, missing)).toHaveLength(200);
  });

  test('tries a single candidate', async () => {
    expect(await search(space, { ...options, candidates: 1 }, estimateAll)).toHaveLength(1);
  });
});
