import * as fc from 'fast-check';
import { Random } from '../../../lib/simulation/random';
import { candidateBlueprint, candidateToday, targetOf } from '../../../lib/simulation/tune/candidate';
import { CandidateSpace } from '../../../lib/simulation/tune/candidate-space';
import { exactSearchReasons, untunableReason } from '../../../lib/simulation/tune/model-limits';
import { guardResources } from '../blueprint/chat-template';
import { candidateWith, chatFleet, dailyTraffic, demandFor } from './tuning-support';

const MONTHLY = { amountUsd: 1000, periodStart: null, periodEnd: null } as never;

describe('a candidate', () => {
  test.each([
    ['concurrency-10s', 0.7, 5.6], // 8 slots × 0.7
    ['concurrency-60s', 0.55, 4.4],
    ['invocations', 0.5, 120], // 8 slots ÷ 2 s × 60 × 0.5
  ] as const)('on %s at %d has the target %d', (metric, targetRatio, target) => {
    const fleet = { slotsPerInstance: 8, meanServiceSeconds: 2 };
    expect(targetOf(candidateWith({ metric, targetRatio }), fleet)).toBe(target);
  });

  test('replaces policy, limits and step alarms, and keeps the rest', () => {
    const fleet = chatFleet();
    const changed = candidateBlueprint(fleet, candidateWith({ minCapacity: 3, maxCapacity: 9 }), 2);
    expect(changed).toEqual({
      ...fleet,
      plan: {
        ...fleet.plan,
        minCapacity: 3,
        maxCapacity: 9,
        policies: [
          {
            kind: 'target-tracking',
            policyName: 'concurrency',
            metric: {
              kind: 'predefined',
              predefinedMetricType: 'SageMakerVariantConcurrentRequestsPerModelHighResolution',
            },
            targetValue: 5.6,
            scaleOutCooldownSeconds: 60,
            scaleInCooldownSeconds: 300,
            disableScaleIn: false,
          },
        ],
      },
      stepAlarms: [],
    });
  });

  test.each(['concurrency-10s', 'concurrency-60s', 'invocations'] as const)(
    'on %s is recognized in the fleet that has it',
    (metric) => {
      const candidate = candidateWith({ metric, targetRatio: 0.75 });
      expect(candidateToday(candidateBlueprint(chatFleet(), candidate, 2), 2)).toEqual(candidate);
    },
  );

  test('is not recognized in a fleet with several policies, or with one that never scales in', () => {
    const fleet = chatFleet();
    const [policy] = fleet.plan.policies;
    const policies = [policy!, { ...policy!, policyName: 'other' }];
    expect(candidateToday({ ...fleet, plan: { ...fleet.plan, policies } }, 2)).toBeUndefined();
    const growing = [{ ...policy!, disableScaleIn: true } as never];
    expect(candidateToday({ ...fleet, plan: { ...fleet.plan, policies: growing } }, 2)).toBeUndefined();
  });
});

describe('the space of candidates', () => {
  const demand = demandFor(dailyTraffic(1, 120, 1200));

  test('has only settings that the fleet accepts', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), (seed, minCapacityFloor) => {
        const space = new CandidateSpace(chatFleet(), demand, minCapacityFloor);
        const random = new Random(seed);
        const explored = space.explore(10, random);
        for (const one of [...explored, ...explored.map((candidate) => space.near(candidate, random))]) {
          expect(one.targetRatio).toBeGreaterThanOrEqual(0.2);
          expect(one.targetRatio).toBeLessThanOrEqual(1);
          expect(one.minCapacity).toBeGreaterThanOrEqual(minCapacityFloor);
          expect(one.maxCapacity).toBeGreaterThanOrEqual(one.minCapacity);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("may raise the maximum only if the peak needs more than today's", () => {
    const large = chatFleet({ target: { MinCapacity: 1, MaxCapacity: 20 } });
    expect(new CandidateSpace(large, demand).maximums).toEqual([20]);
    const small = chatFleet({ target: { MinCapacity: 1, MaxCapacity: 2 } });
    const { maximums } = new CandidateSpace(small, demand);
    expect(maximums).toHaveLength(2);
    expect(maximums[1]).toBeGreaterThan(6); // 20 a second × 2 s ÷ (8 slots × 0.7) = 7.1, and bursts
  });

  test('has minimums up to the peak, for traffic that rises faster than instances start', () => {
    const { minimums, highMinimums, maximums } = new CandidateSpace(chatFleet(), demand, 2);
    expect(minimums[0]).toBe(2);
    expect(highMinimums.at(-1)).toBe(maximums.at(-1));
  });

  test('spreads the target ratios evenly', () => {
    const ratios = new CandidateSpace(chatFleet(), demand).explore(40, new Random(1)).map((one) => one.targetRatio);
    expect(ratios.filter((ratio) => ratio < 0.6).length).toBe(20);
  });
});

describe('what can be tuned', () => {
  test('is a real-time fleet with least-outstanding routing, by estimates', () => {
    expect(untunableReason(chatFleet())).toBeUndefined();
    expect(exactSearchReasons(chatFleet())).toEqual([]);
  });

  test('leaves out asynchronous and suspended fleets, each with a remedy', () => {
    expect(untunableReason(chatFleet({ config: { AsyncInferenceConfig: {} } }))).toMatch(
      /asynchronous.*tidegate simulate/,
    );
    const suspended = chatFleet({
      target: { MinCapacity: 1, MaxCapacity: 8, SuspendedState: { DynamicScalingInSuspended: true } },
    });
    expect(untunableReason(suspended)).toMatch(/suspended.*remove the suspension/);
  });

  test('is rehearsed request by request with random routing, schedules or a guard', () => {
    const random = chatFleet({ variant: { RoutingConfig: { RoutingStrategy: 'RANDOM' } } });
    expect(exactSearchReasons(random)).toEqual(['requests are routed at random (RANDOM)']);
    const scheduled = chatFleet({
      target: {
        MinCapacity: 1,
        MaxCapacity: 8,
        ScheduledActions: [
          {
            ScheduledActionName: 'morning',
            Schedule: 'cron(0 8 * * ? *)',
            ScalableTargetAction: { MinCapacity: 4 },
          },
        ],
      },
    });
    expect(exactSearchReasons(scheduled)).toEqual(['schedules change its limits']);
    expect(exactSearchReasons(chatFleet({ resources: guardResources(MONTHLY) }))).toEqual([
      'a cost guard changes its limits',
    ]);
    expect(exactSearchReasons(chatFleet({ resources: guardResources(MONTHLY, { dryRun: true }) }))).toEqual([]);
  });
});
