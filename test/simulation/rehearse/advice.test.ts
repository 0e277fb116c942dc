import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { FastRandom } from '../../../lib/simulation/random';
import { advise, rehearse, rehearseWhile, type RehearsalOptions } from '../../../lib/simulation/rehearse';
import type { Workload } from '../../../lib/simulation/traffic';
import { chatTemplate } from '../blueprint/chat-template';

/** Three hours of requests that come faster in some minutes than in others. */
function bursts(seed: number, requestsPerSecond: number): Workload {
  const random = new FastRandom(seed);
  const moments: number[] = [];
  for (let at = 0, busy = 1; at < 10_800;) {
    if (moments.length % 500 === 0) busy = 0.3 + 2 * random.uniform();
    at += random.exponential() / (requestsPerSecond * busy);
    moments.push(at);
  }
  return {
    name: 'bursts',
    description: `${moments.length} requests`,
    durationSeconds: 10_800,
    requestCount: moments.length,
    *requests() {
      for (const atSeconds of moments) yield { atSeconds, contextTokens: 100, generatedTokens: 50 };
    },
  };
}

const fleet = fleetsOfTemplates([{ name: 'advice', document: chatTemplate({}) }]).fleets[0]!;
const withLimits = (minCapacity: number, maxCapacity: number): FleetBlueprint => ({
  ...fleet,
  plan: { ...fleet.plan, minCapacity, maxCapacity },
});

const OPTIONS: RehearsalOptions = {
  service: { kind: 'distribution', distribution: 'exponential', meanSeconds: 4 },
  provisioning: { kind: 'measured', seconds: [200] },
  retries: { mode: 'none' },
};

test.each([
  ['a fleet that misses its objective', withLimits(1, 6), bursts(1, 2), 99, true],
  ['a fleet at its maximum', withLimits(1, 2), bursts(2, 4), 99, true],
  ['a fleet with routing at random', { ...withLimits(1, 6), routing: 'RANDOM' as const }, bursts(3, 2), 99, true],
  ['a fleet that no change helps', withLimits(1, 3), bursts(4, 12), 99.99, true],
  ['a fleet that meets its objective', withLimits(1, 8), bursts(5, 3), 60, false],
  ['a fleet that costs its minimum', withLimits(3, 6), bursts(6, 1), 80, true],
])('%s is advised as if every change were rehearsed to its end', (_name, blueprint, traffic, sloPercent, endsEarly) => {
  const options = { ...OPTIONS, sloPercent };
  const rehearsal = rehearse(blueprint, traffic, options);
  let ended = 0;
  const expected = advise(blueprint, rehearsal, (changed) => rehearse(changed, traffic, options));
  const advice = advise(blueprint, rehearsal, (changed, mayMatter) => {
    const again = rehearseWhile(changed, traffic, options, mayMatter);
    if (again === undefined) ended++;
    return again;
  });
  expect(advice).toEqual(expected);
  expect(ended > 0).toBe(endsEarly);
});

describe('the targets of a policy', () => {
  const objective = 98;
  const traffic = bursts(7, 3);
  const options = { ...OPTIONS, sloPercent: objective };

  /** Rehearses what is advised, and every target that was a candidate; returns how many the advice rehearsed. */
  function tryTargets(blueprint: FleetBlueprint): { advised: ReturnType<typeof advise>; tried: number[] } {
    const tried: number[] = [];
    const advised = advise(blueprint, rehearse(blueprint, traffic, options), (changed) => {
      const [policy] = changed.plan.policies;
      if (
        changed.plan.maxCapacity === blueprint.plan.maxCapacity &&
        changed.plan.minCapacity === blueprint.plan.minCapacity
      )
        tried.push((policy as { readonly targetValue: number }).targetValue);
      return rehearse(changed, traffic, options);
    });
    return { advised, tried };
  }

  const withTarget = (targetValue: number, blueprint = withLimits(1, 10)): FleetBlueprint => ({
    ...blueprint,
    plan: {
      ...blueprint.plan,
      policies: blueprint.plan.policies.map((policy) =>
        policy.kind === 'target-tracking' ? { ...policy, targetValue } : policy,
      ),
    },
  });

  test('are searched by halves, and the cheapest that keeps the objective is advised', () => {
    const { advised, tried } = tryTargets(withTarget(1));
    const inFull = [1.1, 1.25, 1.4, 1.7, 2].map((targetValue) => ({
      targetValue,
      ...rehearse(withTarget(targetValue), traffic, options),
    }));
    const kept = inFull.filter(({ sloPercent }) => sloPercent >= objective).sort((a, b) => a.cost.usd - b.cost.usd);
    expect(advised.at(-1)?.title).toContain(`to ${kept[0]!.targetValue} (`);
    expect(advised.at(-1)?.effect).toEqual({
      sloPercent: kept[0]!.sloPercent,
      usdPerMonth: kept[0]!.cost.usdPerMonth,
    });
    expect(tried.length).toBeLessThan(inFull.length);
  });
});

test('minima are searched by halves: the highest is rehearsed only where the one below misses the objective', () => {
  const traffic = bursts(1, 2);
  const minimaTried = (sloPercent: number): number[] => {
    const options = { ...OPTIONS, sloPercent };
    const tried: number[] = [];
    advise(withLimits(1, 6), rehearse(withLimits(1, 6), traffic, options), (changed) => {
      const { minCapacity } = changed.plan;
      if (minCapacity > 1) tried.push(minCapacity);
      return rehearse(changed, traffic, options);
    });
    return tried;
  };
  const served = (minimum: number) => rehearse(withLimits(minimum, 6), traffic, OPTIONS).sloPercent;
  const [two, three] = [served(2), served(3)];
  expect(two).toBeLessThan(three);
  expect(minimaTried((two + three) / 2)).toEqual([3, 2]);
  expect(minimaTried((three + 100) / 2)).toEqual([3, 4]);
});
