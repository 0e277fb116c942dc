import * as fc from 'fast-check';
import {
  decideGuardLevel,
  levelRank,
  type CapacityBounds,
  type GuardMemory,
  type GuardSeen,
} from '../../../lib/cost/decide';
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
  readonly bounds: CapacityBounds;
}

/** Plays a guard against a scalable target that does as it is told. */
function play(amountUsd: number, steps: readonly { elapsed: number; count: number; blind: boolean }[]): Played[] {
  let at = NOVEMBER;
  let memory: GuardMemory | undefined;
  let bounds: CapacityBounds = { minCapacity: fleet.minCapacity, maxCapacity: fleet.maxCapacity };
  return steps.map(({ elapsed, count, blind }) => {
    at += elapsed;
    const seen: GuardSeen = {
      atSeconds: at,
      budget: { amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + 86_400 },
      fleets: blind ? [] : [fleetSeen(count, { bounds })],
      trainingJobs: [],
    };
    const outcome = decideGuardLevel(plan, seen, memory);
    memory = outcome.memory;
    for (const { minCapacity, maxCapacity } of outcome.decision.actions) bounds = { minCapacity, maxCapacity };
    return { seen, memory, spentUsd: outcome.decision.spentUsd, bounds };
  });
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
        for (const { bounds } of play(amount, steps)) {
          expect(bounds.maxCapacity).toBeGreaterThanOrEqual(fleet.protectedFloor);
          expect(bounds.maxCapacity).toBeLessThanOrEqual(fleet.maxCapacity);
          expect(bounds.minCapacity).toBeLessThanOrEqual(bounds.maxCapacity);
        }
      }),
    );
  });

  test('a shrunk fleet may have its protected floor and no more', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        for (const { memory, bounds } of play(amount, steps))
          if (memory.level === 'shrink') expect(bounds.maxCapacity).toBe(fleet.protectedFloor);
      }),
    );
  });

  test('deciding again from its own memory asks for nothing more', () => {
    fc.assert(
      fc.property(budgetUsd, looks, (amount, steps) => {
        const { seen, memory, bounds } = play(amount, steps).at(-1)!;
        const same = { ...seen, fleets: seen.fleets.map((one) => ({ ...one, bounds })) };
        const again = decideGuardLevel(plan, same, memory);
        expect(again.decision.actions).toEqual([]);
        expect(again.decision.levelChanges).toEqual([]);
        expect(again.memory).toEqual(memory);
      }),
    );
  });

  test('the meter never runs behind a fleet that moves one way between two looks', () => {
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
