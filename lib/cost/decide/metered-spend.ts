import { smoothedRate } from './burn-rate';
import type { BudgetPeriod } from './budget-period';
import {
  dearestPrice,
  fleetRate,
  isFinished,
  secondsInPeriod,
  spentUsd,
  trainingJobUsd,
  type TrainingJobSeen,
} from './meter';
import type { FleetMemory, GuardedFleet, GuardMemory, GuardPlan, GuardSeen, GuardStep, TrainingMemory } from './plan';
import { SECONDS_PER_DAY } from '../../core/time';

/** What the period has cost so far, and what it costs an hour now. */
export interface MeteredSpend {
  readonly fleetUsd: number;
  readonly fleets: { readonly [resourceId: string]: FleetMemory };
  readonly training: TrainingMemory;
  readonly spentUsd: number;
  readonly burnRateUsdPerHour: number;
  readonly smoothedRateUsdPerHour: number;
  readonly steps: readonly GuardStep[];
  readonly problems: readonly string[];
}

const NOTHING_TRAINED: TrainingMemory = { settledUsd: 0, open: {}, settledAt: {} };

/**
 * Adds what the time since the last look cost.
 *
 * Between two looks the larger of the two rates counts; what could not be seen counts at the last known rate, and a
 * fleet that was never seen at its declared minimum. The guard runs ahead of the bill, never behind it.
 */
export function meterSpend(
  plan: GuardPlan,
  seen: GuardSeen,
  memory: GuardMemory | undefined,
  period: BudgetPeriod,
): MeteredSpend {
  const from = memory?.atSeconds ?? seen.atSeconds;
  const to = Math.max(from, seen.atSeconds);
  const steps: GuardStep[] = [];
  const problems: string[] = [];
  const fresh = memory === undefined || period.startSeconds > memory.periodStartSeconds;
  if (fresh && memory !== undefined)
    steps.push({
      stage: 'period',
      reason:
        `a new period begins at ${period.startSeconds}: the meter starts again ` +
        `from zero (the last one ended at ${usd(memory.fleetUsd + trainingUsd(memory.training))})`,
    });

  const seconds = secondsInPeriod(from, to, period);
  const fleets: { [resourceId: string]: FleetMemory } = {};
  let fleetUsd = fresh ? 0 : memory.fleetUsd;
  let fleetRateUsdPerHour = 0;
  for (const fleet of plan.fleets) {
    const before = memory?.fleets[fleet.resourceId];
    const now = presentRate(fleet, seen, before);
    problems.push(...now.problems);
    const charged = Math.max(before?.rateUsdPerHour ?? 0, now.memory.rateUsdPerHour);
    const cost = memory === undefined ? 0 : spentUsd(charged, seconds);
    fleetUsd += cost;
    fleetRateUsdPerHour += now.memory.rateUsdPerHour;
    fleets[fleet.resourceId] = now.memory;
    steps.push({
      stage: `meter:${fleet.resourceId}`,
      reason: `${now.reason}: ${Math.round(seconds)} s x ${charged.toFixed(3)} USD/h = ${usd(cost)}`,
    });
  }

  const training = meterTraining(plan, seen, fresh ? restarted(memory) : memory.training, to - from, period);
  steps.push(...training.steps);
  problems.push(...training.problems);
  const burnRateUsdPerHour = fleetRateUsdPerHour + training.rateUsdPerHour;
  return {
    fleetUsd,
    fleets,
    training: training.memory,
    spentUsd: fleetUsd + trainingUsd(training.memory),
    burnRateUsdPerHour,
    smoothedRateUsdPerHour: smoothedRate(
      memory?.smoothedRateUsdPerHour,
      burnRateUsdPerHour,
      to - from,
      plan.forecastSmoothingSeconds,
    ),
    steps,
    problems,
  };
}

function presentRate(
  fleet: GuardedFleet,
  seen: GuardSeen,
  before: FleetMemory | undefined,
): { memory: FleetMemory; problems: readonly string[]; reason: string } {
  const capacity = seen.fleets.find(({ resourceId }) => resourceId === fleet.resourceId)?.capacity ?? null;
  const held = { frozenCapacity: before?.frozenCapacity ?? null, appliedBounds: before?.appliedBounds ?? null };
  if (capacity !== null) {
    const { rateUsdPerHour, problems } = fleetRate(capacity, fleet.pricesPerHourUsd);
    return {
      memory: { rateUsdPerHour, desiredCapacity: capacity.desiredCapacity, ...held },
      problems: problems.map((problem) => `${fleet.resourceId}: ${problem}`),
      reason: `${capacity.currentCapacity} of ${capacity.desiredCapacity} instances are there`,
    };
  }
  if (before !== undefined)
    return {
      memory: before,
      problems: [`${fleet.resourceId} could not be seen; it is charged as it was last seen`],
      reason: `not seen, so the last known ${before.rateUsdPerHour.toFixed(3)} USD/h goes on`,
    };
  const rateUsdPerHour = Math.max(1, fleet.minCapacity) * dearestPrice(fleet.pricesPerHourUsd);
  return {
    memory: { rateUsdPerHour, desiredCapacity: null, ...held },
    problems: [`${fleet.resourceId} was never seen; it is charged at its declared minimum`],
    reason: `never seen, so its declared minimum counts`,
  };
}

function meterTraining(
  plan: GuardPlan,
  seen: GuardSeen,
  before: TrainingMemory,
  elapsedSeconds: number,
  period: BudgetPeriod,
): { memory: TrainingMemory; rateUsdPerHour: number; steps: GuardStep[]; problems: string[] } {
  const problems: string[] = [];
  const open: { [jobName: string]: { usd: number; rateUsdPerHour: number } } = {};
  const settledAt: { [jobName: string]: number } = {};
  for (const [name, at] of Object.entries(before.settledAt))
    if (seen.atSeconds - at < SECONDS_PER_DAY) settledAt[name] = at;
  let settledUsd = before.settledUsd;

  const jobs = new Map((seen.trainingJobs ?? []).map((job): [string, TrainingJobSeen] => [job.name, job]));
  if (seen.trainingJobs === null)
    problems.push('training jobs could not be listed; those last seen running are charged on');
  for (const [name, { usd: soFar, rateUsdPerHour }] of Object.entries(before.open))
    if (!jobs.has(name)) open[name] = { usd: soFar + spentUsd(rateUsdPerHour, elapsedSeconds), rateUsdPerHour };

  for (const job of jobs.values()) {
    if (job.name in settledAt) continue;
    const price = plan.trainingPricesPerHourUsd[job.instanceType];
    if (price === undefined)
      problems.push(
        `no training price for ${job.instanceType} (job ${job.name}); counted at the dearest known price: ` +
          `add ${job.instanceType} to the training prices`,
      );
    const charged = price ?? dearestPrice(plan.trainingPricesPerHourUsd);
    const cost = trainingJobUsd(job, charged, seen.atSeconds, period);
    if (isFinished(job)) {
      settledUsd += cost;
      settledAt[job.name] = seen.atSeconds;
    } else {
      open[job.name] = { usd: cost, rateUsdPerHour: job.startedAt === null ? 0 : charged * job.instanceCount };
    }
  }

  const memory = { settledUsd, open, settledAt };
  const steps: GuardStep[] = [];
  if (settledUsd > 0 || Object.keys(open).length > 0)
    steps.push({
      stage: 'meter:training',
      reason: `${Object.keys(open).length} jobs open, ${usd(trainingUsd(memory))} in this period`,
    });
  const rateUsdPerHour = Object.values(open).reduce((sum, job) => sum + job.rateUsdPerHour, 0);
  return { memory, rateUsdPerHour, steps, problems };
}

/** A new period: jobs still open are counted anew from its start; what ended before belongs to the last one. */
function restarted(memory: GuardMemory | undefined): TrainingMemory {
  if (memory === undefined) return NOTHING_TRAINED;
  const open = Object.entries(memory.training.open).map(([name, job]) => [name, { ...job, usd: 0 }] as const);
  return { settledUsd: 0, open: Object.fromEntries(open), settledAt: memory.training.settledAt };
}

/** What training has cost in the period. */
export function trainingUsd(training: TrainingMemory): number {
  return Object.values(training.open).reduce((sum, { usd: cost }) => sum + cost, training.settledUsd);
}

/** An amount as people read it. */
export function usd(amount: number): string {
  return `${amount.toFixed(2)} USD`;
}
