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
