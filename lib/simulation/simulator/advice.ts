import type { ScalingPolicy, TargetTrackingPolicy } from '../../scaling/decide/plan';
import type { FleetBlueprint } from '../template';
import type { Advice, Rehearsal, TimelinePoint } from './rehearsal';
import { clock, number } from './number-text';
import { round } from './timeline';

/** Rehearses a changed fleet under the same traffic. */
export type RehearseAgain = (changed: FleetBlueprint) => Rehearsal;

/** A change worth rehearsing. */
interface Change {
  readonly title: string;
  readonly reason: string;
  readonly blueprint: FleetBlueprint;
}

/** A change that saves less than this share of the cost is not worth a word. */
const LEAST_SAVING = 0.03;

/**
 * What to change, with the reasons and, where `again` is given, with what the change would do: each candidate is rehearsed under the same
 * traffic before it is recommended.
 */
export function advise(blueprint: FleetBlueprint, rehearsal: Rehearsal, again?: RehearseAgain): Advice[] {
  const wanted = rehearsal.settings.sloPercent;
  const advice: Advice[] = [];
  if (rehearsal.sloPercent < wanted) advice.push(...misses(blueprint, rehearsal));
  if (again !== undefined) {
    const best = bestChange(candidates(blueprint, rehearsal), rehearsal, again);
    if (best !== undefined) advice.push(best);
  }
  const { budgetUsd, usdPerMonth, guardLevel } = rehearsal.cost;
  if (budgetUsd !== null && usdPerMonth > budgetUsd) {
    const day = Math.max(1, Math.floor((30.4 * 0.9 * budgetUsd) / usdPerMonth));
    advice.push({
      title: `raise the budget to at least ${number(Math.ceil(usdPerMonth))} USD, or expect the guard`,
      reason:
        `a month of this traffic costs ${number(usdPerMonth, 0)} USD and the budget is ${number(budgetUsd)} USD: ` +
        `the guard would freeze growth about day ${day}${guardLevel === null || guardLevel === 'ok' ? '' : ` (it reached ${guardLevel} here)`}`,
    });
  }
  if (rehearsal.scaling.capacityErrors > 0) {
    advice.push({
      title: 'add another instance type as a further pool',
      reason:
        `${rehearsal.scaling.capacityErrors} launches found no capacity in ${rehearsal.fleet.instanceTypes.join(', ')}; ` +
        'SageMaker falls back to up to five pools in order',
    });
  }
  return advice;
}

/** Why requests were served badly, most frequent cause first, and what helps against it. */
function misses(blueprint: FleetBlueprint, rehearsal: Rehearsal): Advice[] {
  const total = Object.values(rehearsal.missedBy).reduce((sum, count) => sum + count, 0);
  return Object.entries(rehearsal.missedBy)
    .filter(([, count]) => count >= 0.1 * total)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]): Advice => {
      const share = `${round((100 * count) / total, 0)} % of the requests served badly`;
      switch (cause) {
        case 'maximum':
          return maximumMissed(blueprint, rehearsal, share);
        case 'provisioning':
          return {
            title: 'keep more head room: an instance takes longer to start than the traffic takes to grow',
            reason: `${share} came while instances were starting (${rehearsal.settings.provisioning}); ${steepest(rehearsal)}`,
          };
        case 'reaction':
          return {
            title: 'react earlier: lower the target, or raise the minimum',
            reason: `${share} came before any policy had asked for more, in bursts shorter than its alarm`,
          };
        case 'guard':
          return {
            title: 'raise the budget or the protected floor',
            reason: `${share} came while the cost guard held the fleet down`,
          };
        case 'no-capacity':
          return {
            title: 'add another instance type as a further pool',
            reason: `${share} came while no pool had capacity`,
          };
        default:
          return {
            title: 'keep a minimum of 1',
            reason: `${share} came while no instance was in service: requests fail until one has started`,
          };
      }
    });
}

function maximumMissed({ plan, slotsPerInstance }: FleetBlueprint, rehearsal: Rehearsal, share: string): Advice {
  const { maxCapacity } = plan;
  const peak = peakOf(rehearsal.timeline);
  const needed = Math.ceil(peak.peakDemand / (0.8 * slotsPerInstance));
  const came = `${share} came while the fleet was at its maximum of ${maxCapacity}`;
  const asked = `about ${clock(peak.second)} the busiest minute asked for ${number(peak.peakDemand, 0)} requests at a time`;
  const held = `${maxCapacity} instances hold ${number(maxCapacity * slotsPerInstance)}`;
  if (needed > maxCapacity) {
    return { title: `raise the maximum from ${maxCapacity} to ${needed}`, reason: `${came}; ${asked} and ${held}` };
  }
  return {
    title: 'be there earlier, or raise the maximum to work off a queue more quickly',
    reason: `${came}, with what had queued up before; ${asked}, and ${held}`,
  };
}

/** The steepest growth of demand within the time an instance takes to start. */
function steepest({ timeline, settings }: Rehearsal): string {
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
    `within ${round(to.second - from.second, 0)} s, at ${clock(to.second)}`
  );
}

function peakOf(timeline: readonly TimelinePoint[]): TimelinePoint {
  return timeline.reduce((peak, point) => (point.peakDemand > peak.peakDemand ? point : peak), timeline[0]!);
}

/** Changes worth rehearsing: other targets, other limits, another routing. */
function candidates(blueprint: FleetBlueprint, rehearsal: Rehearsal): Change[] {
  const { plan, slotsPerInstance } = blueprint;
  const changes: Change[] = [];
  const badly = rehearsal.sloPercent < rehearsal.settings.sloPercent;
  for (const policy of plan.policies) {
    if (policy.kind !== 'target-tracking') continue;
    const factors = badly ? [0.9, 0.8, 0.7, 0.6, 0.45] : [1.1, 1.25, 1.4, 1.7, 2];
    for (const factor of factors) {
      const targetValue = round(policy.targetValue * factor, 2);
      if (tracksConcurrency(policy) && targetValue > slotsPerInstance) continue;
      changes.push({
        title: `set the target of ${policy.policyName} to ${targetValue} (it is ${policy.targetValue})`,
        reason: badly
          ? 'a lower target keeps more slots free for what comes while instances start'
          : 'the fleet keeps more slots free than its traffic needs',
        blueprint: withPolicy(blueprint, { ...policy, targetValue }),
      });
    }
  }
  if (badly) {
    const { minCapacity, maxCapacity } = plan;
    const usual = Math.round(rehearsal.capacity.meanInstances);
    for (const minimum of new Set([minCapacity + 1, minCapacity + 2, usual])) {
      if (minimum <= minCapacity || minimum > maxCapacity) continue;
      changes.push({
        title: `raise the minimum from ${minCapacity} to ${minimum}`,
        reason: 'a larger fleet at quiet times has room for the first minutes of a rise',
        blueprint: { ...blueprint, plan: { ...plan, minCapacity: minimum } },
      });
    }
    if (rehearsal.missedBy.maximum !== undefined) {
      const maximum = Math.max(
        maxCapacity + 1,
        Math.ceil(peakOf(rehearsal.timeline).peakDemand / (0.7 * slotsPerInstance)),
      );
      changes.push({
        title: `raise the maximum from ${maxCapacity} to ${maximum}`,
        reason: 'the peak asks for more than the maximum holds',
        blueprint: { ...blueprint, plan: { ...plan, maxCapacity: maximum } },
      });
      for (const policy of plan.policies) {
        if (policy.kind !== 'target-tracking') continue;
        const targetValue = round(policy.targetValue * 0.75, 2);
        changes.push({
          title: `raise the maximum from ${maxCapacity} to ${maximum + 2} and set the target of ${policy.policyName} to ${targetValue}`,
          reason: 'the peak asks for more than the maximum holds, and the way up needs free slots',
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

/** The cheapest change that reaches the objective; where none does, the one that comes nearest. */
function bestChange(changes: readonly Change[], base: Rehearsal, again: RehearseAgain): Advice | undefined {
  const wanted = base.settings.sloPercent;
  const tried = changes.map((change) => ({ change, result: again(change.blueprint) }));
  const reach = tried.filter(({ result }) => result.sloPercent >= wanted);
  reach.sort((a, b) => a.result.cost.usd - b.result.cost.usd);
  const [cheapest] = reach;
  const advise = ({ change, result }: (typeof tried)[number], more: string): Advice => ({
    title: change.title,
    reason: `${change.reason}; ${more}`,
    effect: { sloPercent: result.sloPercent, usdPerMonth: result.cost.usdPerMonth },
  });
  if (base.sloPercent >= wanted) {
    if (cheapest === undefined || cheapest.result.cost.usd > (1 - LEAST_SAVING) * base.cost.usd) return undefined;
    const saved = round(100 * (1 - cheapest.result.cost.usd / base.cost.usd), 1);
    return advise(
      cheapest,
      `rehearsed with it, the fleet costs ${saved} % less and still serves ${cheapest.result.sloPercent} % well`,
    );
  }
  if (cheapest !== undefined) {
    return advise(
      cheapest,
      `rehearsed with it, ${cheapest.result.sloPercent} % are served well instead of ${base.sloPercent} %`,
    );
  }
  tried.sort((a, b) => b.result.sloPercent - a.result.sloPercent);
  const [nearest] = tried;
  if (nearest === undefined || nearest.result.sloPercent <= base.sloPercent) return undefined;
  return advise(
    nearest,
    `none of ${tried.length} changes reaches ${wanted} % by itself; this one comes nearest with ${nearest.result.sloPercent} %`,
  );
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
