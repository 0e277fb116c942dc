import { Token } from 'aws-cdk-lib';
import type { FleetPlan, ScalingPolicy, ScheduledAction, StepAdjustment } from './decide/plan';
import type { FleetLimits } from './fleet-checks';

/**
 * The plan as far as synthesis knows it, for the checks: in the place of what is known at deploy time only stands a value that no check
 * minds.
 */
export function knownPlan(plan: FleetPlan, limits: FleetLimits): FleetPlan {
  return { ...plan, ...knownLimits(plan, limits), policies: plan.policies.map(knownPolicy), schedules: schedules() };

  function schedules(): ScheduledAction[] {
    return plan.schedules.map((action) => ({
      ...action,
      ...knownLimits(action, limits),
      schedule: Token.isUnresolved(action.schedule) ? 'rate(1 minute)' : action.schedule,
      timezone: Token.isUnresolved(action.timezone) ? undefined : action.timezone,
    }));
  }
}

/** An unknown minimum is the lowest that fits, an unknown maximum the highest. */
function knownLimits<Limits extends { readonly minCapacity?: number; readonly maxCapacity?: number }>(
  { minCapacity, maxCapacity }: Limits,
  { lowestCapacity, highestCapacity = Number.MAX_SAFE_INTEGER }: FleetLimits,
): Pick<Limits, 'minCapacity' | 'maxCapacity'> {
  const min = known(minCapacity);
  const max = known(maxCapacity);
  return {
    minCapacity: Token.isUnresolved(minCapacity) ? Math.min(lowestCapacity, max ?? lowestCapacity) : min,
    maxCapacity: Token.isUnresolved(maxCapacity) ? Math.max(highestCapacity, min ?? 0) : max,
  };
}

function knownPolicy(policy: ScalingPolicy): ScalingPolicy {
  if (policy.kind === 'target-tracking') {
    return {
      ...policy,
      targetValue: known(policy.targetValue) ?? 1,
      scaleInCooldownSeconds: known(policy.scaleInCooldownSeconds),
      scaleOutCooldownSeconds: known(policy.scaleOutCooldownSeconds),
    };
  }
  return {
    ...policy,
    threshold: known(policy.threshold),
    cooldownSeconds: known(policy.cooldownSeconds),
    minAdjustmentMagnitude: known(policy.minAdjustmentMagnitude),
    steps: knownSteps(policy.steps),
  };
}

/** One unknown bound leaves open how the steps lie to each other; they then count as lying side by side in their order. */
function knownSteps(steps: readonly StepAdjustment[]): StepAdjustment[] {
  const areKnown = steps.every(
    ({ lowerBound, upperBound }) => !Token.isUnresolved(lowerBound) && !Token.isUnresolved(upperBound),
  );
  return steps.map(({ lowerBound, upperBound, adjustment }, index) => ({
    lowerBound: areKnown ? lowerBound : index === 0 ? undefined : index,
    upperBound: areKnown ? upperBound : index === steps.length - 1 ? undefined : index + 1,
    adjustment: known(adjustment) ?? 1,
  }));
}

function known(value: number | undefined): number | undefined {
  return Token.isUnresolved(value) ? undefined : value;
}
