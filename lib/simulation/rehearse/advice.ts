import { SAGEMAKER_NAMESPACE } from '../../catalog/hosting-metrics';
import { parseResourceId } from '../../catalog/scalable-resource';
import { whyNoLoad } from '../../catalog/tracked-metrics';
import {
  TARGET_UTILIZATION,
  type PolicyMetric,
  type ScalingPolicy,
  type TargetTrackingPolicy,
} from '../../scaling/decide';
import type { FleetBlueprint } from '../blueprint';
import type { Advice, Rehearsal, TimelinePoint } from './rehearsal';
import { Clock } from '../clock';
import { numberText, percentText, round } from '../number-text';
import type { RehearsalBounds } from './rehearsal-loop';
import { roundedUsd, sloPercent } from './result';

/**
 * Rehearses a changed fleet under the same traffic, with all settings of the first rehearsal.
 *
 * @param mayMatter returns false once the run cannot be recommended any more: the rehearsal may then return undefined
 */
export type RehearseAgain = (
  changed: FleetBlueprint,
  mayMatter: (bounds: RehearsalBounds) => boolean,
) => Rehearsal | undefined;

/** Change of a fleet, to be rehearsed before it is recommended. */
interface Change {
  readonly title: string;
  readonly reason: string;
  readonly blueprint: FleetBlueprint;
  /** Changes of one setting by degrees, from the one that costs least and misses most on; absent for a change by itself. */
  readonly scale?: string;
}

/** A change with its rehearsal. */
interface Tried {
  readonly change: Change;
  /** Place among the changes; of equal ones the first is recommended. */
  readonly place: number;
  readonly result: Rehearsal;
}

/** Minimum saving of a recommended change. */
const MIN_SAVING_RATIO = 0.03;
/** Maximum degrees of a short scale; it is searched by halves at once, without a look at its dearest degree. */
const FEW_DEGREES = 3;
/** Causes of fewer misses than this ratio of all get no advice. */
const MIN_CAUSE_RATIO = 0.1;

/**
 * Recommended changes with their reasons.
 *
 * @param rehearseAgain rehearses candidates, so that the best one is recommended with its effect; without it none is tried
 */
export function advise(blueprint: FleetBlueprint, rehearsal: Rehearsal, rehearseAgain?: RehearseAgain): Advice[] {
  const objective = rehearsal.settings.sloPercent;
  const advice: Advice[] = [];
  if (rehearsal.sloPercent < objective) advice.push(...missAdvice(blueprint, rehearsal));
  if (rehearseAgain !== undefined) {
    const best = bestChange(candidates(blueprint, rehearsal), rehearsal, rehearseAgain);
    if (best !== undefined) advice.push(best);
  }
  const { budgetUsd, usdPerMonth, guardLevel } = rehearsal.cost;
  if (budgetUsd !== null && usdPerMonth > budgetUsd) {
    const day = Math.max(1, Math.floor((30.4 * 0.9 * budgetUsd) / usdPerMonth));
    advice.push({
      title: `raise the budget to at least ${numberText(Math.ceil(usdPerMonth))} USD, or expect the guard`,
      reason:
        `a month of this traffic costs ${numberText(usdPerMonth, 0)} USD and the budget is ${numberText(budgetUsd)} USD: ` +
        `the guard would freeze growth on about day ${day}${guardLevel === null || guardLevel === 'ok' ? '' : ` (it reached ${guardLevel} here)`}`,
    });
  }
  if (rehearsal.scaling.capacityErrors > 0) {
    advice.push({
      title: 'add another instance type as a further pool',
      reason:
        `${rehearsal.scaling.capacityErrors} launches failed for lack of capacity in ${rehearsal.fleet.instanceTypes.join(', ')}; ` +
        'SageMaker tries up to five pools in order',
    });
  }
  return advice;
}

/** A remedy for each frequent cause of requests served badly, the most frequent first. */
function missAdvice(blueprint: FleetBlueprint, rehearsal: Rehearsal): Advice[] {
  const total = Object.values(rehearsal.missedBy).reduce((sum, count) => sum + count, 0);
  return Object.entries(rehearsal.missedBy)
    .filter(([, count]) => count >= MIN_CAUSE_RATIO * total)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]): Advice => {
      const share = `${round((100 * count) / total, 0)} % of the requests served badly`;
      switch (cause) {
        case 'maximum':
          return maximumMissed(blueprint, rehearsal, share);
        case 'provisioning':
          return {
            title: 'keep more headroom: the traffic grows faster than instances start',
            reason: `${share} arrived while instances were starting (${rehearsal.settings.provisioning}); ${steepest(rehearsal)}`,
          };
        case 'reaction':
          return {
            title: 'react earlier: lower the target, or raise the minimum',
            reason: `${share} arrived before any policy scaled out, in bursts shorter than its alarm`,
          };
        case 'guard':
          return {
            title: 'raise the budget or the protected floor',
            reason: `${share} arrived while the cost guard limited the fleet`,
          };
        case 'suspended':
          return {
            title: 'lift the suspension of scaling out (DynamicScalingOutSuspended)',
            reason: `${share} arrived while scaling out was suspended, so no policy could add capacity`,
          };
        case 'no-capacity':
          return {
            title: 'add another instance type as a further pool',
            reason: `${share} arrived while no pool had capacity`,
          };
        default:
          return withoutInstance(blueprint, share);
      }
    });
}

/** Remedy for a fleet at zero, by its kind. */
function withoutInstance({ kind, stream }: FleetBlueprint, share: string): Advice {
  if (stream !== undefined && kind === 'real-time') {
    return {
      title: 'keep a minimum of 1',
      reason: `${share} arrived while no instance was in service: they wait in the stream until one has started`,
    };
  }
  switch (kind) {
    case 'async':
      return {
        title: 'wake the fleet: a step policy with an alarm on HasBacklogWithoutCapacity >= 1, or a minimum of 1',
        reason: `${share} arrived while no instance was in service: they wait until the backlog is above the target, possibly for ever`,
      };
    case 'inference-component':
      return {
        title: 'wake the fleet: a step policy with an alarm on NoCapacityInvocationFailures >= 1, or a minimum of 1',
        reason: `${share} arrived while no copy was in service: they fail until one has started`,
      };
    case 'real-time':
      return {
        title: 'keep a minimum of 1',
        reason: `${share} arrived while no instance was in service: requests fail until one has started`,
      };
  }
}

function maximumMissed({ plan, slotsPerInstance }: FleetBlueprint, rehearsal: Rehearsal, share: string): Advice {
  const { maxCapacity } = plan;
  const peak = peakOf(rehearsal.timeline);
  const needed = Math.ceil(peak.peakDemand / (0.8 * slotsPerInstance));
  const arrived = `${share} arrived while the fleet was at its maximum of ${maxCapacity}`;
  const load = `${momentIn(rehearsal, peak.second)} the busiest minute had ${numberText(peak.peakDemand, 0)} concurrent requests`;
  const slots = `${maxCapacity} instances serve ${numberText(maxCapacity * slotsPerInstance)}`;
  if (needed > maxCapacity) {
    return { title: `raise the maximum from ${maxCapacity} to ${needed}`, reason: `${arrived}; ${load}, and ${slots}` };
  }
  return {
    title: 'scale out earlier, or raise the maximum to clear queues faster',
    reason: `${arrived}, with the queue of the time before; ${load}, and ${slots}`,
  };
}

/** Steepest growth of demand within the start-up time of an instance, in words. */
function steepest(rehearsal: Rehearsal): string {
  const { timeline, settings } = rehearsal;
  const seconds = settings.provisioningMedianSeconds;
  let from = timeline[0];
  let to = timeline[0];
  let growth = 0;
  let behind = 0;
  for (const point of timeline) {
    while (timeline[behind]!.second < point.second - seconds) behind++;
    const before = timeline[behind]!;
    if (point.demand - before.demand > growth) {
      growth = point.demand - before.demand;
      from = before;
      to = point;
    }
  }
  if (from === undefined || to === undefined || growth === 0) return 'the traffic grew within that time';
  return (
    `the steepest growth was from ${round(from.demand, 1)} to ${round(to.demand, 1)} concurrent requests ` +
    `within ${round(to.second - from.second, 0)} s, ${momentIn(rehearsal, to.second)}`
  );
}

/** Moment of a run in a sentence, to the minute. */
function momentIn({ clock, traffic }: Rehearsal, second: number): string {
  const times = new Clock(clock, traffic.seconds);
  const moment = times.moment(Math.floor(second / 60) * 60);
  return times.isElapsed ? `at about ${moment} (elapsed)` : `at about ${moment} ${times.zoneName}`;
}

function peakOf(timeline: readonly TimelinePoint[]): TimelinePoint {
  return timeline.reduce((peak, point) => (point.peakDemand > peak.peakDemand ? point : peak), timeline[0]!);
}

/** Changes to rehearse: other targets, other limits, another routing. */
function candidates(blueprint: FleetBlueprint, rehearsal: Rehearsal): Change[] {
  const { plan, slotsPerInstance } = blueprint;
  const changes: Change[] = [];
  const missesObjective = rehearsal.sloPercent < rehearsal.settings.sloPercent;
  for (const policy of plan.policies) {
    if (policy.kind !== 'target-tracking') continue;
    const factors = missesObjective ? [0.9, 0.8, 0.7, 0.6, 0.45] : [2, 1.7, 1.4, 1.25, 1.1];
    for (const factor of factors) {
      const targetValue = round(policy.targetValue * factor, 2);
      if (tracksConcurrency(policy) && targetValue > slotsPerInstance) continue;
      changes.push({
        title: `set the target of ${policy.policyName} to ${targetValue} (it is ${policy.targetValue})`,
        reason: missesObjective
          ? 'a lower target keeps more slots free for requests that arrive while instances start'
          : 'the fleet keeps more slots free than its traffic needs',
        blueprint: withPolicy(blueprint, { ...policy, targetValue }),
        scale: `target of ${policy.policyName}`,
      });
    }
  }
  changes.push(...loadInsteadOfAnswers(blueprint));
  if (missesObjective) {
    const { minCapacity, maxCapacity } = plan;
    const usual = Math.round(rehearsal.capacity.meanInstances);
    const minima = [...new Set([minCapacity + 1, minCapacity + 2, usual])].sort((a, b) => a - b);
    for (const minimum of minima) {
      if (minimum <= minCapacity || minimum > maxCapacity) continue;
      changes.push({
        title: `raise the minimum from ${minCapacity} to ${minimum}`,
        reason: 'a larger fleet at quiet times has free slots for the first minutes of a rise',
        blueprint: { ...blueprint, plan: { ...plan, minCapacity: minimum } },
        scale: 'minimum',
      });
    }
    if (rehearsal.missedBy.maximum !== undefined) {
      const maximum = Math.max(
        maxCapacity + 1,
        Math.ceil(peakOf(rehearsal.timeline).peakDemand / (TARGET_UTILIZATION * slotsPerInstance)),
      );
      changes.push({
        title: `raise the maximum from ${maxCapacity} to ${maximum}`,
        reason: 'the peak needs more instances than the maximum allows',
        blueprint: { ...blueprint, plan: { ...plan, maxCapacity: maximum } },
      });
      for (const policy of plan.policies) {
        if (policy.kind !== 'target-tracking') continue;
        const targetValue = round(policy.targetValue * 0.75, 2);
        changes.push({
          title: `raise the maximum from ${maxCapacity} to ${maximum + 2} and set the target of ${policy.policyName} to ${targetValue}`,
          reason: 'the peak needs more instances than the maximum allows, and the rise before it needs free slots',
          blueprint: withPolicy(
            { ...blueprint, plan: { ...plan, maxCapacity: maximum + 2 } },
            { ...policy, targetValue },
          ),
        });
      }
    }
  }
  if (blueprint.routing === 'RANDOM') {
    changes.push({
      title: 'route to the instance with the fewest requests (LEAST_OUTSTANDING_REQUESTS)',
      reason: 'random routing lets requests wait on one instance while another is idle',
      blueprint: { ...blueprint, routing: 'LEAST_OUTSTANDING_REQUESTS' },
    });
  }
  return changes;
}

/** Ratios of the slots of an instance at which a policy may hold its concurrency. */
const LOAD_RATIOS = [0.8, TARGET_UTILIZATION, 0.6, 0.5, 0.4, 0.3];

/** Policies that follow a latency or failures, changed to follow the load: the former neither fall with capacity nor exist without traffic. */
function loadInsteadOfAnswers(blueprint: FleetBlueprint): Change[] {
  return blueprint.plan.policies.flatMap((policy) => {
    if (policy.kind !== 'target-tracking') return [];
    const followed = metricsOf(policy).map(({ namespace, metricName }) => ({
      metricName,
      why: whyNoLoad(namespace, metricName),
    }));
    const [first] = followed;
    if (first?.why === undefined || followed.some(({ why }) => why !== first.why)) return [];
    const load = loadMetric(blueprint);
    return LOAD_RATIOS.map((ratio): Change => {
      const targetValue = round(ratio * blueprint.slotsPerInstance, 2);
      return {
        title: `let ${policy.policyName} follow ${load.name} at ${targetValue} in place of ${first.metricName}`,
        reason: `${first.metricName} ${first.why}`,
        blueprint: withPolicy(blueprint, { ...policy, metric: load.metric, targetValue }),
        scale: `load of ${policy.policyName}`,
      };
    });
  });
}

/** Metrics that a policy computes its value from. */
function metricsOf({ metric }: TargetTrackingPolicy): { readonly namespace: string; readonly metricName: string }[] {
  switch (metric?.kind) {
    case 'custom':
      return [metric];
    case 'math':
      return metric.queries.flatMap((query) => query.metric ?? []);
    default:
      return [];
  }
}

/** Metric of how busy the fleet is, by its kind. */
function loadMetric({ kind, resourceId }: FleetBlueprint): { readonly name: string; readonly metric: PolicyMetric } {
  const predefined = (predefinedMetricType: string) => ({
    name: predefinedMetricType,
    metric: { kind: 'predefined' as const, predefinedMetricType },
  });
  if (kind === 'inference-component')
    return predefined('SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution');
  if (kind === 'real-time') return predefined('SageMakerVariantConcurrentRequestsPerModelHighResolution');
  const named = parseResourceId(resourceId);
  const name = 'ApproximateBacklogSizePerInstance';
  return {
    name,
    metric: {
      kind: 'custom',
      namespace: SAGEMAKER_NAMESPACE,
      metricName: name,
      dimensions: named?.kind === 'variant' ? { EndpointName: named.endpointName } : {},
      statistic: 'Average',
    },
  };
}

/** The cheapest change that meets the objective; if none does, the nearest one. */
function bestChange(changes: readonly Change[], base: Rehearsal, rehearseAgain: RehearseAgain): Advice | undefined {
  const objective = base.settings.sloPercent;
  const meetsObjective = base.sloPercent >= objective;
  // A fleet that costs nothing cannot cost less.
  if (meetsObjective && base.cost.usd <= 0) return undefined;
  const { cheapest, nearest } = tryAll(changes, base, rehearseAgain);
  const adviceFor = ({ change, result }: Tried, effect: string): Advice => ({
    title: change.title,
    reason: `${change.reason}; ${effect}`,
    effect: { sloPercent: result.sloPercent, usdPerMonth: result.cost.usdPerMonth },
  });
  if (cheapest !== undefined) {
    const { sloPercent, cost } = cheapest.result;
    const saved = round(100 * (1 - cost.usd / base.cost.usd), 1);
    return adviceFor(
      cheapest,
      meetsObjective
        ? `rehearsed with this change, the fleet costs ${saved} % less and still serves ${percentText(sloPercent)} well`
        : `rehearsed with this change, ${percentText(sloPercent)} are served well instead of ${percentText(base.sloPercent)}`,
    );
  }
  if (meetsObjective || nearest === undefined) return undefined;
  return adviceFor(
    nearest,
    `none of ${changes.length} changes meets ${objective} % by itself; this one is the nearest with ${percentText(nearest.result.sloPercent)}`,
  );
}

/**
 * Rehearses the changes. A run ends as soon as nothing it may still bring could be recommended. Of the degrees of one setting, the
 * cheapest that meets the objective is found by halves: a fleet of a lower target or a higher minimum costs more and misses less.
 */
function tryAll(
  changes: readonly Change[],
  base: Rehearsal,
  rehearseAgain: RehearseAgain,
): { readonly cheapest?: Tried; readonly nearest?: Tried } {
  const objective = base.settings.sloPercent;
  const meetsObjective = base.sloPercent >= objective;
  const maximumUsd = meetsObjective ? (1 - MIN_SAVING_RATIO) * base.cost.usd : Infinity;
  let cheapest: Tried | undefined;
  let nearest: Tried | undefined;
  const isCheaper = (usd: number, place: number): boolean =>
    usd <= maximumUsd &&
    (cheapest === undefined ||
      usd < cheapest.result.cost.usd ||
      (usd === cheapest.result.cost.usd && place < cheapest.place));
  const isNearer = (slo: number, place: number): boolean =>
    !meetsObjective &&
    cheapest === undefined &&
    slo > base.sloPercent &&
    (nearest === undefined ||
      slo > nearest.result.sloPercent ||
      (slo === nearest.result.sloPercent && place < nearest.place));
  /** Rehearses a change; returns whether it misses the objective, as far as its run has come. */
  const misses = ({ change, place }: Placed): boolean => {
    let slo = 100;
    const result = rehearseAgain(change.blueprint, ({ missed, leastUsd }) => {
      slo = sloPercent(base.requests.arrived, missed);
      return (slo >= objective && isCheaper(roundedUsd(leastUsd), place)) || isNearer(slo, place);
    });
    if (result === undefined) return slo < objective;
    const tried = { change, place, result };
    if (result.sloPercent < objective) {
      if (isNearer(result.sloPercent, place)) nearest = tried;
      return true;
    }
    if (isCheaper(result.cost.usd, place)) cheapest = tried;
    return false;
  };
  for (const degrees of inOrderOfTrial(changes)) {
    let low = 0;
    let high = degrees.length - 1;
    // The dearest of many first: for a fleet that misses its objective, often no degree meets it.
    if (!meetsObjective && degrees.length > FEW_DEGREES && misses(degrees[high--]!)) continue;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (misses(degrees[middle]!)) low = middle + 1;
      else high = middle - 1;
    }
  }
  return { ...(cheapest !== undefined && { cheapest }), ...(nearest !== undefined && { nearest }) };
}

/** A change with its place among the changes. */
type Placed = Omit<Tried, 'result'>;

/** Changes by themselves, then the degrees of each setting, few before many. */
function inOrderOfTrial(changes: readonly Change[]): readonly (readonly Placed[])[] {
  const scales = new Map<string | number, Placed[]>();
  for (const [place, change] of changes.entries()) {
    const key = change.scale ?? place;
    scales.set(key, [...(scales.get(key) ?? []), { change, place }]);
  }
  return [...scales.values()].sort((a, b) => a.length - b.length);
}

function tracksConcurrency({ metric }: TargetTrackingPolicy): boolean {
  return metric?.kind === 'predefined' && /ConcurrentRequestsPer/.test(metric.predefinedMetricType);
}

function withPolicy(blueprint: FleetBlueprint, changed: ScalingPolicy): FleetBlueprint {
  const policies = blueprint.plan.policies.map((policy) =>
    policy.policyName === changed.policyName ? changed : policy,
  );
  return { ...blueprint, plan: { ...blueprint.plan, policies } };
}
