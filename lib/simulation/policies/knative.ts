import { clampCapacity, initialCapacity, type CapacityPolicy } from './policy';

/**
 * Knative's pod autoscaler (also KServe's serverless mode) at its defaults: every 2 s; stable window 60 s, panic window 6 s; panic when
 * the panic window asks for twice what is ready, until 60 s below that; at most ×1000 up and ÷2 down; no scale-down in panic.
 */
export function knativeKpa(name: string, share: number): CapacityPolicy {
  return {
    name,
    everySeconds: 2,
    play(settings) {
      const target = settings.slotsPerInstance * share;
      let panicUntil = -Infinity;
      let most = 0;
      return {
        initial: (view) => initialCapacity(view, settings, share),
        decide(view) {
          const until = view.knownUntilSeconds;
          const ready = Math.max(1, view.inService);
          const bounded = (load: number): number =>
            Math.min(ready * 1000, Math.max(Math.floor(ready / 2), Math.ceil(load / target - 1e-9)));
          const stable = bounded(view.concurrency(until - 60, until));
          const panic = bounded(view.concurrency(until - 6, until));
          const panicking = panicUntil > view.atSeconds;
          if (panic / ready >= 2) {
            if (!panicking) most = 0;
            panicUntil = view.atSeconds + 60;
          }
          if (panicUntil <= view.atSeconds) return clampCapacity(stable, settings);
          most = Math.max(most, ready, panic, stable);
          return clampCapacity(most, settings);
        },
      };
    },
  };
}
