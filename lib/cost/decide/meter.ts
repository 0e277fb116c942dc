import { SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import type { LimitsSeen } from '../../scaling/decide/limits';

/** Instances by instance type. */
export interface InstanceCounts {
  readonly [instanceType: string]: number;
}

/** USD per instance-hour by instance type; every price is above zero. */
export interface HourlyPrices {
  readonly [instanceType: string]: number;
}

/** Instances of a variant as the service describes them. */
export interface VariantInstances {
  /** Existing instances by type; empty where the service does not describe the types (no instance pools). */
  readonly currentByType: InstanceCounts;
  /** Existing instances of every type. */
  readonly currentCapacity: number;
  /** Requested instances. */
  readonly desiredCapacity: number;
}

/** Capacity of a fleet as the service describes it. */
export interface FleetCapacity extends VariantInstances {
  /** Instances of the shadow beside the fleet, which are billed and not scaled with it; undefined without one. */
  readonly shadow?: VariantInstances;
}

/** Observation of one fleet. */
export interface FleetSeen {
  readonly resourceId: string;
  /** Null when it could not be read. */
  readonly capacity: FleetCapacity | null;
  readonly limits: LimitsSeen;
}

/** State of one fleet that one evaluation leaves for the next. */
export interface FleetMemory {
  /** Hourly rate at the last evaluation, in USD. */
  readonly rateUsdPerHour: number;
  /** Last known desired capacity; null before the fleet was first observed. */
  readonly desiredCapacity: number | null;
  /** Capacity at which growth was frozen; null while the fleet may grow. */
  readonly frozenCapacity: number | null;
}

/** A training job that has not ended. */
export interface OpenJob {
  /** On-demand price of all its instances, in USD an hour. */
  readonly rateUsdPerHour: number;
  /** Latest possible start of the instances; null while the job waits for them. */
  readonly startedAt: EpochSeconds | null;
  readonly maxRuntimeSeconds: number;
  /** Why the guard stops the job; null for a job that may run. */
  readonly stopReason: string | null;
}

/** State of the training jobs that one evaluation leaves for the next. */
export interface TrainingMemory {
  /** Jobs that have not ended, by name. */
  readonly open: { readonly [jobName: string]: OpenJob };
  /** Times at which jobs were settled, by name: no job is charged twice. */
  readonly settledAt: { readonly [jobName: string]: EpochSeconds };
}

/** An hourly rate, with the instance types that have no price. */
export interface PricedRate {
  /** USD per hour; an instance without a price counts at the highest price of its fleet, never as free. */
  readonly rateUsdPerHour: number;
  /** One sentence for every instance type that has no price. */
  readonly problems: readonly string[];
}

/**
 * Returns the hourly cost of a fleet, never too low: of the larger of the existing and the requested capacity, and of its shadow likewise.
 *
 * Instances of an unknown type (requested ones, or a fleet without pools) count at the highest price of the fleet.
 */
export function fleetRate(capacity: FleetCapacity, prices: HourlyPrices): PricedRate {
  const own = variantRate(capacity, prices);
  if (capacity.shadow === undefined) return own;
  const beside = variantRate(capacity.shadow, prices);
  return {
    rateUsdPerHour: own.rateUsdPerHour + beside.rateUsdPerHour,
    problems: [...own.problems, ...beside.problems],
  };
}

function variantRate(
  { currentByType, currentCapacity, desiredCapacity }: VariantInstances,
  prices: HourlyPrices,
): PricedRate {
  const highest = highestPrice(prices);
  const problems: string[] = [];
  let typed = 0;
  let rateUsdPerHour = 0;
  for (const type in currentByType) {
    const count = currentByType[type]!;
    typed += count;
    const price = prices[type];
    if (count > 0 && price === undefined)
      problems.push(
        `no price for ${type} (${count} running); counted at ${highest} USD/h, the highest known price: ` +
          `add ${type} to the prices of the fleet`,
      );
    rateUsdPerHour += count * (price ?? highest);
  }
  const untyped = Math.max(0, Math.max(currentCapacity, desiredCapacity) - typed);
  return { rateUsdPerHour: rateUsdPerHour + untyped * highest, problems };
}

/** Returns the highest price; 0 when there is none, which the checks of the configuration refuse. */
export function highestPrice(prices: HourlyPrices): number {
  let highest = 0;
  for (const type in prices) if (prices[type]! > highest) highest = prices[type]!;
  return highest;
}

/** Returns the cost of a number of seconds at an hourly rate, in USD. */
export function spentUsd(rateUsdPerHour: number, seconds: number): number {
  return (rateUsdPerHour * seconds) / SECONDS_PER_HOUR;
}

/** A training job, or a metered execution, as the service describes it. */
export interface TrainingJobSeen {
  readonly name: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  /** Instances of the other groups of a heterogeneous cluster. */
  readonly otherGroups?: readonly { readonly instanceType: string; readonly instanceCount: number }[];
  /** Latest possible start of the instances; null while the job waits for them. */
  readonly startedAt: EpochSeconds | null;
  /** End of the job; null while it runs. */
  readonly endedAt: EpochSeconds | null;
  /** Seconds billed for each instance of an ended job, spot savings deducted; null while it runs. */
  readonly billableSeconds: number | null;
  /** Running time after which the service stops the job. */
  readonly maxRuntimeSeconds: number;
  /** True while the service stops the job. */
  readonly isStopping: boolean;
}

/** True if the name of a job is the ARN of an execution of a state machine. */
export function isExecution(jobName: string): boolean {
  return jobName.startsWith('arn:');
}

/** True if a job has ended and costs nothing more. */
export function isFinished(job: TrainingJobSeen): boolean {
  return job.endedAt !== null;
}

/** Returns the hourly cost of a job whose instances have started. */
export function runningRate({ startedAt, rateUsdPerHour }: OpenJob): number {
  return startedAt === null ? 0 : rateUsdPerHour;
}

/** Returns what an unfinished job has cost since a moment: every second on every instance, at the on-demand price. */
export function openJobUsd({ startedAt, rateUsdPerHour }: OpenJob, since: EpochSeconds, at: EpochSeconds): number {
  return startedAt === null ? 0 : spentUsd(rateUsdPerHour, Math.max(0, at - Math.max(startedAt, since)));
}

/** Returns the cost of a job that has ended, at the rate of all its instances: the seconds that the service bills, which are fewer than it ran for spot. */
export function settledJobUsd(job: TrainingJobSeen, rateUsdPerHour: number): number {
  if (job.startedAt === null || job.endedAt === null) return 0;
  const elapsed = Math.max(0, job.endedAt - job.startedAt);
  const seconds = job.billableSeconds === null ? elapsed : Math.min(job.billableSeconds, elapsed);
  return spentUsd(rateUsdPerHour, seconds);
}

/** Time that a container has to write a checkpoint when its job is stopped (https://docs.aws.amazon.com/sagemaker/latest/dg/API_StopTrainingJob.html). */
const STOP_SECONDS = 120;

/** Returns the most that an unfinished job can still cost until a moment, if it may finish. */
export function remainingJobUsd(job: OpenJob, at: EpochSeconds, until: EpochSeconds): number {
  const latestEnd = (job.startedAt ?? at) + job.maxRuntimeSeconds + STOP_SECONDS;
  return spentUsd(job.rateUsdPerHour, Math.max(0, Math.min(latestEnd, until) - at));
}
