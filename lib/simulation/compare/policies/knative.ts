import { clampCapacity, initialCapacity, type CapacityPolicy } from './policy';

/**
 * Knative's pod autoscaler (also KServe's serverless mode) at its defaults: every 2 s; stable window 60 s, panic window 6 s; panic while
 * the panic window needs twice the ready pods, and for 60 s after that; at most ×1000 up and ÷2 down; no scale-down in panic.
 */
export function knativeKpa(name: string, targetRatio: number): CapacityPolicy {
  return {
    name,
    everySeconds: 2,
    start(settings) {
      const target = settings.slotsPerInstance * targetRatio;
      let panicUntil = -Infinity;
      let panicMaximum = 0;
      return {
        initial: (view) => initialCapacity(view, settings, targetRatio),
        decide(view) {
          const until = view.knownUntilSeconds;
          const ready = Math.max(1, view.inService);
          const bounded = (load: number): number =>
            Math.min(ready * 1000, Math.max(Math.floor(ready / 2), Math.ceil(load / target - 1e-9)));
          const stable = bounded(view.concurrency(until - 60, until));
          const panic = bounded(view.concurrency(until - 6, until));
          const panicking = panicUntil > view.atSeconds;
          if (panic / ready >= 2) {
            if (!panicking) panicMaximum = 0;
            panicUntil = view.atSeconds + 60;
          }
          if (panicUntil <= view.atSeconds) return clampCapacity(stable, settings);
          panicMaximum = Math.max(panicMaximum, ready, panic, stable);
          return clampCapacity(panicMaximum, settings);
        },
      };
    },
  };
}
