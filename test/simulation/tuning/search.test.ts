import type { Candidate } from '../../../lib/simulation/tuning/candidate';
import { CandidateSpace } from '../../../lib/simulation/tuning/candidate-space';
import type { Estimate } from '../../../lib/simulation/tuning/estimate';
import { search, type EstimateAll } from '../../../lib/simulation/tuning/search';
import { candidateWith, chatFleet, dailyTraffic, demandFor } from './tuning-support';

const space = new CandidateSpace(chatFleet(), demandFor(dailyTraffic(1, 120, 1200)));
const options = { candidates: 200, seed: 7, allowedShare: 0.01, first: [] };

/** Cheaper with a higher share, and too many misses above 0.8; each minute of scale-in cooldown costs an hour. */
function made({ safetyFactor, scaleInCooldownSeconds }: Candidate): Estimate {
  return {
    instanceHours: 100 / safetyFactor + scaleInCooldownSeconds / 60,
    missedShare: safetyFactor > 0.8 ? 0.05 : 0.005,
    complete: true,
  };
}

const estimateAll: EstimateAll = (candidates) => Promise.resolve(candidates.map(made));

describe('a search', () => {
  test('tries as many candidates as told, each once', async () => {
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
          .flatMap(({ estimate }) => (estimate.missedShare <= 0.01 ? [estimate.instanceHours] : [])),
      );
    expect(cheapest(200)).toBeLessThanOrEqual(cheapest(80));
    expect(cheapest(200)).toBeCloseTo(125, -0.5); // 100 ÷ 0.8, without cooldown
  });

  test('draws the same candidates for the same seed, whoever estimates and in whatever order', async () => {
    const backwards: EstimateAll = async (candidates, onDone) => {
      const answers = new Map<Candidate, Estimate>();
      for (const candidate of [...candidates].reverse()) {
        await Promise.resolve();
        answers.set(candidate, made(candidate));
        onDone(1);
      }
      return candidates.map((candidate) => answers.get(candidate)!);
    };
    const found = await search(space, options, estimateAll);
    expect(await search(space, options, backwards)).toEqual(found);
    expect(await search(space, { ...options, seed: 8 }, estimateAll)).not.toEqual(found);
  });

  test("begins with today's settings", async () => {
    const today = candidateWith({ safetyFactor: 0.61 });
    const found = await search(space, { ...options, first: [today] }, estimateAll);
    expect(found[0]!.candidate).toEqual(today);
  });

  test('tells how far it is', async () => {
    const told: number[] = [];
    const counting: EstimateAll = (candidates, onDone) => {
      for (const _ of candidates) onDone(1);
      return estimateAll(candidates, onDone);
    };
    await search(space, { ...options, onProgress: (done) => told.push(done) }, counting);
    expect(told).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('goes on where no candidate keeps the objective', async () => {
    const hopeless: EstimateAll = (candidates) =>
      Promise.resolve(candidates.map(() => ({ instanceHours: 1, missedShare: 0.5, complete: false })));
    expect(await search(space, options, hopeless)).toHaveLength(200);
  });

  test('of one candidate tries that one', async () => {
    expect(await search(space, { ...options, candidates: 1 }, estimateAll)).toHaveLength(1);
  });
});
