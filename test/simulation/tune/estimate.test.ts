import { rehearse } from '../../../lib/simulation/rehearse';
import { candidateBlueprint, type Candidate } from '../../../lib/simulation/tune/candidate';
import { estimate, type Estimate } from '../../../lib/simulation/tune/estimate';
import type { Demand } from '../../../lib/simulation/tune';
import { FastRandom } from '../../../lib/simulation/random';
import type { Workload } from '../../../lib/simulation/traffic';
import {
  candidateWith,
  chatFleet,
  countedTraffic,
  dailyTraffic,
  demandFor,
  PROVISIONING,
  SERVICE,
} from './tuning-support';

const fleet = chatFleet({ target: { MinCapacity: 1, MaxCapacity: 12 } });

const demands = new Map<Workload, Demand>();

function estimated(candidate: Candidate, traffic: Workload, abandonRatio = 1): Estimate {
  const demand = demands.get(traffic) ?? demandFor(traffic);
  demands.set(traffic, demand);
  return estimate(candidate, demand, {
    blueprint: fleet,
    slotsPerInstance: fleet.slotsPerInstance,
    provisioning: PROVISIONING,
    sloWaitSeconds: 1,
    requestTimeoutSeconds: 60,
    seed: 1,
    untilSeconds: traffic.durationSeconds,
    abandonRatio,
  });
}

/** Half a day in which traffic rises and falls, with a jump to twice as much every two hours. */
function restlessTraffic(): Workload {
  const random = new FastRandom('restless');
  const counts = Array.from({ length: 720 }, (_, minute) => {
    const wave = 600 + 500 * Math.sin((2 * Math.PI * minute) / 720);
    const jump = minute % 120 < 12 ? 2 : 1;
    return Math.max(0, Math.round(wave * jump * (1 + 0.1 * random.normal())));
  });
  return countedTraffic(counts);
}

const restless = restlessTraffic();

describe('an estimate beside the rehearsal of the same candidate', () => {
  test.each<[string, Partial<Candidate>]>([
    ['concurrency every 10 s, half full', { targetRatio: 0.5 }],
    ['concurrency every 10 s, nearly full', { targetRatio: 0.85 }],
    ['concurrency every minute', { metric: 'concurrency-60s', targetRatio: 0.8 }],
    ['invocations every minute', { metric: 'invocations', targetRatio: 0.6 }],
    ['a minimum above the demand at night', { minCapacity: 5, scaleInCooldownSeconds: 900 }],
    ['long cooldowns', { scaleOutCooldownSeconds: 300, scaleInCooldownSeconds: 1800 }],
  ])('costs within 5 %% and misses within 1 point with %s', (_, changes) => {
    const candidate = candidateWith({ maxCapacity: 12, ...changes });
    const guess = estimated(candidate, restless);
    const exact = rehearse(candidateBlueprint(fleet, candidate, 2), restless, {
      seed: 1,
      service: SERVICE,
      provisioning: PROVISIONING,
    });
    expect(guess.complete).toBe(true);
    expect(Math.abs(guess.instanceHours / exact.capacity.instanceHours - 1)).toBeLessThan(0.05);
    expect(Math.abs(100 * guess.missedRatio - (100 - exact.sloPercent))).toBeLessThan(1);
  });
});

describe('an estimate', () => {
  const quiet = dailyTraffic(0.5, 60, 300);

  test('misses nothing and costs the minimum if the minimum serves everything', () => {
    // 5 requests per second × 2 s = 10 of 64 slots.
    const { instanceHours, missedRatio } = estimated(candidateWith({ minCapacity: 8 }), quiet);
    expect(missedRatio).toBe(0);
    expect(instanceHours).toBeCloseTo(8 * 12, 5);
  });

  test('costs less and misses more with a higher target', () => {
    const [low, high] = [0.4, 0.9].map((targetRatio) =>
      estimated(candidateWith({ targetRatio, maxCapacity: 12 }), restless),
    );
    expect(high!.instanceHours).toBeLessThan(low!.instanceHours);
    expect(high!.missedRatio).toBeGreaterThan(low!.missedRatio);
  });

  test('is abandoned when too many requests are missed', () => {
    // 100 requests per second need 200 slots; the maximum has 8.
    const flood = countedTraffic(Array(120).fill(6000));
    const { complete, missedRatio } = estimated(candidateWith({ maxCapacity: 1 }), flood, 0.05);
    expect(complete).toBe(false);
    expect(missedRatio).toBeLessThan(0.1);
  });

  test('clears a queue at the rate of the slots', () => {
    // For 10 minutes twice the rate of 8 slots (4 per second), then nothing: all but the first requests wait more than a second.
    const burst = countedTraffic([...Array(10).fill(480), ...Array(20).fill(0)]);
    const { missedRatio } = estimated(candidateWith({ maxCapacity: 1 }), burst);
    expect(missedRatio).toBeGreaterThan(0.95);
  });

  test('is the same every time', () => {
    const candidate = candidateWith({ maxCapacity: 12 });
    expect(estimated(candidate, restlessTraffic())).toEqual(estimated(candidate, restless));
  });

  test('of traffic without requests costs the minimum', () => {
    const none = estimated(candidateWith({ minCapacity: 2 }), countedTraffic(Array(60).fill(0)));
    expect(none).toEqual({ instanceHours: 2, missedRatio: 0, complete: true });
  });
});
