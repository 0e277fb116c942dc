import { SECONDS_PER_DAY, SECONDS_PER_MINUTE, type EpochSeconds } from '../../lib/core/time';
import type { CapacityForecast } from '../../lib/scaling/decide/forecast';
import type { RequestHistory } from '../clients/request-history';

/** How far back the first look goes; CloudWatch keeps minutes for 15 days. */
export const HISTORY_MINUTES = (14 * SECONDS_PER_DAY) / SECONDS_PER_MINUTE;

/** A minute's sum counts when the minute has ended so long ago: before, CloudWatch may still be collecting it. */
export const SETTLE_SECONDS = 60;

/** A minute without a count is waited for so long; then it counts as missing. */
export const LATE_MINUTES = 5;

/** What one look added to the forecast. */
export interface Observed {
  /** Minutes with a count. */
  readonly counted: number;
  /** Minutes without one. */
  readonly missing: number;
  /** Whether the newest minute is new and has a count; otherwise there is nothing to decide on. */
  readonly upToDate: boolean;
}

/**
 * Hands the forecast the minutes since its last one, in order, up to the newest that has settled.
 *
 * A gap before a counted minute is missing for good. Minutes at the end without a count may only be late: they are waited for
 * and, once {@link LATE_MINUTES} have passed, counted as missing. Before the first count ever nothing is missing.
 */
export async function observe(
  forecast: CapacityForecast,
  history: RequestHistory,
  atSeconds: EpochSeconds,
): Promise<Observed> {
  const end = Math.floor((atSeconds - SETTLE_SECONDS) / SECONDS_PER_MINUTE);
  const last = forecast.lastMinute();
  const from = Math.max(end - HISTORY_MINUTES, last === undefined ? 0 : last + 1);
  let next = last === undefined ? undefined : last + 1;
  let counted = 0;
  let missing = 0;
  let upToDate = false;
  const miss = (until: number): void => {
    for (; next !== undefined && next < until; next++, missing++) {
      forecast.observe(next, undefined);
      upToDate = false;
    }
  };
  if (from < end)
    for await (const page of history.read(from, end))
      for (const { minute, requests } of page) {
        miss(minute);
        if (next !== undefined && minute < next) continue;
        forecast.observe(minute, requests);
        next = minute + 1;
        counted += 1;
        upToDate = true;
      }
  miss(end - LATE_MINUTES);
  return { counted, missing, upToDate };
}
