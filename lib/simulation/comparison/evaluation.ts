import type { CapacityPolicy, PolicySettings, PolicyView } from '../policies/policy';
import { startCost } from '../oracle/schedule-search';
import { AggregatedFleet, type AggregatedFleetOptions, type FleetChange } from './aggregated-fleet';

/** What one policy did with one seed. */
export interface PolicyRun {
  readonly policy: string;
  readonly seed: number;
  readonly instanceHours: number;
  readonly slo: number;
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly scaleActions: number;
  readonly changes: readonly FleetChange[];
}

/** A window and how it is played. */
export interface EvaluationOptions extends AggregatedFleetOptions {
  readonly settings: PolicySettings;
  /** Sums of arrivals up to each second from the trace's start; index 0 is 0. */
  readonly arrivalSums: Float64Array;
  /** Seconds from the end of a period until its metric can be read. */
  readonly metricDelaySeconds: number;
}

/** Plays one policy over the window. */
export function evaluatePolicy(policy: CapacityPolicy, options: EvaluationOptions): PolicyRun {
  const fleet = new AggregatedFleet(options);
  const view = new FleetView(fleet, options);
  const played = policy.play(options.settings);
  fleet.begin(played.initial(view));
  const { fromSeconds, toSeconds } = options;
  let due = fromSeconds + policy.everySeconds;
  for (let second = fromSeconds; second < toSeconds; second++) {
    if (second === due) {
      due += policy.everySeconds;
      fleet.setDesired(played.decide(view));
    }
    fleet.step();
  }
  return runOf(policy.name, options.seed, fleet);
}

/** Plays a schedule of minutes whose launches were made in time, at the mean provisioning time. */
export function evaluateSchedule(
  name: string,
  instances: Int16Array,
  provisioningSeconds: number,
  options: EvaluationOptions,
): PolicyRun {
  const fleet = new AggregatedFleet(options);
  const { fromSeconds, toSeconds } = options;
  fleet.begin(instances[0]);
  const minutes = instances.length;
  // What is ready at a minute's beginning was launched so long before, or at the window's beginning.
  const launches = new Map<number, { count: number; ready: number }[]>();
  for (let minute = 1; minute < minutes; minute++) {
    const more = instances[minute] - instances[minute - 1];
    if (more <= 0) continue;
    const ready = fromSeconds + minute * 60;
    const at = ready - Math.round(startCost(minute, provisioningSeconds));
    launches.set(at, [...(launches.get(at) ?? []), { count: more, ready }]);
  }
  for (let second = fromSeconds; second < toSeconds; second++) {
    for (const { count, ready } of launches.get(second) ?? []) fleet.launchFor(count, ready);
    const since = second - fromSeconds;
    if (since > 0 && since % 60 === 0 && since / 60 < minutes) {
      const fewer = instances[since / 60 - 1] - instances[since / 60];
      if (fewer > 0) fleet.releaseServing(fewer);
    }
    fleet.step();
  }
  return runOf(name, options.seed, fleet);
}

function runOf(policy: string, seed: number, fleet: AggregatedFleet): PolicyRun {
  return {
    policy,
    seed,
    instanceHours: fleet.instanceHours(),
    slo: fleet.slo(),
    waitSeconds: { p50: fleet.wait.quantile(0.5), p95: fleet.wait.quantile(0.95), p99: fleet.wait.quantile(0.99) },
    scaleActions: fleet.scaleActions,
    changes: fleet.changes,
  };
}

/** What the metrics tell of a fleet. */
class FleetView implements PolicyView {
  public constructor(
    private readonly fleet: AggregatedFleet,
    private readonly options: EvaluationOptions,
  ) {}

  public get atSeconds(): number {
    return this.fleet.now;
  }

  public get knownUntilSeconds(): number {
    return this.fleet.now - this.options.metricDelaySeconds;
  }

  public get desired(): number {
    return this.fleet.desired;
  }

  public get inService(): number {
    return this.fleet.inService;
  }

  public arrivals(from: number, to: number): number {
    const sums = this.options.arrivalSums;
    return sums[Math.min(to, this.fleet.now)] - sums[Math.max(0, from)];
  }

  public concurrency(from: number, to: number): number {
    return this.mean(this.fleet.presentSums, from, to);
  }

  public concurrencyPerInstance(from: number, to: number): number {
    return this.mean(this.fleet.loadSums, from, to);
  }

  public invocationsPerInstance(from: number, to: number): number {
    return this.sum(this.fleet.sharedArrivalSums, from, to);
  }

  private mean(sums: Float64Array, from: number, to: number): number {
    const begin = Math.max(0, from - this.options.fromSeconds);
    const end = Math.min(to, this.fleet.now) - this.options.fromSeconds;
    return end > begin ? (sums[end] - sums[begin]) / (end - begin) : 0;
  }

  private sum(sums: Float64Array, from: number, to: number): number {
    const begin = Math.max(0, from - this.options.fromSeconds);
    const end = Math.min(to, this.fleet.now) - this.options.fromSeconds;
    return end > begin ? sums[end] - sums[begin] : 0;
  }
}
