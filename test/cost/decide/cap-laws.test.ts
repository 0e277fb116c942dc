import * as fc from 'fast-check';
import {
  decideGuardLevel,
  floorsUsd,
  levelRank,
  withPendingActions,
  type GuardedFleet,
  type GuardMemory,
  type GuardPlan,
  type GuardLevel,
} from '../../../lib/cost/decide';
import { NOVEMBER, plan as basePlan } from './fixtures';
import { SimulatedFleet } from './guarded-fleet';

const price = fc.double({ min: 0.2, max: 40, noNaN: true });
const fleetOf = (index: number): fc.Arbitrary<GuardedFleet> =>
  fc
    .record({
      floor: fc.nat(3),
      minAbove: fc.nat(2),
      maxAbove: fc.nat(8),
      dear: price,
      cheapness: fc.double({ min: 0.3, max: 1, noNaN: true }),
    })
    .map(({ floor, minAbove, maxAbove, dear, cheapness }) => ({
      resourceId: `fleet-${index}`,
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      minCapacity: floor + Math.min(minAbove, maxAbove),
      maxCapacity: floor + maxAbove,
      protectedFloor: floor,
      pricesPerHourUsd: { dear, cheap: dear * cheapness },
    }));

/** Demand that holds for some time, and jumps. */
const block = fc.record({ minutes: fc.integer({ min: 40, max: 600 }), demand: fc.nat(14), otherDemand: fc.nat(14) });

const scene = fc.record({
  fleets: fc.tuple(fleetOf(0), fleetOf(1)),
  isCheap: fc.boolean(),
  hours: fc.integer({ min: 2, max: 30 }),
  blocks: fc.array(block, { minLength: 1, maxLength: 12 }),
  /** Free part of the budget, as a share of what the fleets could spend above their floors. */
  freeShare: fc.double({ min: 0.01, max: 1.1, noNaN: true }),
  /** Minutes between two looks: mostly one. */
  gaps: fc.array(fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 50,
  }),
  /** Looks whose run ends after its claim; the actions of every other one have been done by then. */
  deaths: fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

interface Played {
  readonly billedUsd: number;
  readonly demandUsd: number;
  readonly memory: GuardMemory;
  readonly levels: readonly GuardLevel[];
  readonly lowestMaximum: readonly number[];
  /** Highest cost of a minute. */
  readonly burnUsdPerMinute: number;
  /** Longest time that a look was late, in minutes. */
  readonly lateMinutes: number;
}

interface Faults {
  readonly late: boolean;
  readonly deaths: boolean;
}

function play({ fleets, isCheap, hours, blocks, gaps, deaths }: Scene, amountUsd: number, faults: Faults): Played {
  const plan: GuardPlan = { ...basePlan, fleets };
  const budget = { amountUsd, periodStart: NOVEMBER, periodEnd: NOVEMBER + hours * 3600 };
  const simulated = fleets.map((fleet) => new SimulatedFleet(fleet, isCheap ? 'cheap' : 'dear'));
  const lowestMaximum = simulated.map(({ limits }) => limits.maxCapacity);
  const levels: GuardLevel[] = [];
  let memory: GuardMemory | undefined;
  let next = 0;
  let looks = 0;
  let [late, burn] = [0, 0];
  const demands = blocks.flatMap((one) => Array<typeof one>(one.minutes).fill(one));
  for (let minute = 0; minute <= hours * 60; minute++) {
    if (minute >= next) {
      const seen = {
        atSeconds: NOVEMBER + 60 * minute,
        budget,
        budgetRefusal: null,
        fleets: simulated.map((fleet) => fleet.seen()),
        trainingJobs: [],
      };
      const outcome = decideGuardLevel(plan, seen, memory);
      const dies = faults.deaths && outcome.decision.actions.length > 0 && deaths[looks % deaths.length]!;
      if (!dies || looks % 2 === 0) simulated.forEach((fleet) => fleet.apply(outcome.decision.actions));
      memory = dies ? withPendingActions(outcome.memory, memory, outcome.decision.actions) : outcome.memory;
      levels.push(outcome.decision.level);
      const gap = faults.late ? gaps[looks % gaps.length]! : 1;
      // A run that dies leaves its actions to the next look.
      late = Math.max(late, faults.deaths ? 2 * gap - 1 : gap - 1);
      next = minute + gap;
      looks++;
    }
    if (minute === hours * 60) break;
    const { demand, otherDemand } = demands[minute % demands.length]!;
    const before = billed(simulated);
    simulated[0]!.passMinute(demand);
    simulated[1]!.passMinute(otherDemand);
    burn = Math.max(burn, billed(simulated) - before);
    simulated.forEach(({ limits }, index) => {
      lowestMaximum[index] = Math.min(lowestMaximum[index]!, limits.maxCapacity);
    });
  }
  return {
    billedUsd: billed(simulated),
    demandUsd: simulated.reduce((sum, { demandUsd }) => sum + demandUsd, 0),
    memory: memory!,
    levels,
    lowestMaximum,
    burnUsdPerMinute: burn,
    lateMinutes: late,
  };
}

function billed(simulated: readonly SimulatedFleet[]): number {
  return simulated.reduce((sum, { billedUsd }) => sum + billedUsd, 0);
}

/** A budget that covers the floors, and a part of what the fleets could spend above them. */
function amountOf({ fleets, hours, freeShare }: Scene): number {
  const above = fleets.map((one) => ({ ...one, protectedFloor: one.maxCapacity - one.protectedFloor }));
  return floorsUsd(fleets, hours * 3600) + Math.max(0.01, freeShare * floorsUsd(above, hours * 3600));
}

const ON_TIME: Faults = { late: false, deaths: false };

describe('laws of the cap', () => {
  test('a period ends at or below its budget, but for the minutes until the first look has an effect', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const amount = amountOf(given);
        const { billedUsd, burnUsdPerMinute } = play(given, amount, ON_TIME);
        expect(billedUsd).toBeLessThanOrEqual(amount + 2 * burnUsdPerMinute);
      }),
      { numRuns: 50 },
    );
  });

  test('late looks and runs that die cost no more than the minutes by which they are late', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const amount = amountOf(given);
        const { billedUsd, burnUsdPerMinute, lateMinutes } = play(given, amount, { late: true, deaths: true });
        expect(billedUsd).toBeLessThanOrEqual(amount + (2 + lateMinutes) * burnUsdPerMinute);
      }),
      { numRuns: 50 },
    );
  });

  test('no fleet is limited below its floor', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const { lowestMaximum } = play(given, amountOf(given), { late: true, deaths: true });
        lowestMaximum.forEach((maximum, index) =>
          expect(maximum).toBeGreaterThanOrEqual(given.fleets[index]!.protectedFloor),
        );
      }),
      { numRuns: 20 },
    );
  });

  test('a demand that costs less than 1 / 1.3 of the budget is never limited', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const unlimited = play({ ...given, isCheap: false }, 1e9, ON_TIME);
        const demandUsd = Math.max(unlimited.demandUsd, unlimited.billedUsd);
        fc.pre(demandUsd > 0);
        const { levels } = play(given, 1.3 * demandUsd, ON_TIME);
        expect(levels.every((level) => levelRank(level) < levelRank('freeze-growth'))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('a level that limits is left at most once a day while the budget stays', () => {
    fc.assert(
      fc.property(scene, (given) => {
        const { levels } = play(given, amountOf(given), ON_TIME);
        const falls = levels.filter(
          (level, index) =>
            index > 0 &&
            levelRank(levels[index - 1]!) >= levelRank('freeze-growth') &&
            levelRank(level) < levelRank(levels[index - 1]!),
        ).length;
        expect(falls).toBeLessThanOrEqual(2 * Math.ceil(given.hours / 24));
      }),
      { numRuns: 30 },
    );
  });

  test('a month of demand for eight instances ends within its budget of 2,000 USD', () => {
    const fleet: GuardedFleet = {
      resourceId: 'endpoint/chat/variant/main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      minCapacity: 1,
      maxCapacity: 8,
      protectedFloor: 1,
      pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
    };
    for (const instanceType of ['ml.g5.xlarge', 'ml.g6.xlarge']) {
      const simulated = new SimulatedFleet(fleet, instanceType);
      const budget = { amountUsd: 2000, periodStart: null, periodEnd: null };
      const changes: [number, GuardLevel][] = [];
      let memory: GuardMemory | undefined;
      for (let minute = 0; minute <= 30 * 1440 - 1; minute++) {
        const seen = { budget, budgetRefusal: null, fleets: [simulated.seen()], trainingJobs: [] };
        const outcome = decideGuardLevel(
          { ...basePlan, fleets: [fleet] },
          { ...seen, atSeconds: NOVEMBER + 60 * minute },
          memory,
        );
        simulated.apply(outcome.decision.actions);
        memory = outcome.memory;
        changes.push(...outcome.decision.levelChanges.map(({ level }): [number, GuardLevel] => [minute / 1440, level]));
        simulated.passMinute(8);
      }
      expect(simulated.billedUsd).toBeLessThanOrEqual(2000);
      // What cheaper instances save is spent in the last hours, but for the five points of hysteresis.
      expect(simulated.billedUsd).toBeGreaterThan(1900);
      expect(changes.map(([, level]) => level).slice(0, 3)).toEqual(['warn', 'freeze-growth', 'shrink']);
      expect(changes.length).toBeLessThanOrEqual(4);
    }
  });
});
