import { SECONDS_PER_DAY, SECONDS_PER_MINUTE, type EpochSeconds } from '../../lib/core/time';
import type { CapacityForecast } from '../../lib/scaling/decide/forecast';
import type { RequestHistory } from '../clients/request-history';

/** Minutes that the first evaluation reads; CloudWatch keeps minutes for 15 days. */
export const HISTORY_MINUTES = (14 * SECONDS_PER_DAY) / SECONDS_PER_MINUTE;

/** Minimum age of a counted minute's end: before, CloudWatch may still be collecting its sum. */
const SETTLE_SECONDS = 60;

/** Maximum age, in minutes, of a minute whose count is still awaited; an older one counts as missing. */
const LATE_MINUTES = 5;

/**
 * Minimum age, in minutes, at which a minute without a count is quiet if the fleet was running in it: its count could still be late. With
 * a count of a later minute, its own is not late.
 */
const QUIET_MINUTES = 3;

/** Minutes that one evaluation added to the forecast. */
export interface Observed {
  /** Minutes with a count, quiet ones included. */
  readonly counted: number;
  /** Minutes without one. */
  readonly missing: number;
  /** True if the newest minute is new and has a count; otherwise there is nothing to decide on. */
  readonly upToDate: boolean;
}

/**
 * Adds the minutes since the last evaluation to the forecast, in order, up to the newest that has settled.
 *
 * A minute without a count in which the fleet was running had no requests. A gap before a counted minute is missing for good. Minutes at
 * the end without a count may be late: they are awaited for {@link LATE_MINUTES} and then count as missing. No minute is missing before
 * the first count.
 */
export async function observe(
  forecast: CapacityForecast,
  history: RequestHistory,
  atSeconds: EpochSeconds,
  signal?: AbortSignal,
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
  const count = (minute: number, requests: number): void => {
    miss(minute);
    if (next !== undefined && minute < next) return;
    forecast.observe(minute, requests);
    next = minute + 1;
    counted += 1;
    upToDate = true;
  };
  /** Minutes that are quiet unless their count is late. */
  let running: number[] = [];
  const settleRunning = (): void => {
    running.forEach((minute) => count(minute, 0));
    running = [];
  };
  if (from < end)
    for await (const page of history.read(from, end, signal))
      for (const { minute, requests } of page) {
        if (requests === undefined) running.push(minute);
        else {
          settleRunning();
          count(minute, requests);
        }
      }
  running = running.filter((minute) => minute < end - QUIET_MINUTES + 1);
  settleRunning();
  miss(end - LATE_MINUTES);
  return { counted, missing, upToDate };
}
