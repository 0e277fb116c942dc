import { undisturbedOccupancy } from '../fleet/pooled/occupancy';
import { endingShares, releasedSeconds } from '../fleet/pooled/service-spread';
import { meanProvisioningSeconds, type ComparisonSettings } from './comparison-settings';
import { evaluatePolicy, evaluateSchedule, type PolicyRun } from './evaluation';
import { clairvoyantSchedule } from './oracle/clairvoyant';
import { lowerBound } from './oracle/lower-bound';
import { invocationsTracking } from './policies/aws';
import { constantPolicy } from './policies/constant';
import type { CapacityPolicy } from './policies/policy';
import type { Trial } from './trial';

/** Targets that {@link hindsightTracking} tries, as ratios of an instance's throughput. */
const HINDSIGHT_TARGET_RATIOS = Array.from({ length: 14 }, (_, index) => Math.round((0.35 + index * 0.05) * 100) / 100);

/** Number of targets that {@link hindsightTracking} tries. */
export const HINDSIGHT_TARGETS = HINDSIGHT_TARGET_RATIOS.length;

/** Run of the best schedule that is found with all traffic known. */
export function runClairvoyant(trial: Trial, settings: ComparisonSettings): PolicyRun {
  const provisioningSeconds = meanProvisioningSeconds(settings);
  const run = (instances: Int16Array): PolicyRun =>
    evaluateSchedule('clairvoyant', instances, provisioningSeconds, trial);
  const schedule = clairvoyantSchedule({
    arrivals: trial.arrivals.subarray(settings.fromSeconds, settings.toSeconds),
    occupancy: undisturbedOccupancy(trial),
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: settings.serviceMeanSeconds,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloRatio: settings.sloRatio,
    provisioningSeconds,
    drainSeconds: releasedSeconds(trial.service, settings.slotsPerInstance),
    minCapacity: settings.minCapacity,
    maxCapacity: settings.maxCapacity,
    onTimeRatio: (instances) => run(instances).sloRatio,
  });
  return run(schedule);
}

/** Lower bound of the instance-hours of every schedule that meets the objective. */
export function boundInstanceHours(trial: Trial, settings: ComparisonSettings): number {
  const { fromSeconds, toSeconds } = settings;
  const length = Math.floor((toSeconds - fromSeconds) / 60) * 60;
  const arrivals = new Float64Array(length + 60);
  for (let index = 0; index < arrivals.length; index++) {
    const second = fromSeconds - 60 + index;
    if (second >= 0) arrivals[index] = trial.arrivals[second];
  }
  const endingRatios = endingShares(trial.service);
  const outliving = new Float64Array(endingRatios.length + 1);
  outliving[0] = 1;
  for (let k = 0; k < endingRatios.length; k++) outliving[k + 1] = outliving[k] - endingRatios[k];
  const used = new Float64Array(endingRatios.length + 1);
  for (let k = 1; k <= endingRatios.length; k++) used[k] = used[k - 1] + Math.max(0, outliving[k]);
  const total = used[endingRatios.length];
  const { coefficientOfVariation, meanSeconds } = trial.service;
  const bound = lowerBound({
    arrivals,
    slotsPerInstance: settings.slotsPerInstance,
    serviceMeanSeconds: meanSeconds,
    usedRatio: (seconds) => (seconds <= 0 ? 0 : used[Math.min(endingRatios.length, Math.floor(seconds))] / total),
    residualSeconds: (meanSeconds * (1 + coefficientOfVariation ** 2)) / 2,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloRatio: settings.sloRatio,
    provisioningSeconds: meanProvisioningSeconds(settings),
    minCapacity: settings.minCapacity,
  });
  return bound.instanceSeconds / 3600;
}

/** Constant fleets sized, in hindsight, for the busiest second and for the 99th percentile of seconds. */
export function hindsightConstants(trial: Trial, settings: ComparisonSettings): CapacityPolicy[] {
  const occupancy = undisturbedOccupancy(trial).sort();
  const instances = (present: number): number => Math.ceil(present / settings.slotsPerInstance);
  return [
    constantPolicy('static-peak', instances(occupancy[occupancy.length - 1])),
    constantPolicy('static-p99', instances(occupancy[Math.floor(0.99 * (occupancy.length - 1))])),
  ];
}

/** Runs of target tracking at the target that is, in hindsight, the cheapest of those that meet the objective with every seed. */
export function hindsightTracking(
  trials: readonly Trial[],
  settings: ComparisonSettings,
  onProgress: (activity: string) => void,
): PolicyRun[] {
  let best: { runs: PolicyRun[]; cost: number; meets: boolean } | undefined;
  for (const targetRatio of HINDSIGHT_TARGET_RATIOS) {
    const policy = invocationsTracking('aws-target-tracking-hindsight', targetRatio);
    onProgress(`${policy.name} at ${targetRatio}`);
    const runs = trials.map((trial) => evaluatePolicy(policy, trial));
    const meets = runs.every(({ sloRatio }) => sloRatio >= settings.sloRatio);
    const cost = runs.reduce((sum, { instanceHours }) => sum + instanceHours, 0);
    if (best === undefined || (meets && (!best.meets || cost < best.cost))) best = { runs, cost, meets };
  }
  return best!.runs;
}
