import { startCapacity } from '../../fleet/start-capacity';

/** Metrics of the fleet that are visible to a policy at one moment. */
export interface PolicyView {
  /** Seconds from the trace's start. */
  readonly atSeconds: number;
  /** Moment up to which metrics are visible: `atSeconds` less their delay. */
  readonly knownUntilSeconds: number;
  readonly desired: number;
  readonly inService: number;
  /** Requests that arrived in [from, to), from the trace's start on. */
  arrivals(from: number, to: number): number;
  /** Mean number of requests in slots and queues over [from, to). */
  concurrency(from: number, to: number): number;
  /** Mean of the same per instance in service. */
  concurrencyPerInstance(from: number, to: number): number;
  /** Arrivals per instance in service, summed over [from, to): SageMaker's InvocationsPerInstance. */
  invocationsPerInstance(from: number, to: number): number;
}

/** Fleet that a policy scales. */
export interface PolicySettings {
  readonly slotsPerInstance: number;
  readonly serviceMeanSeconds: number;
  readonly provisioningSeconds: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** State of a policy in one run. */
export interface RunningPolicy {
  /** Capacity in service when the window begins. */
  initial(view: PolicyView): number;
  /** Desired capacity from now on; called every {@link CapacityPolicy.everySeconds}. */
  decide(view: PolicyView): number;
}

/** Policy that scales a fleet. */
export interface CapacityPolicy {
  readonly name: string;
  /** Seconds between decisions. */
  readonly everySeconds: number;
  /** Starts a run. */
  start(settings: PolicySettings): RunningPolicy;
}

/** Initial capacity of a reactive policy: the load of the last minute at the utilization that the policy aims at. */
export function initialCapacity(view: PolicyView, settings: PolicySettings, utilization: number): number {
  const until = Math.max(60, view.knownUntilSeconds);
  const from = Math.max(0, until - 60);
  const slots = (view.arrivals(from, until) / (until - from)) * settings.serviceMeanSeconds;
  return startCapacity(slots, settings.slotsPerInstance * utilization, settings);
}

/** Rounds a capacity up and limits it to the fleet's minimum and maximum. */
export function clampCapacity(capacity: number, { minCapacity, maxCapacity }: PolicySettings): number {
  return Math.min(maxCapacity, Math.max(minCapacity, Math.ceil(capacity - 1e-9)));
}
