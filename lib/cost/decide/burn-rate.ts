import { SECONDS_PER_HOUR, type EpochSeconds } from '../../core/time';
import type { BudgetPeriod } from './budget-period';

/**
 * Returns the rate of the forecast: an exponentially weighted mean of the hourly rate.
 *
 * With a time constant of an hour, a burst of minutes hardly moves the forecast of a month; a lasting change is included to 63 %
 * after one hour and to 95 % after three.
 *
 * @param previous mean so far, in USD an hour; undefined at the first evaluation
 */
export function smoothedRate(
  previous: number | undefined,
  present: number,
  elapsedSeconds: number,
  timeConstantSeconds: number,
): number {
  if (previous === undefined || timeConstantSeconds <= 0) return present;
  const weight = 1 - Math.exp(-Math.max(0, elapsedSeconds) / timeConstantSeconds);
  return previous + (present - previous) * weight;
}

/** Returns a time span that starts now, cut at the end of the period; uncut once the period is over but still in force. */
export function withinPeriod(seconds: number, at: EpochSeconds, { endSeconds }: BudgetPeriod): number {
  return endSeconds > at ? Math.min(seconds, endSeconds - at) : seconds;
}

/** Returns the cost of the whole period, in USD, if the rate stays the same. */
export function forecastUsd(spent: number, rateUsdPerHour: number, at: EpochSeconds, period: BudgetPeriod): number {
  return spent + (rateUsdPerHour * Math.max(0, period.endSeconds - at)) / SECONDS_PER_HOUR;
}
