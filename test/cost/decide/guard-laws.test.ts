import * as fc from 'fast-check';
import { decideGuardLevel, levelRank, type GuardMemory, type GuardSeen } from '../../../lib/cost/decide';
import type { CapacityLimits } from '../../../lib/scaling/decide/limits';
import { NOVEMBER, RESOURCE, fleet, fleetSeen, plan } from './fixtures';

const budgetUsd = fc.double({ min: 0.5, max: 50, noNaN: true });
const look = fc.record({
  elapsed: fc.integer({ min: 0, max: 600 }),
  count: fc.integer({ min: 0, max: 8 }),
  blind: fc.boolean(),
});
const looks = fc.array(look, { minLength: 1, maxLength: 40 });

interface Played {
  readonly seen: GuardSeen;
  readonly memory: GuardMemory;
  readonly spentUsd: number;
  readonly limits: CapacityLimits;
}

/** Simulates a guard with a scalable target that accepts its limits. */
function play(amountUsd: number, steps: readonly { elapsed: number; count: number; blind: boolean }[]): Played[] {
  let at = NOVEMBER;
  let memory: GuardMemory | undefined;
  let limits: CapacityLimits = { minCapacity: fleet.minCapacity, maxCapacity: fleet.maxCapacity };
  return steps.map(({ elapsed, count, blind }) => {
    at += elapsed;
    const seen: GuardSeen = {
      atSeconds: at,
      budget: { amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + 86_400 },
      budgetRefusal: null,
      fleets: blind ? [] : [fleetSeen(count, { limits: { kind: 'in-force', ...limits } })],
      trainingJobs: [],
    };
    const outcome = decideGuardLevel(plan, seen, memory);
    memory = outcome.memory;
    for (const { minCapacity, maxCapacity } of outcome.decision.actions) limits = { minCapacity, maxCapacity };
    return { seen, memory, spentUsd: outcome.decision.spentUsd, limits };
  });
}

/** The state without the limits that are neither wanted nor in force, which are forgotten after some evaluations. */
function withoutAge({ holds, ...memory }: GuardMemory) {
  const held = Object.entries(holds).filter(([, { status }]) => status === 'set');
  return { ...memory, holds: held.map(([resourceId, { claimed }]) => [resourceId, claimed.at(-1)]) };
}

describe('laws of the guard', () => {
  test('spend never falls within a period', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        const spent = play(amount, steps).map((step) => step.spentUsd);
        spent.forEach((value, index) => expect(value).toBeGreaterThanOrEqual(spent[index - 1] ?? 0));
      }),
    );
  });

  test('levels that limit are never left within a period', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        let strongest = 0;
        for (const { memory } of play(amount, steps)) {
          const rank = levelRank(memory.level);
          if (strongest >= levelRank('freeze-growth')) expect(rank).toBeGreaterThanOrEqual(strongest);
          strongest = Math.max(strongest, rank);
        }
      }),
    );
  });

  test('limits stay between the protected floor and the declared maximum', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        for (const { limits } of play(amount, steps)) {
          expect(limits.maxCapacity).toBeGreaterThanOrEqual(fleet.protectedFloor);
          expect(limits.maxCapacity).toBeLessThanOrEqual(fleet.maxCapacity);
          expect(limits.minCapacity).toBeLessThanOrEqual(limits.maxCapacity);
        }
      }),
    );
  });

  test('a shrunk fleet may have its protected floor and no more', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        for (const { memory, limits } of play(amount, steps))
          if (memory.level === 'shrink') expect(limits.maxCapacity).toBe(fleet.protectedFloor);
      }),
    );
  });

  test('deciding again from its own memory changes nothing', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        const { seen, memory, limits } = play(amount, steps).at(-1)!;
        const same = {
          ...seen,
          fleets: seen.fleets.map((one) => ({ ...one, limits: { kind: 'in-force' as const, ...limits } })),
        };
        const again = decideGuardLevel(plan, same, memory);
        expect(again.decision.actions).toEqual([]);
        expect(again.decision.levelChanges).toEqual([]);
        expect(withoutAge(again.memory)).toEqual(withoutAge(memory));
      }),
    );
  });

  test('the meter never runs behind a fleet that changes in one direction between two evaluations', () => {
    fc.assert(
      fc.property(looks, fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
        const played = play(
          1e9,
          steps.map((step) => ({ ...step, blind: false })),
        );
        // The fleet changes its size once between two looks, after the given share of the time.
        let truth = 0;
        for (let index = 1; index < steps.length; index++) {
          const { elapsed, count } = steps[index]!;
          truth += (1.5 * elapsed * (steps[index - 1]!.count * share + count * (1 - share))) / 3600;
        }
        expect(played.at(-1)!.spentUsd).toBeGreaterThanOrEqual(truth - 1e-9);
      }),
    );
  });

  test('a memory survives being written and read', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        const { memory } = play(amount, steps).at(-1)!;
        expect(JSON.parse(JSON.stringify(memory))).toEqual(memory);
        expect(Object.keys(memory.fleets)).toEqual([RESOURCE]);
      }),
    );
  });
});
