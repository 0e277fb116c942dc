import { IN_WORDS, type Step, type Wording } from '../../core/decision';
import { combine } from './combine';
import { adjustedFrom, applyCooldowns, countedFrom, refreshMemory } from './cooldowns';
import type { Decided, FleetDecision, NotScaledReason } from './decision';
import { applyLimits, type CapacityLimits } from './limits';
import type { ScalingMemory } from './memory';
import type { FleetObservation } from './observation';
import type { FleetPlan, ScalingPolicy, SuspendedScaling } from './plan';
import type { Proposal } from './proposal';
import { applySchedules } from './schedules';
import { proposeStep } from './step';
import { proposeTargetTracking } from './target-tracking';

/**
 * Decides the capacity of a fleet as Application Auto Scaling does.
 *
 * Stages, each with a step and its reason: scheduled actions change the limits; every policy proposes a capacity; the proposals are
 * combined (any for scale-out, all for scale-in, the largest wins); cooldowns; suspended scaling; minimum, maximum and ceilings. A capacity
 * outside the limits is corrected whatever the policies propose.
 *
 * Pure: the same plan, observation and memory give the same decision.
 *
 * @param plan limits, policies and schedules; {@link checkPlan} returns its problems
 * @param seen observation of the fleet
 * @param memory memory of the last decision; at first `EMPTY_MEMORY`
 * @param words writes the reasons of the steps; without words the decision is the same
 */
export function decide(
  plan: FleetPlan,
  seen: FleetObservation,
  memory: ScalingMemory,
  words: Wording = IN_WORDS,
): Decided {
  const refreshed = refreshMemory(memory, seen);
  const { desiredCapacity, atSeconds } = seen;

  const scheduled = applySchedules(plan, refreshed, atSeconds, desiredCapacity);
  const { limits } = scheduled;
  const corrected = applyLimits(desiredCapacity, limits, seen.ceilings, words);
  const steps: Step[] = scheduled.steps.slice();

  const proposals: Proposal[] = [];
  for (const policy of plan.policies) {
    const proposal = propose(policy, seen, refreshed, words);
    proposals.push(proposal);
    const { policyName, kind, capacity, reason } = proposal;
    steps.push({ stage: `${kind}:${policyName}`, from: desiredCapacity, to: capacity, reason });
  }
  const isTriggered = (name: string): boolean => seen.triggered?.includes(name) ?? true;
  const combined = combine(proposals, isTriggered, desiredCapacity, words);
  const cooled = applyCooldowns(combined.proposal, desiredCapacity, refreshed, atSeconds, words);
  const running = applySuspension(cooled.capacity, desiredCapacity, plan.suspended);
  steps.push(combined.step, cooled.step);
  for (const step of running.steps) steps.push(step);

  const limited = applyLimits(running.capacity, limits, seen.ceilings, words);
  steps.push(limited.step);

  // The cooldown of a policy starts if the capacity changed in its direction, even if a limit set the number.
  const acted = Math.sign(running.capacity - desiredCapacity) * Math.sign(limited.capacity - desiredCapacity) > 0;
  const winner = acted ? combined.proposal : undefined;
  const byPolicy = limited.capacity === running.capacity || limited.capacity !== corrected.capacity;
  const changed = limited.capacity !== desiredCapacity;
  const decidedBy =
    byPolicy && winner !== undefined ? winner.policyName : changed ? scheduled.action?.scheduledActionName : undefined;
  const outcome =
    limited.capacity > desiredCapacity ? 'scale-out' : limited.capacity < desiredCapacity ? 'scale-in' : 'hold';
  const notScaledReasons = notScaled(combined.proposal, desiredCapacity, limited.capacity, limits);
  const { capacity, limitedBy } = limited;
  // Most decisions have neither; copies of optional properties are several times as slow as a list of all of them.
  const decision: FleetDecision =
    decidedBy === undefined && limitedBy === undefined
      ? { desiredCapacity: capacity, steps, outcome, limits, notScaledReasons }
      : {
          desiredCapacity: capacity,
          steps,
          outcome,
          ...(decidedBy !== undefined && { decidedBy }),
          limits,
          ...(limitedBy !== undefined && { limitedBy }),
          notScaledReasons,
        };
  return { decision, memory: remember(refreshed, seen, decision, winner, scheduled.action !== undefined) };
}

function propose(policy: ScalingPolicy, seen: FleetObservation, memory: ScalingMemory, words: Wording): Proposal {
  const signal = seen.signals[policy.policyName];
  const { desiredCapacity } = seen;
  switch (policy.kind) {
    case 'target-tracking':
      return proposeTargetTracking(
        policy,
        { signal, desiredCapacity, measuredCapacity: countedFrom(memory, seen) },
        words,
      );
    case 'step':
      return proposeStep(policy, { signal, desiredCapacity, countedFrom: adjustedFrom(memory, seen) }, words);
  }
}

function applySuspension(
  wanted: number,
  desiredCapacity: number,
  suspended: SuspendedScaling | undefined,
): { readonly capacity: number; readonly steps: readonly Step[] } {
  if (suspended === undefined) return { capacity: wanted, steps: [] };
  const out = wanted > desiredCapacity && suspended.dynamicScalingOutSuspended === true;
  const into = wanted < desiredCapacity && suspended.dynamicScalingInSuspended === true;
  if (!out && !into) return { capacity: wanted, steps: [] };
  const reason = `scaling ${out ? 'out' : 'in'} by policies is suspended, so ${wanted} is not set`;
  return { capacity: desiredCapacity, steps: [{ stage: 'suspended', from: wanted, to: desiredCapacity, reason }] };
}

function notScaled(
  proposal: Proposal | undefined,
  before: number,
  after: number,
  { minCapacity, maxCapacity }: CapacityLimits,
): NotScaledReason[] {
  if (proposal === undefined || after !== before) return [];
  if (proposal.direction === 'out' && before >= maxCapacity) {
    return [{ code: 'AlreadyAtMaxCapacity', maxCapacity, currentCapacity: before }];
  }
  if (proposal.direction === 'in' && before <= minCapacity) {
    return [{ code: 'AlreadyAtMinCapacity', minCapacity, currentCapacity: before }];
  }
  return [{ code: 'AlreadyAtDesiredCapacity', currentCapacity: before }];
}

function remember(
  memory: ScalingMemory,
  seen: FleetObservation,
  decision: FleetDecision,
  winner: Proposal | undefined,
  scheduleRan: boolean,
): ScalingMemory {
  const schedulesAppliedUntil = Math.max(memory.schedulesAppliedUntil ?? seen.atSeconds, seen.atSeconds);
  const next: ScalingMemory = scheduleRan
    ? { ...memory, schedulesAppliedUntil, limits: decision.limits }
    : memory.scaleIn === undefined && memory.limits === undefined
      ? { scaleOuts: memory.scaleOuts, schedulesAppliedUntil }
      : { ...memory, schedulesAppliedUntil };
  if (winner === undefined) return next;
  const change = {
    policyName: winner.policyName,
    atSeconds: seen.atSeconds,
    from: seen.desiredCapacity,
    to: decision.desiredCapacity,
    cooldownSeconds: winner.cooldownSeconds,
  };
  const { scaleIn: _cancelled, ...withoutScaleIn } = next;
  if (decision.outcome === 'scale-in') return { ...withoutScaleIn, scaleOuts: [], scaleIn: change };
  const arrivedAtOnce = seen.inServiceCapacity === undefined && { completedAtSeconds: seen.atSeconds };
  return { ...withoutScaleIn, scaleOuts: [...memory.scaleOuts, { ...change, ...arrivedAtOnce }] };
}
