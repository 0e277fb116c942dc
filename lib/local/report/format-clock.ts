import type { EpochSeconds } from '../../core/time';

/** Formats seconds as minutes and seconds, such as `12:05`, with hours above an hour. */
export function formatClock(seconds: number): string {
  const sign = seconds < 0 ? '-' : '';
  const whole = Math.floor(Math.abs(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${sign}${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${sign}${minutes}:${rest}`;
}

/** Formats a moment as the time of day in UTC, such as `22:05:40`. */
export function formatTimeOfDay(at: EpochSeconds): string {
  return new Date(at * 1000).toISOString().slice(11, 19);
}

/** Formats a moment with its date, such as `2026-11-30 22:05:40 UTC`. */
export function formatMoment(at: EpochSeconds): string {
  return `${new Date(at * 1000).toISOString().slice(0, 10)} ${formatTimeOfDay(at)} UTC`;
}
