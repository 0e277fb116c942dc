import { concurrencyOf, startAws } from './aws';
import type { CapacityPolicy, PolicyView } from './policy';

const HOUR = 3600;
const REFRESH = 6 * HOUR;
const HISTORY_HOURS = 14 * 24;

/**
 * Predictive scaling as AWS documents it for EC2 and ECS, beside target tracking: hourly forecasts for 48 hours from up to 14 days,
 * renewed every 6 hours, that only raise capacity. AWS does not publish its forecast model; a seasonal naive one takes its place (the mean
 * of the same hour of the past days, scaled by the last day's level), hence the name.
 */
export function awsPredictive(name: string, targetRatio: number): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    start(settings) {
      let madeAt = -Infinity;
      let forecast: number[] = [];
      const floor = (view: PolicyView): number => {
        if (view.atSeconds - madeAt >= REFRESH) {
          madeAt = Math.floor(view.atSeconds / HOUR) * HOUR;
          forecast = forecastHours(view, madeAt);
        }
        // Instances must be in service when the hour begins.
        const ahead = view.atSeconds + settings.provisioningSeconds;
        const now = forecast[Math.floor((view.atSeconds - madeAt) / HOUR)] ?? 0;
        const soon = forecast[Math.floor((ahead - madeAt) / HOUR)] ?? 0;
        const slots = (Math.max(now, soon) / HOUR) * settings.serviceMeanSeconds;
        return Math.ceil(slots / settings.slotsPerInstance / targetRatio - 1e-9);
      };
      return startAws(settings, targetRatio, [concurrencyOf(name, settings, targetRatio)], floor);
    },
  };
}

/** Forecast of the arrivals of the next hours from a full hour on. */
function forecastHours(view: PolicyView, at: number): number[] {
  const known = Math.min(HISTORY_HOURS, Math.floor(Math.min(at, view.knownUntilSeconds) / HOUR));
  const past = Array.from({ length: known }, (_, ago) => view.arrivals(at - (ago + 1) * HOUR, at - ago * HOUR));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return Array.from({ length: 12 }, (_, ahead) => {
    const same = past.filter((_value, ago) => (ago + 1 + ahead) % 24 === 0);
    if (same.length === 0) return 0;
    const level = mean(past.slice(0, 24)) / Math.max(1e-9, mean(past));
    return mean(same) * level;
  });
}
