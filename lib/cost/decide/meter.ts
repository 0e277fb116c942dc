import { SECONDS_PER_HOUR } from '../../core/time';
import type { EpochSeconds } from '../../core/time';
import type { BudgetPeriod } from './budget-period';

/** Instances by instance type. */
export interface InstanceCounts {
  readonly [instanceType: string]: number;
}

/** USD per instance-hour by instance type; every price is above zero. */
export interface HourlyPrices {
  readonly [instanceType: string]: number;
}

/** What one look at a fleet showed. */
export interface FleetCapacity {
  /** Instances that exist, by type where the service tells it (instance pools), else empty. */
  readonly currentByType: InstanceCounts;
  /** Instances that exist, of every type. */
  readonly currentCapacity: number;
  /** Instances that were asked for. */
  readonly desiredCapacity: number;
}

/** An hourly rate, with what could not be priced. */
export interface PricedRate {
  /** USD per hour; an instance without a price is counted at the dearest price of its fleet, never as free. */
  readonly rateUsdPerHour: number;
  /** One sentence for every instance type that has no price. */
  readonly problems: readonly string[];
}

/**
 * What a fleet costs an hour, never too little: the larger of what exists and what was asked for.
 *
 * Instances whose type is not told (on order, or a fleet without pools) count at the dearest price of the fleet.
 */
export function fleetRate(capacity: FleetCapacity, prices: HourlyPrices): PricedRate {
  const dearest = dearestPrice(prices);
  const problems: string[] = [];
  let typed = 0;
  let rateUsdPerHour = 0;
  for (const [type, count] of Object.entries(capacity.currentByType)) {
    typed += count;
    const price = prices[type];
    if (count > 0 && price === undefined)
      problems.push(
        `no price for ${type} (${count} running); counted at ${dearest} USD/h, the dearest known price: ` +
          `add ${type} to the prices of the fleet`,
      );
    rateUsdPerHour += count * (price ?? dearest);
  }
  const untyped = Math.max(0, Math.max(capacity.currentCapacity, capacity.desiredCapacity) - typed);
  return { rateUsdPerHour: rateUsdPerHour + untyped * dearest, problems };
}

/** The highest of some prices; 0 when there is none, which configuration checks refuse. */
export function dearestPrice(prices: HourlyPrices): number {
  return Math.max(0, ...Object.values(prices));
}

/** The seconds of an interval that fall into a period. A fixed end does not stop the meter (see `budgetPeriod`). */
export function secondsInPeriod(from: EpochSeconds, to: EpochSeconds, period: BudgetPeriod): number {
  return Math.max(0, to - Math.max(from, period.startSeconds));
}

/** What something that cost `rateUsdPerHour` cost in `seconds`. */
export function spentUsd(rateUsdPerHour: number, seconds: number): number {
  return (rateUsdPerHour * seconds) / SECONDS_PER_HOUR;
}

/** A training job as the service describes it. */
export interface TrainingJobSeen {
  readonly name: string;
  readonly instanceType: string;
  readonly instanceCount: number;
  /** When instances were running at the latest; null while the job waits for them. */
  readonly startedAt: EpochSeconds | null;
  /** When the job ended; null while it goes on. */
  readonly endedAt: EpochSeconds | null;
  /** What is billed once the job has ended (spot savings taken off), in seconds an instance; null while it goes on. */
  readonly billableSeconds: number | null;
}

/** Whether a job has reached its end and costs nothing more. */
export function isFinished(job: TrainingJobSeen): boolean {
  return job.endedAt !== null;
}

/**
 * What a training job has cost in the period so far.
 *
 * A running job counts every second since it started, on every instance, at the on-demand price; a finished one what
 * the service bills for it, which is less for spot.
 */
export function trainingJobUsd(job: TrainingJobSeen, pricePerHourUsd: number, at: EpochSeconds, period: BudgetPeriod) {
  if (job.startedAt === null) return 0;
  const elapsed = secondsInPeriod(job.startedAt, job.endedAt ?? at, period);
  const seconds = job.billableSeconds === null ? elapsed : Math.min(job.billableSeconds, elapsed);
  return spentUsd(pricePerHourUsd * job.instanceCount, seconds);
}
