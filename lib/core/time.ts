/** A moment in seconds since 1970-01-01T00:00:00Z; fractions are allowed. */
export type EpochSeconds = number;

export const SECONDS_PER_MINUTE = 60;
export const SECONDS_PER_HOUR = 3600;
export const SECONDS_PER_DAY = 86_400;

/** Returns the start of the period that contains a moment; like those of CloudWatch, periods are aligned to the epoch. */
export function periodStart(at: EpochSeconds, periodSeconds: number): EpochSeconds {
  return Math.floor(at / periodSeconds) * periodSeconds;
}
