import * as fc from 'fast-check';
import type { ScheduledAction } from '../../../lib/scaling/decide/plan';
import { hindsight } from '../../../lib/simulation/compare';
import { rehearse, type Rehearsal, type RehearsalOptions } from '../../../lib/simulation/rehearse';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { generateWorkload, type Workload } from '../../../lib/simulation/traffic';
import { chatTemplate, guardResources, type ChatTemplate } from '../blueprint/chat-template';

/** 2026-01-05T00:00:00Z. */
const START = 1_767_571_200;

function chat(differences: ChatTemplate = {}): FleetBlueprint {
  return fleetsOfTemplates([{ name: 'chat.template.json', document: chatTemplate(differences) }]).fleets[0]!;
}

/** Fleet without policies, of a fixed size apart from its schedules. */
function fixed(count: number, schedules: readonly Partial<ScheduledAction>[] = []): FleetBlueprint {
  const blueprint = chat({ target: { MinCapacity: count, MaxCapacity: 8 }, resources: { Tracking: null } });
  const actions = schedules.map((action, index) => ({ scheduledActionName: `action-${index}`, ...action }));
  return { ...blueprint, plan: { ...blueprint.plan, schedules: actions as ScheduledAction[] } };
}

/** Requests at equal distances. */
function steady(requestsPerSecond: number, durationSeconds: number): Workload {
  const requestCount = Math.floor(requestsPerSecond * durationSeconds);
  return {
    name: 'steady',
    description: `${requestCount} requests`,
    durationSeconds,
    requestCount,
    *requests() {
      for (let index = 0; index < requestCount; index++)
        yield { atSeconds: index / requestsPerSecond, contextTokens: 100, generatedTokens: 50 };
    },
  };
}

const SECOND: RehearsalOptions = {
  service: { kind: 'distribution', distribution: 'constant', meanSeconds: 1 },
  startSeconds: START,
  pricesPerHourUsd: { 'ml.g5.xlarge': 1.5, 'ml.g6.xlarge': 1 },
};

/** Schedule that sets the minimum at a moment of the run. */
const minimumAt = (second: number, minCapacity: number): Partial<ScheduledAction> => ({
  schedule: `at(${new Date((START + second) * 1000).toISOString().slice(0, 19)})`,
  minCapacity,
});

const rising = generateWorkload({
  seed: 5,
  durationSeconds: 5400,
  lowRequestsPerSecond: 2,
  highRequestsPerSecond: 12,
  daySeconds: 5400,
  startHour: 2,
});

function conserves({ requests }: Rehearsal): void {
  const { arrived, completed, timedOut, rejected, unfinished } = requests;
  expect(completed + timedOut + rejected + unfinished).toBe(arrived);
}

describe('a rehearsal', () => {
  test('is the same to the last byte for the same seed, and another for another', () => {
    const bytes = (seed: number): string => JSON.stringify(rehearse(chat(), rising, { seed }));
    expect(bytes(3)).toBe(bytes(3));
    expect(bytes(3)).not.toBe(bytes(4));
  });

  test('loses no request, and its parts add up', () => {
    const limits = fc.record({
      slots: fc.integer({ min: 1, max: 8 }),
      queueLimitPerInstance: fc.constantFrom(0, 3, Infinity),
      requestTimeoutSeconds: fc.constantFrom(2, 30),
      seed: fc.nat(),
      kind: fc.constantFrom('real-time' as const, 'async' as const),
      failed: fc.boolean(),
    });
    fc.assert(
      fc.property(limits, ({ slots, kind, failed, ...options }) => {
        const rehearsal = rehearse({ ...chat(), kind, slotsPerInstance: slots }, rising, {
          ...options,
          toSeconds: 1800,
          capacityFailures: failed ? [{ instanceType: 'ml.g5.xlarge', fromSeconds: 100, toSeconds: 1200 }] : [],
        });
        conserves(rehearsal);
        const missed = Object.values(rehearsal.missedBy).reduce((sum, count) => sum + count, 0);
        expect(rehearsal.sloPercent).toBeCloseTo(100 * (1 - missed / rehearsal.requests.arrived), 3);
        const { instanceHours, instanceHoursByType, leastInstances, peakInstances } = rehearsal.capacity;
        const sum = Object.values(instanceHoursByType).reduce((all, hours) => all + hours, 0);
        expect(sum).toBeCloseTo(instanceHours, 3);
        expect(leastInstances).toBeLessThanOrEqual(peakInstances);
        expect(rehearsal.timeline.at(-1)!.usd).toBeCloseTo(rehearsal.cost.usd, 4);
      }),
      { numRuns: 25, seed: 3 },
    );
  });

  test('bills from launch to the end, at the given price', () => {
    const { cost, capacity, requests, sloPercent } = rehearse(fixed(2), steady(4, 3600), SECOND);
    // 2 instances x 1 h x 1.5 USD = 3 USD; 14,400 requests; a month has 730 h.
    expect(cost).toMatchObject({ usd: 3, usdPerMonth: 2190, usdPerMillionRequests: 208.33 });
    expect(capacity).toMatchObject({ instanceHours: 2, meanInstances: 2, peakInstances: 2, leastInstances: 2 });
    // 4 requests a second x 1 s = 4 of 16 slots.
    expect(capacity.utilisationPercent).toBeCloseTo(25, 1);
    // Those of the last second are still in service.
    expect(requests).toMatchObject({ arrived: 14_400, timedOut: 0, rejected: 0 });
    expect(requests.unfinished).toBeLessThanOrEqual(4);
    expect(sloPercent).toBe(100);
  });

  test('prefers the guard’s prices to the dated table, and given prices to both', () => {
    const guarded = chat({ resources: guardResources({ amountUsd: 9000, periodStart: null, periodEnd: null }) });
    const price = (blueprint: FleetBlueprint, given?: number): number =>
      rehearse(blueprint, steady(1, 60), given === undefined ? {} : { pricesPerHourUsd: { 'ml.g5.xlarge': given } })
        .cost.pricesPerHourUsd['ml.g5.xlarge']!;
    expect(price(chat())).toBe(1.408);
    expect(price(guarded)).toBe(2);
    expect(price(guarded, 7)).toBe(7);
    expect(rehearse(guarded, steady(1, 60), SECOND).notes).toContain(
      'the guard meters ml.g5.xlarge at 2 USD an hour; the bill uses 1.5 USD',
    );
  });

  test('pays for instances while they start, and has their slots once they are in service', () => {
    const blueprint = fixed(2, [minimumAt(600, 4)]);
    const provisioning = { kind: 'measured', seconds: [120] } as const;
    const { capacity, cost, timeline, scaling } = rehearse(blueprint, steady(2, 3600), { ...SECOND, provisioning });
    // 2 x 3600 s + 2 x (3600 - 600) s = 13,200 s = 3.6667 h; x 1.5 USD = 5.5 USD.
    expect(capacity.instanceHours).toBeCloseTo(13_200 / 3600, 3);
    expect(cost.usd).toBeCloseTo(5.5, 3);
    const at = (second: number) => timeline.find((point) => point.second > second)!;
    expect(at(600)).toMatchObject({ desired: 4, inService: 2, billed: 4 });
    expect(at(730)).toMatchObject({ desired: 4, inService: 4, slots: 32 });
    expect(scaling).toMatchObject({ scaleOuts: 1, scaleIns: 0 });
    expect(scaling.actions[0]).toMatchObject({ second: 600, from: 2, to: 4 });
  });

  test('falls back to the next pool when the first has no capacity', () => {
    const { capacity, events, cost } = rehearse(fixed(2, [minimumAt(600, 4)]), steady(2, 3600), {
      ...SECOND,
      capacityFailures: [{ instanceType: 'ml.g5.xlarge', fromSeconds: 300, toSeconds: 3000 }],
    });
    expect(capacity.instanceHoursByType['ml.g5.xlarge']).toBeCloseTo(2, 3);
    expect(capacity.instanceHoursByType['ml.g6.xlarge']).toBeCloseTo(6000 / 3600, 3);
    expect(cost.usd).toBeCloseTo(2 * 1.5 + 6000 / 3600, 3);
    expect(events.filter(({ title }) => title === 'fell back to ml.g6.xlarge')).toHaveLength(2);
  });

  test('retries every minute if no pool has capacity, and attributes the waits to it', () => {
    const failure = { fromSeconds: 300, toSeconds: 900 };
    const rehearsal = rehearse(fixed(1, [minimumAt(600, 4)]), steady(9, 1800), {
      ...SECOND,
      startInstances: 1,
      provisioning: { kind: 'measured', seconds: [60] },
      capacityFailures: [
        { instanceType: 'ml.g5.xlarge', ...failure },
        { instanceType: 'ml.g6.xlarge', ...failure },
      ],
    });
    expect(rehearsal.scaling.capacityErrors).toBeGreaterThanOrEqual(5);
    expect(rehearsal.missedBy['no-capacity']).toBeGreaterThan(0);
    // 3 more from 900 s on, or from the next attempt.
    expect(rehearsal.capacity.instanceHours * 3600).toBeGreaterThan(1800 + 3 * 830);
    expect(rehearsal.capacity.instanceHours * 3600).toBeLessThanOrEqual(1800 + 3 * 900);
    conserves(rehearsal);
  });

  test('scales out under load and in after it, with reasons', () => {
    const { scaling, capacity } = rehearse(chat(), rising, { seed: 1 });
    expect(capacity.peakInstances).toBeGreaterThan(capacity.leastInstances);
    expect(scaling.scaleOuts).toBeGreaterThan(0);
    expect(scaling.scaleIns).toBeGreaterThan(0);
    for (const action of scaling.actions) {
      expect(action.decidedBy).toBe('concurrency');
      expect(action.reason).toMatch(/metric .* (above|below)/);
      expect(action.steps.length).toBeGreaterThan(0);
    }
  });

  test('is limited by the guard when the budget is spent, and not by a guard in dry run', () => {
    // An hour with 2 USD; 30 concurrent requests need 6 instances at 2 USD an hour, six times as much.
    const budget = { amountUsd: 2, periodStart: START, periodEnd: START + 3600 };
    const traffic = steady(30, 3600);
    const guarded = (inDryRun: boolean) =>
      rehearse(chat({ resources: guardResources(budget, { dryRun: inDryRun }) }), traffic, {
        service: { kind: 'distribution', distribution: 'constant', meanSeconds: 1 },
        startSeconds: START,
        startInstances: 2,
        provisioning: { kind: 'measured', seconds: [60] },
      });
    const limited = guarded(false);
    expect(limited.cost.guardLevel).toBe('shrink');
    expect(limited.events.filter(({ kind }) => kind === 'guard').map(({ title }) => title)).toContain('guard: shrink');
    expect(limited.timeline.at(-1)!.maximum).toBeLessThan(8);
    expect(limited.missedBy.guard).toBeGreaterThan(0);
    const dryRun = guarded(true);
    expect(dryRun.cost.guardLevel).toBe('shrink');
    expect(dryRun.timeline.every(({ maximum }) => maximum === 8)).toBe(true);
    expect(dryRun.cost.usd).toBeGreaterThan(limited.cost.usd);
    expect(dryRun.sloPercent).toBeGreaterThan(limited.sloPercent);
  });

  test('has waits over time that agree with those of the whole run', () => {
    const { timeline, waitSeconds } = rehearse(chat(), rising, { seed: 2 });
    for (const { waitSeconds: wait, longestWaitSeconds } of timeline) {
      expect(wait.p50).toBeLessThanOrEqual(wait.p95);
      expect(wait.p95).toBeLessThanOrEqual(wait.p99);
      expect(wait.p99).toBeLessThanOrEqual(longestWaitSeconds + 0.001 + 0.005 * longestWaitSeconds);
    }
    const longest = Math.max(...timeline.map(({ longestWaitSeconds }) => longestWaitSeconds));
    expect(longest).toBeCloseTo(waitSeconds.maximum, 2);
  });

  test('has at most 1440 intervals for a run of any length', () => {
    const { timeline } = rehearse(fixed(1), steady(0.01, 30 * 86_400), SECOND);
    expect(timeline.length).toBeGreaterThan(700);
    expect(timeline.length).toBeLessThanOrEqual(1440);
  });

  test('is compared with the best schedule in hindsight, which meets the objective at a lower cost', () => {
    const fleet = chat({ target: { MinCapacity: 1, MaxCapacity: 8 } });
    const options: RehearsalOptions = { seed: 2, sloWaitSeconds: 2, startInstances: 8 };
    const rehearsal = rehearse(fleet, rising, options);
    const best = hindsight(fleet, rising, rehearsal)!;
    expect(best.sloPercent).toBeGreaterThanOrEqual(99);
    expect(best.instanceHours).toBeLessThan(rehearsal.capacity.instanceHours);
    // 5400 s of a month of 730 hours, at 1.408 USD an instance-hour.
    expect(best.usdPerMonth).toBeCloseTo((best.instanceHours / 1.5) * 1.408 * 730, 0);
    expect(hindsight(fleet, rising, rehearsal)).toEqual(best);
    expect(hindsight(fleet, rising, rehearse(fleet, rising, { ...options, toSeconds: 300 }))).toBeUndefined();
  });

  test('replays a window of the traffic', () => {
    const { requests, traffic } = rehearse(fixed(2), steady(4, 3600), { ...SECOND, fromSeconds: 600, toSeconds: 900 });
    expect(traffic.seconds).toBe(300);
    expect(requests.arrived).toBe(1200);
  });

  test.each<[string, RehearsalOptions, RegExp]>([
    ['a start after the end', { fromSeconds: 4000 }, /begins 4000 s into steady, which ends after 3600 s/],
    [
      'more instances than the maximum',
      { startInstances: 9 },
      /9 instances .* endpoint\/chat\/variant\/main; it has 1 to 8/,
    ],
    ['a percentage above 100', { sloPercent: 101 }, /sloPercent \(101\) must be a number from 0 to 100/],
    ['no measured time', { provisioning: { kind: 'measured', seconds: [] } }, /provisioning times is empty/],
    ['a price of 0', { pricesPerHourUsd: { 'ml.g5.xlarge': 0 } }, /price of ml.g5.xlarge \(0\) must be above 0/],
    [
      'a failure that ends before it begins',
      { capacityFailures: [{ instanceType: 'ml.g5.xlarge', fromSeconds: 9, toSeconds: 3 }] },
      /runs from 9 to 3 s/,
    ],
  ])('refuses %s', (_name, options, message) => {
    expect(() => rehearse(chat(), steady(1, 3600), options)).toThrow(message);
  });

  test('more requests than a run of single requests ends with are refused, in the window that is played', () => {
    expect(() => rehearse(chat(), steady(2_000_000, 60), SECOND)).toThrow(
      'steady has 120000000 requests in this window; a rehearsal plays them one by one and takes at most 100000000. ' +
        'Correct the counts, give a part of the trace, or compare policies second by second with tidegate compare',
    );
    const many = { ...steady(10, 600), requestCount: 1_000_000_000 };
    expect(() => rehearse(chat(), many, SECOND)).toThrow('steady has 1000000000 requests');
    expect(() => rehearse(chat(), many, { ...SECOND, toSeconds: 6 })).not.toThrow();
  });
});
