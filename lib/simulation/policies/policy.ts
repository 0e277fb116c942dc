/** What a policy may see of the fleet at one moment: only what the metrics had told by then. */
export interface PolicyView {
  /** Seconds from the trace's start. */
  readonly atSeconds: number;
  /** The newest moment the metrics tell of: `atSeconds` less their delay. */
  readonly knownUntilSeconds: number;
  readonly desired: number;
  readonly inService: number;
  /** Requests that arrived in [from, to); reaches back to the trace's start. */
  arrivals(from: number, to: number): number;
  /** Requests in slots and queues, mean over [from, to) of the window. */
  concurrency(from: number, to: number): number;
  /** The same for one instance in service. */
  concurrencyPerInstance(from: number, to: number): number;
  /** Arrivals for one instance in service, summed over [from, to): SageMaker's InvocationsPerInstance. */
  invocationsPerInstance(from: number, to: number): number;
}

/** What every policy is told before the window begins. */
export interface PolicySettings {
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** A policy in one run. */
export interface PlayedPolicy {
  /** The capacity that serves when the window begins. */
  initial(view: PolicyView): number;
  /** The capacity wanted from now on; called every {@link CapacityPolicy.everySeconds}. */
  decide(view: PolicyView): number;
}

/** A way to scale a fleet. */
export interface CapacityPolicy {
  readonly name: string;
  /** Seconds between decisions. */
  readonly everySeconds: number;
  play(settings: PolicySettings): PlayedPolicy;
}

/** What every reactive policy begins with: the last minute's load at the utilisation the policy aims at. */
export function initialCapacity(view: PolicyView, settings: PolicySettings, utilisation: number): number {
  const until = Math.max(60, view.knownUntilSeconds);
  const from = Math.max(0, until - 60);
  const slots = (view.arrivals(from, until) / (until - from)) * settings.serviceMeanSeconds;
  return clampCapacity(Math.ceil(slots / settings.slotsPerInstance / utilisation), settings);
}

/** Whole, and within the fleet's limits. */
export function clampCapacity(wanted: number, { minCapacity, maxCapacity }: PolicySettings): number {
  return Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(wanted - 1e-9)));
}
