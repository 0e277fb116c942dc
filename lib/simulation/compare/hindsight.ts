import type { FleetBlueprint } from '../blueprint';
import type { Workload } from '../traffic';
import { HOURS_PER_MONTH } from '../rehearse/billing';
import type { Hindsight, Rehearsal } from '../rehearse/rehearsal';
import { round } from '../number-text';
import { COMPARISON_DEFAULTS, PLAY_LIMITS, type ComparisonSettings } from './comparison-settings';
import { trialOf } from './trial';
import { runClairvoyant } from './yardsticks';

/** Maximum length of a run: for longer ones the search takes longer than the rehearsal. */
const MAX_SECONDS = 86_400;
const MIN_SECONDS = 600;
/** Changes of the schedule: few, as the figure is one line of a report that should come at once. */
const CHANGES = 500;

/**
 * Cost of the same traffic with the best schedule that can be found when all of it is known. The schedule pays for provisioning and for
 * whole instances, stays within the fleet's limits, and meets the objective. Service times are lognormal with the rehearsal's
 * mean.
 *
 * Undefined if no schedule is found that meets the objective, or none that costs less than a fleet that keeps it itself; and for runs shorter than ten minutes or longer than a day, for copies of a component, and for one of several variants.
 */
export function hindsight(blueprint: FleetBlueprint, traffic: Workload, rehearsal: Rehearsal): Hindsight | undefined {
  const { settings, cost } = rehearsal;
  const { seconds, fromSeconds, meanServiceSeconds } = rehearsal.traffic;
  const length = Math.floor(seconds / 60) * 60;
  if (length < MIN_SECONDS || length > MAX_SECONDS) return undefined;
  if (
    blueprint.placement !== undefined ||
    blueprint.share !== undefined ||
    blueprint.edgeOffload !== undefined ||
    rehearsal.requests.arrived === 0 ||
    meanServiceSeconds <= 0
  )
    return undefined;
  const comparison: ComparisonSettings = {
    ...COMPARISON_DEFAULTS,
    fromSeconds: Math.floor(fromSeconds),
    toSeconds: Math.floor(fromSeconds) + length,
    slotsPerInstance: blueprint.slotsPerInstance,
    serviceMeanSeconds: meanServiceSeconds,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloRatio: settings.sloPercent / 100,
    provisioningSeconds: settings.provisioningMedianSeconds,
    provisioningSigma: 0,
    minCapacity: blueprint.plan.minCapacity,
    maxCapacity: blueprint.plan.maxCapacity,
    seeds: 1,
    limits: { ...PLAY_LIMITS, changes: CHANGES },
  };
  const { run, isFound } = runClairvoyant(trialOf(traffic, comparison, 1), comparison);
  if (!isFound) return undefined;
  const price = cost.pricesPerHourUsd[blueprint.pools[0]!.instanceType]!;
  const usdPerMonth = (run.instanceHours * price * HOURS_PER_MONTH * 3600) / length;
  const fleetKeeps = rehearsal.sloPercent >= settings.sloPercent;
  if (fleetKeeps && usdPerMonth > cost.usdPerMonth) return undefined;
  return {
    instanceHours: round(run.instanceHours, 4),
    usdPerMonth: round(usdPerMonth, 2),
    sloPercent: round(100 * run.sloRatio, 4),
  };
}
