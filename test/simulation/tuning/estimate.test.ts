import { rehearse } from '../../../lib/simulation/simulator';
import { candidateBlueprint, type Candidate } from '../../../lib/simulation/tuning/candidate';
import { estimate, type Estimate } from '../../../lib/simulation/tuning/estimate';
import { FastRandom } from '../../../lib/simulation/fast-random';
import type { Workload } from '../../../lib/simulation/workload';
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

function estimated(candidate: Candidate, traffic: Workload, giveUpShare = 1): Estimate {
  return estimate(candidate, demandFor(traffic), {
    blueprint: fleet,
    slotsPerInstance: fleet.slotsPerInstance,
    provisioning: PROVISIONING,
    sloWaitSeconds: 1,
    requestTimeoutSeconds: 60,
    seed: 1,
    untilSeconds: traffic.durationSeconds,
    giveUpShare,
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

describe('an estimate beside the rehearsal of the same candidate', () => {
  const traffic = restlessTraffic();

  test.each<[string, Partial<Candidate>]>([
    ['concurrency each 10 s, half full', { safetyFactor: 0.5 }],
    ['concurrency each 10 s, nearly full', { safetyFactor: 0.85 }],
    ['concurrency each minute', { metric: 'concurrency-60s', safetyFactor: 0.8 }],
    ['invocations each minute', { metric: 'invocations', safetyFactor: 0.6 }],
    ['a minimum above the demand at night', { minCapacity: 5, scaleInCooldownSeconds: 900 }],
    ['long cooldowns', { scaleOutCooldownSeconds: 300, scaleInCooldownSeconds: 1800 }],
  ])('costs within 5 %% and misses within 1 point with %s', (_, changes) => {
    const candidate = candidateWith({ maxCapacity: 12, ...changes });
    const guess = estimated(candidate, traffic);
    const exact = rehearse(candidateBlueprint(fleet, candidate, 2), traffic, {
      seed: 1,
      service: SERVICE,
      provisioning: PROVISIONING,
    });
    expect(guess.complete).toBe(true);
    expect(Math.abs(guess.instanceHours / exact.capacity.instanceHours - 1)).toBeLessThan(0.05);
    expect(Math.abs(100 * guess.missedShare - (100 - exact.sloPercent))).toBeLessThan(1);
  });
});

describe('an estimate', () => {
  const quiet = dailyTraffic(0.5, 60, 300);

  test('misses nothing and costs the minimum where the minimum holds everything', () => {
    // 5 requests a second × 2 s = 10 of 64 slots.
    const { instanceHours, missedShare } = estimated(candidateWith({ minCapacity: 8 }), quiet);
    expect(missedShare).toBe(0);
    expect(instanceHours).toBeCloseTo(8 * 12, 5);
  });

  test('costs less and misses more with a higher target', () => {
    const traffic = restlessTraffic();
    const [careful, daring] = [0.4, 0.9].map((safetyFactor) =>
      estimated(candidateWith({ safetyFactor, maxCapacity: 12 }), traffic),
    );
    expect(daring!.instanceHours).toBeLessThan(careful!.instanceHours);
    expect(daring!.missedShare).toBeGreaterThan(careful!.missedShare);
  });

  test('is cut short where too much was missed', () => {
    // 100 requests a second ask for 200 of the 8 slots there may be.
    const flood = countedTraffic(Array(120).fill(6000));
    const { complete, missedShare } = estimated(candidateWith({ maxCapacity: 1 }), flood, 0.05);
    expect(complete).toBe(false);
    expect(missedShare).toBeLessThan(0.1);
  });

  test('works off a queue at the speed of the slots', () => {
    // For 10 minutes twice what 8 slots serve (4 a second), then nothing: everyone after the first seconds waits more than a second.
    const burst = countedTraffic([...Array(10).fill(480), ...Array(20).fill(0)]);
    const { missedShare } = estimated(candidateWith({ maxCapacity: 1 }), burst);
    expect(missedShare).toBeGreaterThan(0.95);
  });

  test('is the same every time', () => {
    const candidate = candidateWith({ maxCapacity: 12 });
    expect(estimated(candidate, restlessTraffic())).toEqual(estimated(candidate, restlessTraffic()));
  });

  test('of traffic without requests costs the minimum', () => {
    const none = estimated(candidateWith({ minCapacity: 2 }), countedTraffic(Array(60).fill(0)));
    expect(none).toEqual({ instanceHours: 2, missedShare: 0, complete: true });
  });
});
