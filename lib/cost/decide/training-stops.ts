import { isEmpty } from '../../core/lookup';
import type { EpochSeconds } from '../../core/time';
import { enteredLevel, type BudgetPosition } from './level-choice';
import { levelRank, type GuardLevel } from './levels';
import { remainingJobUsd, type OpenJob, type TrainingMemory } from './meter';
import type { GuardPlan, GuardSeen } from './plan';
import { usd } from './usd';

/** A training job to stop. Stopping it twice equals stopping it once. */
export interface TrainingStop {
  readonly jobName: string;
  readonly reason: string;
}

/** Jobs that have not ended, by name. */
interface OpenJobs {
  readonly [jobName: string]: OpenJob;
}

/** Open jobs, with the reason where one is not admitted, and the cost that is reserved for those that may finish. */
export interface Admission {
  readonly open: OpenJobs;
  readonly reservedUsd: number;
}

/** Moments between which running jobs can still cost something. */
export interface RemainingTime {
  readonly at: EpochSeconds;
  /** End of the period. */
  readonly until: EpochSeconds;
}

/**
 * Admits training jobs to the budget.
 *
 * A job that starts at `freeze-growth` or above is stopped, and so is one whose maximum runtime could cost more than the budget has free
 * up to that threshold. Jobs that ran at the first evaluation, and those admitted before, may finish.
 *
 * @param position without any training that is still to come
 * @param before jobs of the last evaluation; undefined at the first one
 */
export function admitJobs(
  plan: GuardPlan,
  position: BudgetPosition,
  previous: GuardLevel,
  present: OpenJobs,
  before: OpenJobs | undefined,
  { at, until }: RemainingTime,
): Admission {
  if (isEmpty(present)) return { open: present, reservedUsd: 0 };
  const open: { [jobName: string]: OpenJob } = {};
  const isKnown = (name: string): boolean => before === undefined || name in before;
  const reserve = (job: OpenJob): number =>
    plan.runningJobs === 'FINISH' && job.stopReason === null ? remainingJobUsd(job, at, until) : 0;
  const jobs = Object.entries(present);
  let reservedUsd = jobs.filter(([name]) => isKnown(name)).reduce((sum, [, job]) => sum + reserve(job), 0);
  for (const [name, job] of jobs) {
    const cost = isKnown(name) ? 0 : reserve(job);
    const stopReason = isKnown(name) ? job.stopReason : refusal(plan, position, previous, job, reservedUsd, cost);
    if (stopReason === null) reservedUsd += cost;
    open[name] = { ...job, stopReason };
  }
  return { open, reservedUsd };
}

function refusal(
  { thresholds }: GuardPlan,
  position: BudgetPosition,
  previous: GuardLevel,
  { maxRuntimeSeconds }: OpenJob,
  reservedUsd: number,
  cost: number,
): string | null {
  if (isFrozen(previous)) return `it has started at ${previous}`;
  const committedUsd = position.committedUsd + reservedUsd + cost;
  const level = enteredLevel({ ...position, committedUsd }, thresholds);
  if (!isFrozen(level)) return null;
  if (cost === 0) return `it has started at ${level}`;
  return (
    `its maximum runtime of ${maxRuntimeSeconds} s may cost ${usd(cost)} in this period, more than is free; ` +
    'lower MaxRuntimeInSeconds or raise the budget'
  );
}

/** Returns the open jobs now that the level is decided: with `STOP` none may run at `freeze-growth` or above. */
export function haltJobs({ runningJobs }: GuardPlan, level: GuardLevel, open: OpenJobs): OpenJobs {
  if (runningJobs === 'FINISH' || !isFrozen(level)) return open;
  return Object.fromEntries(
    Object.entries(open).map(([name, job]) => [
      name,
      { ...job, stopReason: job.stopReason ?? `running jobs are stopped at ${level}` },
    ]),
  );
}

/** Returns the jobs to stop that the service does not stop yet; in a dry run each is reported once. */
export function stopsOf(
  { dryRun }: GuardPlan,
  { trainingJobs }: GuardSeen,
  open: OpenJobs,
  before: TrainingMemory | undefined,
): readonly TrainingStop[] {
  if (trainingJobs === null || trainingJobs.length === 0) return [];
  return trainingJobs.flatMap(({ name, isStopping }) => {
    const reason = open[name]?.stopReason ?? null;
    const isTold = dryRun && (before?.open[name]?.stopReason ?? null) !== null;
    return reason === null || isStopping || isTold ? [] : [{ jobName: name, reason }];
  });
}

/** Returns whether training jobs may start at a level: below `freeze-growth`, and always in a dry run. */
export function mayStartTraining(level: GuardLevel, dryRun: boolean): boolean {
  return dryRun || !isFrozen(level);
}

function isFrozen(level: GuardLevel): boolean {
  return levelRank(level) >= levelRank('freeze-growth');
}
