import { clampCapacity, initialCapacity, type CapacityPolicy } from './policy';

/**
 * The Kubernetes horizontal pod autoscaler on concurrency, at its defaults: every 15 s, tolerance 10 %, scale-down by the highest
 * recommendation of the last 300 s, scale-up by at most ×2 or +4 in 15 s.
 */
export function kubernetesHpa(name: string, targetRatio: number): CapacityPolicy {
  return {
    name,
    everySeconds: 15,
    start(settings) {
      const target = settings.slotsPerInstance * targetRatio;
      const recommended: { at: number; capacity: number }[] = [];
      return {
        initial: (view) => initialCapacity(view, settings, targetRatio),
        decide(view) {
          const until = view.knownUntilSeconds;
          const load = view.concurrencyPerInstance(until - 15, until);
          const ratio = load / target;
          // Pods that are not ready do not count towards the load, and count as idle when scaling up.
          const recommendation =
            Math.abs(ratio - 1) <= 0.1 ? view.desired : Math.ceil(Math.max(1, view.inService) * ratio - 1e-9);
          while (recommended.length > 0 && recommended[0].at <= view.atSeconds - 300) recommended.shift();
          recommended.push({ at: view.atSeconds, capacity: recommendation });
          const stable =
            recommendation < view.desired ? Math.max(...recommended.map(({ capacity }) => capacity)) : recommendation;
          const limited = Math.min(stable, Math.max(view.desired * 2, view.desired + 4));
          return clampCapacity(recommendation < view.desired ? Math.min(view.desired, limited) : limited, settings);
        },
      };
    },
  };
}
