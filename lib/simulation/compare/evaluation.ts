import { RequestFleet } from '../fleet/engine/request-fleet';
import type { FleetChange, SecondFleet } from '../fleet/pooled/second-fleet';
import { round } from '../number-text';
import type { PlayedSchedule } from './oracle/clairvoyant';
import { scheduleCost, startCost, type SchedulePrices } from './oracle/schedule-search';
import type { CapacityPolicy, PolicyView } from './policies/policy';
import { fleetOf, searchFleetOf, type Trial } from './trial';

/** Result of one policy with one seed. */
export interface PolicyRun {
  readonly policy: string;
  readonly seed: number;
  readonly instanceHours: number;
  /** Ratio of requests on time. */
  readonly sloRatio: number;
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly scaleActions: number;
  readonly changes: readonly FleetChange[];
}

/** Runs one policy over the window of a trial. */
export function evaluatePolicy(policy: CapacityPolicy, trial: Trial, fleet: SecondFleet = fleetOf(trial)): PolicyRun {
  const view = new FleetView(fleet, trial);
  const running = policy.start(trial.settings);
  fleet.begin(running.initial(view));
  const { fromSeconds, toSeconds } = trial;
  let due = fromSeconds + policy.everySeconds;
  for (let second = fromSeconds; second < toSeconds; second++) {
    if (second === due) {
      due += policy.everySeconds;
      fleet.setDesired(running.decide(view));
    }
    fleet.step();
  }
  return runOf(policy.name, trial.seed, fleet);
}

/** Runs a schedule of instances per minute. Its launches are early by the provisioning time. */
export function evaluateSchedule(
  name: string,
  instances: Int16Array,
  provisioningSeconds: number,
  trial: Trial,
): PolicyRun {
  const fleet = fleetOf(trial);
  playSchedule(fleet, instances, provisioningSeconds, trial);
  return runOf(name, trial.seed, fleet);
}

/** Plays a schedule; stops when more than `allowed` requests are late. */
function playSchedule(
  fleet: SecondFleet,
  instances: Int16Array,
  provisioningSeconds: number,
  { fromSeconds, toSeconds }: Trial,
  allowed = Infinity,
): void {
  fleet.begin(instances[0]);
  const minutes = instances.length;
  // Instances that are ready when a minute begins were launched a provisioning time earlier, or when the window began.
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
      if (fleet.missed > allowed) return;
    }
    fleet.step();
  }
}

/**
 * Plays a schedule of instances per minute, until more than `limit` times the requests are late that the objective allows.
 *
 * @param prices seconds of a start, and of the mean work of a released instance where requests are not played one by one
 */
export function playedSchedule(
  instances: Int16Array,
  sloRatio: number,
  trial: Trial,
  prices: SchedulePrices,
  limit: number,
  fleet: SecondFleet = searchFleetOf(trial),
): PlayedSchedule {
  const { fromSeconds, toSeconds, arrivalSums } = trial;
  const allowed = Math.max(1e-9, (1 - sloRatio) * (arrivalSums[toSeconds] - arrivalSums[fromSeconds]));
  const stop = limit * allowed * (1 + 1e-9);
  let cost: number;
  if (fleet instanceof RequestFleet) {
    fleet.begin(instances[0]);
    cost = 0;
    for (let minute = 0; minute < instances.length; minute++) {
      const end = minute + 1 === instances.length ? toSeconds : fromSeconds + (minute + 1) * 60;
      fleet.playTo(end, instances[minute]);
      if (fleet.missed > stop) return { lateRatio: Infinity, cost: Infinity };
      if (minute > 0) {
        cost += Math.max(0, instances[minute] - instances[minute - 1]) * startCost(minute, prices.provisioningSeconds);
      }
    }
    cost += fleet.servedSeconds();
  } else {
    playSchedule(fleet, instances, 0, trial, stop);
    cost = scheduleCost(instances, prices);
  }
  const { missed } = fleet;
  if (missed > stop) return { lateRatio: Infinity, cost: Infinity };
  const lateRatio = missed / allowed;
  return { lateRatio: fleet.slo() >= sloRatio ? Math.min(1, lateRatio) : Math.max(1 + 1e-9, lateRatio), cost };
}

function runOf(policy: string, seed: number, fleet: SecondFleet): PolicyRun {
  const wait = (rank: number): number => round(fleet.wait.quantile(rank), 3);
  return {
    policy,
    seed,
    instanceHours: fleet.instanceHours(),
    sloRatio: fleet.slo(),
    waitSeconds: { p50: wait(0.5), p95: wait(0.95), p99: wait(0.99) },
    scaleActions: fleet.scaleActions,
    changes: fleet.changes,
  };
}

/** Metrics of a fleet, as a policy reads them. */
class FleetView implements PolicyView {
  public constructor(
    private readonly fleet: SecondFleet,
    private readonly trial: Trial,
  ) {}

  public get atSeconds(): number {
    return this.fleet.now;
  }

  public get knownUntilSeconds(): number {
    return this.fleet.now - this.trial.metricDelaySeconds;
  }

  public get desired(): number {
    return this.fleet.desired;
  }

  public get inService(): number {
    return this.fleet.inService;
  }

  public arrivals(from: number, to: number): number {
    const sums = this.trial.arrivalSums;
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
    const begin = Math.max(0, from - this.trial.fromSeconds);
    const end = Math.min(to, this.fleet.now) - this.trial.fromSeconds;
    return end > begin ? (sums[end] - sums[begin]) / (end - begin) : 0;
  }

  private sum(sums: Float64Array, from: number, to: number): number {
    const begin = Math.max(0, from - this.trial.fromSeconds);
    const end = Math.min(to, this.fleet.now) - this.trial.fromSeconds;
    return end > begin ? sums[end] - sums[begin] : 0;
  }
}
