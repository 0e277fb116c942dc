import { COMPARISON_DEFAULTS, playClairvoyant, worldOf } from '../comparison/compare';
import type { FleetBlueprint } from '../template';
import type { Workload } from '../workload';
import { HOURS_PER_MONTH } from './billing';
import type { Hindsight, Rehearsal } from './rehearsal';
import { round } from './timeline';

/** Beyond so many seconds the search for the best schedule takes longer than the rehearsal. */
const MOST_SECONDS = 86_400;
const LEAST_SECONDS = 600;

/**
 * What the same traffic would have cost with the best schedule anybody could have found afterwards: it pays provisioning and whole instances like
 * everyone, stays within the fleet's limits, and meets the objective where that is possible. Service times are lognormal with the rehearsal's mean.
 *
 * Undefined for runs shorter than ten minutes or longer than a day, and for copies of a component and for one of several variants.
 */
export function hindsight(blueprint: FleetBlueprint, traffic: Workload, rehearsal: Rehearsal): Hindsight | undefined {
  const { settings, cost } = rehearsal;
  const { seconds, fromSeconds, meanServiceSeconds } = rehearsal.traffic;
  const length = Math.floor(seconds / 60) * 60;
  if (length < LEAST_SECONDS || length > MOST_SECONDS) return undefined;
  if (
    blueprint.placement !== undefined ||
    blueprint.share !== undefined ||
    rehearsal.requests.arrived === 0 ||
    meanServiceSeconds <= 0
  )
    return undefined;
  const comparison = {
    ...COMPARISON_DEFAULTS,
    fromSeconds: Math.floor(fromSeconds),
    toSeconds: Math.floor(fromSeconds) + length,
    slotsPerInstance: blueprint.slotsPerInstance,
    serviceMeanSeconds: meanServiceSeconds,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloShare: settings.sloPercent / 100,
    provisioningSeconds: settings.provisioningMedianSeconds,
    provisioningSigma: 0,
    minCapacity: blueprint.plan.minCapacity,
    maxCapacity: blueprint.plan.maxCapacity,
    seeds: 1,
  };
  const run = playClairvoyant(worldOf(traffic, comparison, 1), comparison);
  const price = cost.pricesPerHourUsd[blueprint.pools[0]!.instanceType]!;
  return {
    instanceHours: round(run.instanceHours, 4),
    usdPerMonth: round((run.instanceHours * price * HOURS_PER_MONTH * 3600) / length, 2),
    sloPercent: round(100 * run.slo, 4),
  };
}
