import * as fc from 'fast-check';
import { Random } from '../../../lib/simulation/random';
import { candidateBlueprint, candidateToday, targetOf } from '../../../lib/simulation/tuning/candidate';
import { CandidateSpace } from '../../../lib/simulation/tuning/candidate-space';
import { beyondThePool, untunable } from '../../../lib/simulation/tuning/model-limits';
import { guardResources } from '../template/chat-template';
import { candidateWith, chatFleet, dailyTraffic, demandFor } from './tuning-support';

const MONTHLY = { amountUsd: 1000, period: 'month' } as never;

describe('a candidate', () => {
  test.each([
    ['concurrency-10s', 0.7, 5.6], // 8 slots × 0.7
    ['concurrency-60s', 0.55, 4.4],
    ['invocations', 0.5, 120], // 8 slots ÷ 2 s × 60 × 0.5
  ] as const)('on %s at %d has the target %d', (metric, safetyFactor, target) => {
    const fleet = { slotsPerInstance: 8, meanServiceSeconds: 2 };
    expect(targetOf(candidateWith({ metric, safetyFactor }), fleet)).toBe(target);
  });

  test('takes the place of policy, limits and step alarms, and leaves the rest', () => {
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
    'on %s is recognised in the fleet that has it',
    (metric) => {
      const candidate = candidateWith({ metric, safetyFactor: 0.75 });
      expect(candidateToday(candidateBlueprint(chatFleet(), candidate, 2), 2)).toEqual(candidate);
    },
  );

  test('is not read from a fleet with several policies, or one that never shrinks', () => {
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
      fc.property(fc.integer(), fc.integer({ min: 1, max: 8 }), (seed, leastCapacity) => {
        const space = new CandidateSpace(chatFleet(), demand, leastCapacity);
        const random = new Random(seed);
        const explored = space.explore(10, random);
        for (const one of [...explored, ...explored.map((candidate) => space.near(candidate, random))]) {
          expect(one.safetyFactor).toBeGreaterThanOrEqual(0.2);
          expect(one.safetyFactor).toBeLessThanOrEqual(1);
          expect(one.minCapacity).toBeGreaterThanOrEqual(leastCapacity);
          expect(one.maxCapacity).toBeGreaterThanOrEqual(one.minCapacity);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("may raise the maximum only where the peak asks for more than today's holds", () => {
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

  test('spreads the shares evenly', () => {
    const shares = new CandidateSpace(chatFleet(), demand).explore(40, new Random(1)).map((one) => one.safetyFactor);
    expect(shares.filter((share) => share < 0.6).length).toBe(20);
  });
});

describe('what can be tuned', () => {
  test('is a real-time fleet with least-outstanding routing, without exact search', () => {
    expect(untunable(chatFleet())).toBeUndefined();
    expect(beyondThePool(chatFleet())).toEqual([]);
  });

  test('leaves out asynchronous and suspended fleets, each with the way out', () => {
    expect(untunable(chatFleet({ config: { AsyncInferenceConfig: {} } }))).toMatch(/asynchronous.*tidegate simulate/);
    const suspended = chatFleet({
      target: { MinCapacity: 1, MaxCapacity: 8, SuspendedState: { DynamicScalingInSuspended: true } },
    });
    expect(untunable(suspended)).toMatch(/suspended.*take the suspension out/);
  });

  test('is searched request by request with random routing, schedules or a guard', () => {
    const random = chatFleet({ variant: { RoutingConfig: { RoutingStrategy: 'RANDOM' } } });
    expect(beyondThePool(random)).toEqual(['requests are routed at random (RANDOM)']);
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
    expect(beyondThePool(scheduled)).toEqual(['schedules change its limits']);
    expect(beyondThePool(chatFleet({ resources: guardResources(MONTHLY) }))).toEqual([
      'a cost guard changes its limits',
    ]);
    expect(beyondThePool(chatFleet({ resources: guardResources(MONTHLY, { dryRun: true }) }))).toEqual([]);
  });
});
