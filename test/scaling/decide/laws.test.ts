import fc from 'fast-check';
import { decide } from '../../../lib/scaling/decide/decide';
import { EMPTY_MEMORY, type ScalingMemory } from '../../../lib/scaling/decide/memory';
import type { FleetObservation, PolicySignal } from '../../../lib/scaling/decide/observation';
import type { FleetPlan, ScalingPolicy } from '../../../lib/scaling/decide/plan';

const policyName = fc.constantFrom('a', 'b', 'c');
const cooldown = fc.integer({ min: 1, max: 900 });

const trackingPolicy: fc.Arbitrary<ScalingPolicy> = fc.record({
  kind: fc.constant('target-tracking' as const),
  policyName,
  targetValue: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
  scaleOutCooldownSeconds: cooldown,
  scaleInCooldownSeconds: cooldown,
  disableScaleIn: fc.boolean(),
});

const stepPolicy: fc.Arbitrary<ScalingPolicy> = fc.record({
  kind: fc.constant('step' as const),
  policyName,
  adjustmentType: fc.constantFrom('ChangeInCapacity' as const, 'PercentChangeInCapacity' as const),
  threshold: fc.integer({ min: 1, max: 100 }),
  cooldownSeconds: cooldown,
  steps: fc.tuple(fc.integer({ min: -90, max: 0 }), fc.integer({ min: 0, max: 300 })).map(([below, above]) => [
    { upperBound: 0, adjustment: below },
    { lowerBound: 0, adjustment: above },
  ]),
});

const policies = fc.uniqueArray(fc.oneof(trackingPolicy, stepPolicy), {
  maxLength: 3,
  selector: ({ policyName: name }) => name,
});

const signal: fc.Arbitrary<PolicySignal> = fc.oneof(
  fc.constant({}),
  fc.record({ value: fc.double({ min: 0, max: 1e7, noNaN: true }) }),
  fc.record({ value: fc.constantFrom(NaN, Infinity, -5, 0) }),
);

const plan: fc.Arbitrary<FleetPlan> = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 80 }), policies)
  .map(([minCapacity, room, chosen]) => ({
    minCapacity,
    maxCapacity: minCapacity + room,
    policies: chosen,
    schedules: [],
  }));

interface Glimpse {
  readonly laterSeconds: number;
  readonly signals: { readonly [name: string]: PolicySignal };
  readonly ceiling: number | undefined;
}

const glimpse: fc.Arbitrary<Glimpse> = fc.record({
  laterSeconds: fc.integer({ min: 1, max: 600 }),
  signals: fc.record({ a: signal, b: signal, c: signal }),
  ceiling: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
});

/** Plays observations after one another; `check` sees each decision. */
function play(
  fleet: FleetPlan,
  start: number,
  glimpses: readonly Glimpse[],
  check: (seen: FleetObservation, memory: ScalingMemory, result: ReturnType<typeof decide>) => void,
): void {
  let memory = EMPTY_MEMORY;
  let desiredCapacity = start;
  let atSeconds = 1_800_000_000;
  for (const { laterSeconds, signals, ceiling } of glimpses) {
    atSeconds += laterSeconds;
    const ceilings = ceiling === undefined ? [] : [{ source: 'guard', maxCapacity: ceiling, reason: 'budget' }];
    const seen: FleetObservation = { atSeconds, desiredCapacity, signals, ceilings };
    const result = decide(fleet, seen, memory);
    check(seen, memory, result);
    memory = result.memory;
    desiredCapacity = result.decision.desiredCapacity;
  }
}

const story = [plan, fc.integer({ min: 0, max: 120 }), fc.array(glimpse, { minLength: 1, maxLength: 12 })] as const;

describe('the laws of deciding', () => {
  test('a capacity is a whole number within the limits and under every ceiling', () => {
    fc.assert(
      fc.property(...story, (fleet, start, glimpses) => {
        play(fleet, start, glimpses, (seen, _memory, { decision }) => {
          const ceiling = Math.min(Infinity, ...(seen.ceilings ?? []).map(({ maxCapacity }) => maxCapacity));
          expect(Number.isInteger(decision.desiredCapacity)).toBe(true);
          expect(decision.desiredCapacity).toBeLessThanOrEqual(Math.min(fleet.maxCapacity, ceiling));
          expect(decision.desiredCapacity).toBeGreaterThanOrEqual(Math.min(fleet.minCapacity, ceiling));
        });
      }),
    );
  });

  test('the outcome and the steps agree with the capacity, and every step has a reason', () => {
    fc.assert(
      fc.property(...story, (fleet, start, glimpses) => {
        play(fleet, start, glimpses, (seen, _memory, { decision }) => {
          const change = Math.sign(decision.desiredCapacity - seen.desiredCapacity);
          expect({ 'scale-out': 1, 'scale-in': -1, hold: 0 }[decision.outcome]).toBe(change);
          expect(decision.steps[decision.steps.length - 1]!.to).toBe(decision.desiredCapacity);
          for (const { stage, reason } of decision.steps) expect(stage.length * reason.length).toBeGreaterThan(0);
        });
      }),
    );
  });

  test('deciding again at the same moment changes nothing, unless limits had to correct the fleet', () => {
    fc.assert(
      fc.property(...story, (fleet, start, glimpses) => {
        play(fleet, start, glimpses, (seen, _memory, first) => {
          const ceilings = (seen.ceilings ?? []).map(({ maxCapacity }) => maxCapacity);
          const most = Math.min(fleet.maxCapacity, ...ceilings);
          if (seen.desiredCapacity < fleet.minCapacity || seen.desiredCapacity > most) return;
          const again = decide(fleet, { ...seen, desiredCapacity: first.decision.desiredCapacity }, first.memory);
          expect(again.decision.desiredCapacity).toBe(first.decision.desiredCapacity);
        });
      }),
    );
  });

  test('the same question has the same answer, and neither plan nor memory is touched', () => {
    fc.assert(
      fc.property(...story, (fleet, start, glimpses) => {
        play(fleet, start, glimpses, (seen, memory, result) => {
          const before = JSON.stringify([fleet, seen, memory]);
          expect(decide(fleet, seen, memory)).toEqual(result);
          expect(JSON.stringify([fleet, seen, memory])).toBe(before);
        });
      }),
    );
  });

  test('a higher metric never asks target tracking for less', () => {
    const value = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.1, max: 1e4, noNaN: true }),
        value,
        value,
        (capacity, targetValue, one, two) => {
          const fleet: FleetPlan = {
            minCapacity: 0,
            maxCapacity: 1e9,
            policies: [{ kind: 'target-tracking', policyName: 'a', targetValue }],
            schedules: [],
          };
          const at = (metric: number) =>
            decide(fleet, { atSeconds: 0, desiredCapacity: capacity, signals: { a: { value: metric } } }, EMPTY_MEMORY)
              .decision.desiredCapacity;
          expect(at(Math.max(one, two))).toBeGreaterThanOrEqual(at(Math.min(one, two)));
        },
      ),
    );
  });

  test('after a change by target tracking the same load lies at or below the target, and one fewer would not do', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.1, max: 1e4, noNaN: true }),
        fc.double({ min: 0.001, max: 50, noNaN: true }),
        (capacity, targetValue, ratio) => {
          const fleet: FleetPlan = {
            minCapacity: 0,
            maxCapacity: 1e9,
            policies: [{ kind: 'target-tracking', policyName: 'a', targetValue }],
            schedules: [],
          };
          const value = targetValue * ratio;
          const seen = { atSeconds: 0, desiredCapacity: capacity, signals: { a: { value } } };
          const { outcome, desiredCapacity } = decide(fleet, seen, EMPTY_MEMORY).decision;
          if (outcome === 'hold') return;
          const load = capacity * value;
          expect(load / desiredCapacity).toBeLessThanOrEqual(targetValue * (1 + 1e-6));
          if (desiredCapacity > 1) expect(load / (desiredCapacity - 1)).toBeGreaterThan(targetValue * (1 - 1e-6));
        },
      ),
    );
  });

  test('a scale-in is never followed by another within its cooldown', () => {
    fc.assert(
      fc.property(...story, (fleet, start, glimpses) => {
        let lastIn: { readonly atSeconds: number; readonly cooldownSeconds: number } | undefined;
        const unguarded = glimpses.map((each) => ({ ...each, ceiling: undefined }));
        play(fleet, start, unguarded, (seen, _memory, { decision, memory }) => {
          if (decision.outcome === 'scale-out') lastIn = undefined;
          if (decision.outcome !== 'scale-in' || decision.decidedBy === undefined) return;
          if (lastIn !== undefined) {
            expect(seen.atSeconds - lastIn.atSeconds).toBeGreaterThanOrEqual(lastIn.cooldownSeconds);
          }
          lastIn = memory.scaleIn;
        });
      }),
    );
  });

  test('missing data changes nothing within the limits', () => {
    fc.assert(
      fc.property(plan, fc.integer({ min: 0, max: 100 }), (fleet, start) => {
        const desiredCapacity = Math.min(Math.max(start, fleet.minCapacity), fleet.maxCapacity);
        const seen = { atSeconds: 0, desiredCapacity, signals: {} };
        expect(decide(fleet, seen, EMPTY_MEMORY).decision.outcome).toBe('hold');
      }),
    );
  });
});
