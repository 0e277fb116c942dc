import {
  budgetPeriod,
  decideFleetLimits,
  decideGuardLevel,
  floorsUsd,
  levelRank,
  meterSpend,
  utcMonth,
  DEFAULT_THRESHOLDS,
  type FleetMemory,
  type GuardAction,
  type GuardedFleet,
  type GuardLevel,
  type GuardMemory,
  type GuardPlan,
  type GuardSeen,
  type HeldLimits,
} from '../../../lib/cost/decide';
import { SimulatedFleet } from '../../cost/decide/guarded-fleet';

/** 2026-11-01T00:00:00Z. */
const START = 1_793_491_200;

const FLEET: GuardedFleet = {
  resourceId: 'endpoint/chat/variant/main',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  minCapacity: 1,
  maxCapacity: 8,
  protectedFloor: 1,
  pricesPerHourUsd: { 'ml.g5.xlarge': 1.408, 'ml.g6.xlarge': 1.127 },
};

const PLAN: GuardPlan = {
  fleets: [FLEET],
  runningJobs: 'FINISH',
  dryRun: false,
  trainingPricesPerHourUsd: {},
  thresholds: DEFAULT_THRESHOLDS,
  forecastSmoothingSeconds: 3600,
};

/** Evaluates one look. */
type Rule = (
  seen: GuardSeen,
  memory: GuardMemory | undefined,
) => { readonly level: GuardLevel; readonly actions: readonly GuardAction[]; readonly memory: GuardMemory };

const present: Rule = (seen, memory) => {
  const { decision, memory: next } = decideGuardLevel(PLAN, seen, memory);
  return { level: decision.level, actions: decision.actions, memory: next };
};

/** The rule before: levels by the spend alone, at 90 and 100 % of the budget. */
const former: Rule = (seen, memory) => {
  const budget = seen.budget!;
  const metered = meterSpend(PLAN, seen, memory, budgetPeriod(budget, seen.atSeconds));
  const used = (100 * metered.spentUsd) / budget.amountUsd;
  const at = (below: number): GuardLevel =>
    used >= 100 - below ? 'shrink' : used >= 90 - below ? 'freeze-growth' : 'ok';
  const previous = memory?.level ?? 'ok';
  const level =
    levelRank(at(0)) >= levelRank(previous) ? at(0) : levelRank(at(5)) < levelRank(previous) ? at(5) : previous;
  const fleets: { [resourceId: string]: FleetMemory } = {};
  const actions: GuardAction[] = [];
  const holds: { [resourceId: string]: HeldLimits } = {};
  for (const fleet of PLAN.fleets) {
    const outcome = decideFleetLimits(
      fleet,
      level,
      seen.fleets[0]!.limits,
      metered.fleets[fleet.resourceId]!,
      memory?.holds[fleet.resourceId],
    );
    if (outcome.held !== undefined) holds[fleet.resourceId] = outcome.held;
    fleets[fleet.resourceId] = outcome.memory;
    if (outcome.action !== undefined) actions.push(outcome.action);
  }
  const { atSeconds, meteredSince, spend, smoothedRateUsdPerHour, training } = metered;
  const rest = {
    meteredSince,
    spend,
    smoothedRateUsdPerHour,
    training,
    notices: [],
    holds,
    ownersLimits: {},
    rehearsedHolds: {},
  };
  return { level, actions, memory: { atSeconds, budget, level, fleets, ...rest } };
};

interface Demand {
  readonly instances: Uint8Array;
  readonly instanceType: string;
  /** Share of looks that are late, by 1 to 5 minutes. */
  readonly lateShare: number;
}

function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Demand of a month: days that rise and fall, quieter weekends, surges, and every fourth month a demand for all instances. */
function demandOf(random: () => number, minutes: number): Demand {
  const full = random() < 0.25;
  const base = 0.5 + 3 * random();
  const wave = 6 * random();
  const surges = 1 / (60 * (4 + 100 * random()));
  const instances = new Uint8Array(minutes);
  let surge = 0;
  for (let minute = 0; minute < minutes; minute++) {
    if (random() < surges) surge = 3 + Math.floor(12 * random());
    const day = (1 - Math.cos((2 * Math.PI * minute) / 1440)) / 2;
    const weekend = Math.floor(minute / 1440) % 7 >= 5 ? 0.5 : 1;
    const held =
      minute % 10 > 0 ? instances[minute - 1]! : Math.ceil((base + wave * day) * weekend + (surge-- > 0 ? 3 : 0));
    instances[minute] = full ? 8 : Math.min(8, held);
  }
  return {
    instances,
    instanceType: random() < 0.5 ? 'ml.g5.xlarge' : 'ml.g6.xlarge',
    lateShare: random() < 0.3 ? 0.02 : 0,
  };
}

export interface MonthResult {
  readonly minutes: number;
  readonly budgetUsd: number;
  readonly demandUsd: number;
  readonly billedUsd: number;
  /** Minutes from the moment from which the budget cannot be kept any more to the fleet at its floor; null without such a moment. */
  readonly breachToCapMinutes: number | null;
  /** Minutes from the level `shrink` to the fleet at its floor; null where it was not entered. */
  readonly shrinkToCapMinutes: number | null;
  /** Cost of a minute at the highest capacity of the month. */
  readonly burnUsdPerMinute: number;
  readonly limited: boolean;
  /** Returns from a level that limits. */
  readonly releases: number;
}

function playMonth(
  rule: Rule,
  demand: Demand,
  amountUsd: number,
  startSeconds: number,
  random: () => number,
): MonthResult {
  const fleet = new SimulatedFleet(FLEET, demand.instanceType);
  const budget = { amountUsd, periodStart: null, periodEnd: null };
  const { length } = demand.instances;
  let memory: GuardMemory | undefined;
  let [next, evaluated, burn, releases] = [0, 0, 0, 0];
  let [breach, breachCap, shrink, shrinkCap] = [-1, -1, -1, -1];
  let level: GuardLevel = 'ok';
  let limited = false;
  for (let minute = 0; minute < length; minute++) {
    if (minute >= next) {
      const seen = {
        atSeconds: startSeconds + 60 * minute,
        budget,
        budgetRefusal: null,
        fleets: [fleet.seen()],
        trainingJobs: [],
      };
      const outcome = rule(seen, memory);
      fleet.apply(outcome.actions);
      if (levelRank(level) >= 2 && levelRank(outcome.level) < levelRank(level)) releases++;
      ({ level, memory } = outcome);
      limited ||= levelRank(level) >= 2;
      if (shrink < 0 && level === 'shrink') shrink = minute;
      evaluated++;
      next = minute + (random() < demand.lateShare ? 2 + Math.floor(5 * random()) : 1);
    }
    const before = fleet.billedUsd;
    fleet.passMinute(demand.instances[minute]!);
    burn = Math.max(burn, fleet.billedUsd - before);
    const floors =
      floorsUsd([FLEET], 60 * (length - minute - 1)) * (FLEET.pricesPerHourUsd[demand.instanceType]! / 1.408);
    if (breach < 0 && fleet.billedUsd + floors > amountUsd) breach = minute;
    if (breach >= 0 && breachCap < 0 && fleet.isAtFloor && level === 'shrink') breachCap = minute;
    if (shrink >= 0 && shrinkCap < 0 && fleet.isAtFloor) shrinkCap = minute;
  }
  return {
    minutes: evaluated,
    budgetUsd: amountUsd,
    demandUsd: fleet.demandUsd,
    billedUsd: fleet.billedUsd,
    breachToCapMinutes: breach < 0 ? null : (breachCap < 0 ? length : breachCap) - breach,
    shrinkToCapMinutes: shrink < 0 || shrinkCap < 0 ? null : shrinkCap - shrink,
    burnUsdPerMinute: burn,
    limited,
    releases,
  };
}

/** Plays months of random demand under both rules until as many minutes as asked for were evaluated by each. */
function bench(minutes: number, seed: number): { present: MonthResult[]; former: MonthResult[]; wallSeconds: number } {
  const began = process.hrtime.bigint();
  const results: { present: MonthResult[]; former: MonthResult[] } = { present: [], former: [] };
  const random = randomOf(seed);
  let evaluated = 0;
  let start = START;
  while (evaluated < minutes) {
    const period = utcMonth(start);
    const length = (period.endSeconds - period.startSeconds) / 60;
    const demand = demandOf(random, length);
    const alone = new SimulatedFleet(FLEET, demand.instanceType);
    for (const instances of demand.instances) alone.passMinute(instances);
    // From budgets just above the floor to twice the cost of the demand; every third one is 1.3 times as much as the demand costs.
    const floor = 1.02 * floorsUsd([FLEET], 60 * length);
    const wanted = random() < 1 / 3 ? 1.3 : 0.3 + 1.7 * random();
    const amountUsd = Math.max(floor, wanted * alone.demandUsd);
    const seeds = Math.floor(2 ** 31 * random());
    const month = playMonth(present, demand, amountUsd, period.startSeconds, randomOf(seeds));
    results.present.push(month);
    results.former.push(playMonth(former, demand, amountUsd, period.startSeconds, randomOf(seeds)));
    evaluated += month.minutes;
    start = period.endSeconds;
  }
  return { ...results, wallSeconds: Number(process.hrtime.bigint() - began) / 1e9 };
}

process.stdout.write(JSON.stringify(bench(Number(process.argv[2]), Number(process.argv[3]))));
