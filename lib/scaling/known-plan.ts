import { Token } from 'aws-cdk-lib';
import type { FleetPlan, ScalingPolicy, ScheduledAction, StepAdjustment } from './decide/plan';
import type { AllowedCapacity } from './fleet-checks';

/** Returns the plan for the checks at synth: values that are known at deploy time only are replaced by values that pass every check. */
export function knownPlan(plan: FleetPlan, allowed: AllowedCapacity): FleetPlan {
  return { ...plan, ...knownLimits(plan, allowed), policies: plan.policies.map(knownPolicy), schedules: schedules() };

  function schedules(): ScheduledAction[] {
    return plan.schedules.map((action) => ({
      ...action,
      ...knownLimits(action, allowed),
      schedule: Token.isUnresolved(action.schedule) ? 'rate(1 minute)' : action.schedule,
      timezone: Token.isUnresolved(action.timezone) ? undefined : action.timezone,
    }));
  }
}

/** Replaces an unknown minimum by the lowest valid one, an unknown maximum by the highest. */
function knownLimits<Limits extends { readonly minCapacity?: number; readonly maxCapacity?: number }>(
  { minCapacity, maxCapacity }: Limits,
  { minAllowedCapacity, maxAllowedCapacity = Number.MAX_SAFE_INTEGER }: AllowedCapacity,
): Pick<Limits, 'minCapacity' | 'maxCapacity'> {
  const min = known(minCapacity);
  const max = known(maxCapacity);
  return {
    minCapacity: Token.isUnresolved(minCapacity) ? Math.min(minAllowedCapacity, max ?? minAllowedCapacity) : min,
    maxCapacity: Token.isUnresolved(maxCapacity) ? Math.max(maxAllowedCapacity, min ?? 0) : max,
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

/** Replaces all bounds where one is unknown: the steps count as adjacent, in their order. */
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
