import { IN_WORDS, type Wording } from '../../core/decision';
import { isEmpty } from '../../core/lookup';
import { SECONDS_PER_DAY, type EpochSeconds } from '../../core/time';
import type { BudgetPeriod } from './budget-period';
import { smoothedRate } from './burn-rate';
import {
  fleetRate,
  highestPrice,
  isFinished,
  openJobUsd,
  runningRate,
  settledJobUsd,
  spentUsd,
  type FleetMemory,
  type OpenJob,
  type TrainingJobSeen,
  type TrainingMemory,
  type VariantInstances,
} from './meter';
import type { GuardedFleet, GuardMemory, GuardPlan, GuardSeen, GuardStep } from './plan';
import { addSpend, newHistory, spentSince, type SpendHistory } from './spend-history';
import { usd } from './usd';

/** Cost of the period so far, and the present hourly rate. */
export interface MeteredSpend {
  readonly atSeconds: EpochSeconds;
  readonly meteredSince: EpochSeconds;
  readonly spend: SpendHistory;
  readonly fleets: { readonly [resourceId: string]: FleetMemory };
  readonly training: TrainingMemory;
  /** Cost of the period so far. */
  readonly spentUsd: number;
  readonly burnRateUsdPerHour: number;
  readonly smoothedRateUsdPerHour: number;
  readonly steps: readonly GuardStep[];
  readonly problems: readonly string[];
}

/**
 * Adds the cost of the time since the last evaluation.
 *
 * Between two evaluations the larger of the two rates counts. A fleet that could not be observed counts at its last known rate, one
 * that was never observed at its declared minimum. The meter runs ahead of the bill, never behind it.
 */
export function meterSpend(
  plan: GuardPlan,
  seen: GuardSeen,
  memory: GuardMemory | undefined,
  period: BudgetPeriod,
  words: Wording = IN_WORDS,
): MeteredSpend {
  const from = memory?.atSeconds ?? seen.atSeconds;
  const to = Math.max(from, seen.atSeconds);
  const steps: GuardStep[] = [];
  const problems: string[] = [];

  const seconds = to - from;
  const fleets: { [resourceId: string]: FleetMemory } = {};
  let fleetUsd = 0;
  let fleetRateUsdPerHour = 0;
  for (const fleet of plan.fleets) {
    const before = memory?.fleets[fleet.resourceId];
    const now = presentRate(fleet, seen, before);
    for (const problem of now.problems) problems.push(problem);
    const charged = Math.max(before?.rateUsdPerHour ?? 0, now.memory.rateUsdPerHour);
    const cost = spentUsd(charged, seconds);
    fleetUsd += cost;
    fleetRateUsdPerHour += now.memory.rateUsdPerHour;
    fleets[fleet.resourceId] = now.memory;
    steps.push({
      stage: `meter:${fleet.resourceId}`,
      reason: words(() => `${now.reason()}: ${Math.round(seconds)} s x ${charged.toFixed(3)} USD/h = ${usd(cost)}`),
    });
  }

  const known = memory?.spend ?? newHistory(to);
  const charged = addSpend(known, from, to, fleetUsd, period.startSeconds);
  const training = meterTraining(plan, seen, memory?.training ?? NOTHING_TRAINED, charged, period);
  for (const problem of training.problems) problems.push(problem);
  const openJobs = Object.values(training.memory.open);
  let trainingUsd = 0;
  let trainingRateUsdPerHour = 0;
  for (const job of openJobs) {
    trainingUsd += openJobUsd(job, period.startSeconds, to);
    trainingRateUsdPerHour += runningRate(job);
  }
  if (openJobs.length > 0)
    steps.push({
      stage: 'meter:training',
      reason: `${openJobs.length} jobs open, ${usd(trainingUsd)} in this period`,
    });
  const burnRateUsdPerHour = fleetRateUsdPerHour + trainingRateUsdPerHour;
  return {
    atSeconds: to,
    meteredSince: memory?.meteredSince ?? to,
    spend: training.spend,
    fleets,
    training: training.memory,
    spentUsd: spentSince(training.spend, period.startSeconds) + trainingUsd,
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

const NOTHING_TRAINED: TrainingMemory = { open: {}, settledAt: {} };

const instancesText = ({ currentCapacity, desiredCapacity }: VariantInstances): string =>
  `${currentCapacity} of ${desiredCapacity}`;

function presentRate(
  fleet: GuardedFleet,
  seen: GuardSeen,
  before: FleetMemory | undefined,
): { memory: FleetMemory; problems: readonly string[]; reason: () => string } {
  const capacity = seen.fleets.find(({ resourceId }) => resourceId === fleet.resourceId)?.capacity ?? null;
  const frozenCapacity = before?.frozenCapacity ?? null;
  if (capacity !== null) {
    const { rateUsdPerHour, problems } = fleetRate(capacity, fleet.pricesPerHourUsd);
    return {
      memory: { rateUsdPerHour, desiredCapacity: capacity.desiredCapacity, frozenCapacity },
      problems: problems.length === 0 ? problems : problems.map((problem) => `${fleet.resourceId}: ${problem}`),
      reason: () =>
        `${instancesText(capacity)} instances exist${capacity.shadow === undefined ? '' : `, and ${instancesText(capacity.shadow)} of a shadow`}`,
    };
  }
  if (before !== undefined)
    return {
      memory: before,
      problems: [`${fleet.resourceId} could not be observed; it is charged at its last known rate`],
      reason: () => `not observed, charged at the last known ${before.rateUsdPerHour.toFixed(3)} USD/h`,
    };
  const rateUsdPerHour = Math.max(1, fleet.minCapacity) * highestPrice(fleet.pricesPerHourUsd);
  return {
    memory: { rateUsdPerHour, desiredCapacity: null, frozenCapacity },
    problems: [`${fleet.resourceId} was never observed; it is charged at its minimum`],
    reason: () => 'never observed, charged at its minimum',
  };
}

/** Charges the jobs that have ended to the history, and keeps the others open. */
function meterTraining(
  plan: GuardPlan,
  seen: GuardSeen,
  before: TrainingMemory,
  history: SpendHistory,
  period: BudgetPeriod,
): { memory: TrainingMemory; spend: SpendHistory; problems: string[] } {
  const isUnread = seen.unreadJobs !== undefined && seen.unreadJobs.length > 0;
  if (seen.trainingJobs?.length === 0 && !isUnread && isEmpty(before.open) && isEmpty(before.settledAt))
    return { memory: before, spend: history, problems: [] };
  const problems: string[] = [];
  const jobs = new Map((seen.trainingJobs ?? []).map((job): [string, TrainingJobSeen] => [job.name, job]));
  const unread = seen.unreadJobs ?? (seen.trainingJobs === null ? ['training'] : []);
  for (const kind of unread) {
    const jobs = kind === 'training' ? 'training jobs' : 'executions';
    problems.push(`${jobs} could not be listed; those known to run are charged on`);
  }
  const open: { [jobName: string]: OpenJob } = {};
  for (const [name, job] of Object.entries(before.open)) if (!jobs.has(name)) open[name] = job;
  const settledAt: { [jobName: string]: number } = {};
  for (const [name, at] of Object.entries(before.settledAt))
    if (seen.atSeconds - at < SECONDS_PER_DAY) settledAt[name] = at;

  let spend = history;
  for (const job of jobs.values()) {
    if (job.name in settledAt) continue;
    let rateUsdPerHour = 0;
    for (const { instanceType, instanceCount } of [job, ...(job.otherGroups ?? [])]) {
      const price = plan.trainingPricesPerHourUsd[instanceType];
      if (price === undefined)
        problems.push(
          `no training price for ${instanceType} (job ${job.name}); counted at the highest known price: ` +
            `add ${instanceType} to the training prices`,
        );
      rateUsdPerHour += (price ?? highestPrice(plan.trainingPricesPerHourUsd)) * instanceCount;
    }
    if (isFinished(job)) {
      const cost = settledJobUsd(job, rateUsdPerHour);
      if (cost > 0) spend = addSpend(spend, job.startedAt!, job.endedAt!, cost, period.startSeconds);
      settledAt[job.name] = seen.atSeconds;
    } else {
      open[job.name] = {
        rateUsdPerHour,
        startedAt: job.startedAt,
        maxRuntimeSeconds: job.maxRuntimeSeconds,
        stopReason: before.open[job.name]?.stopReason ?? null,
      };
    }
  }
  return { memory: { open, settledAt }, spend, problems };
}
