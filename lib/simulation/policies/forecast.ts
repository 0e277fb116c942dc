import { clampCapacity, initialCapacity, type CapacityPolicy } from './policy';
export function forecastPolicy(name: string): CapacityPolicy {
  return {
    name,
    everySeconds: 10,
    play(settings) {
      let next = NaN;
      let d = 0;
      return {
        initial: (view) => {
          next = view.atSeconds + 60;
          return (d = initialCapacity(view, settings, 0.8));
        },
        decide(view) {
          if (view.knownUntilSeconds < next) return d;
          const m = Math.floor(view.knownUntilSeconds / 60) * 60;
          next = m + 60;
          let mx = 0;
          for (let k = 0; k < 15; k++)
            if (m - k * 60 - 60 >= 0) mx = Math.max(mx, view.arrivals(m - k * 60 - 60, m - k * 60));
          const want = clampCapacity(
            ((mx / 60) * settings.serviceMeanSeconds) / settings.slotsPerInstance / 0.8,
            settings,
          );
          if (want > d || want < d - 1) d = want;
          return d;
        },
      };
    },
  };
}
