import { CapacityForecast } from '../../../scaling/decide/forecast';
import { clampCapacity, type CapacityPolicy, type PolicyView } from './policy';

/** Number of datapoints in a minute. */
const PARTS = 6;

/** Capacity forecast of this package, as its handler runs it: once a minute, on the minutes whose metrics are visible. */
export function forecastPolicy(name: string): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    start(settings) {
      const forecast = new CapacityForecast({ ...settings, serviceSeconds: settings.serviceMeanSeconds });
      let capacity = settings.minCapacity;
      const catchUp = (view: PolicyView): number => {
        const known = Math.floor(view.knownUntilSeconds / 60);
        const first = (forecast.lastMinute() ?? -1) + 1;
        if (first >= known) return capacity;
        for (let minute = first; minute < known; minute++) {
          const parts = Array.from({ length: PARTS }, (_, part) =>
            view.arrivals(minute * 60 + part * 10, minute * 60 + part * 10 + 10),
          );
          const requests = parts.reduce((sum, part) => sum + part, 0);
          forecast.observe(minute, requests, parts);
        }
        capacity = clampCapacity(forecast.decide().capacity, settings);
        return capacity;
      };
      return { initial: catchUp, decide: catchUp };
    },
  };
}
