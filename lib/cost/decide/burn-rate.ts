import { SECONDS_PER_HOUR } from '../../core/time';
import type { EpochSeconds } from '../../core/time';
import type { BudgetPeriod } from './budget-period';

/**
 * The rate a forecast is made with: an exponentially weighted mean of the hourly rate.
 *
 * With a time constant of an hour a burst of minutes moves the forecast of a month little, and a lasting change is in
 * it to 63 % after one hour and to 95 % after three.
 *
 * @param previous the mean so far, in USD an hour; undefined at the first look
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

/** What the period will have cost at its end, in USD, if the rate stays as it is. */
export function forecastUsd(spent: number, rateUsdPerHour: number, at: EpochSeconds, period: BudgetPeriod): number {
  return spent + (rateUsdPerHour * Math.max(0, period.endSeconds - at)) / SECONDS_PER_HOUR;
}
