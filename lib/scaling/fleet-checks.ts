import type { FleetPlan, ScalingPolicy, StepPolicy, TargetTrackingPolicy } from './decide/plan';

/** What a fleet accepts. */
export interface FleetLimits {
  readonly lowestCapacity: number;
}

/** Step adjustments in one policy at most (quotas of Application Auto Scaling). */
const MAX_STEPS = 20;

/** Every problem of a plan for a fleet; empty when it can be deployed. */
export function checkFleetPlan(plan: FleetPlan, { lowestCapacity }: FleetLimits): string[] {
  const { minCapacity, maxCapacity } = plan;
  const problems: string[] = [];
  for (const [name, value] of Object.entries({ minCapacity, maxCapacity })) {
    if (!(Number.isInteger(value) && value >= 0)) problems.push(`${name} (${value}) must be a whole number, 0 or more`);
  }
  if (minCapacity < lowestCapacity) {
    problems.push(
      `minCapacity (${minCapacity}) is below ${lowestCapacity}, the lowest this fleet accepts; raise minCapacity ` +
        '(only asynchronous endpoints and inference components scale to zero)',
    );
  }
  if (minCapacity > maxCapacity) {
    problems.push(
      `minCapacity (${minCapacity}) is above maxCapacity (${maxCapacity}); lower minCapacity or raise maxCapacity`,
    );
  }
  const names = plan.policies.map((policy) => policy.policyName);
  for (const name of new Set(names.filter((candidate, index) => names.indexOf(candidate) !== index))) {
    problems.push(`two policies are named '${name}'; give one of them another policyName`);
  }
  for (const policy of plan.policies) problems.push(...checkPolicy(policy));
  for (const { scheduledActionName, minCapacity: min, maxCapacity: max } of plan.schedules) {
    const where = `schedule '${scheduledActionName}'`;
    if (min === undefined && max === undefined) {
      problems.push(`${where} changes nothing; give minCapacity, maxCapacity or both`);
    }
    for (const [name, value] of Object.entries({ minCapacity: min, maxCapacity: max })) {
      if (value !== undefined && !(Number.isInteger(value) && value >= lowestCapacity)) {
        problems.push(`${where}: ${name} (${value}) must be a whole number, ${lowestCapacity} or more`);
      }
    }
    if ((min ?? minCapacity) > (max ?? maxCapacity)) {
      problems.push(
        `${where}: minCapacity (${min ?? minCapacity}) is above maxCapacity (${max ?? maxCapacity}); set both in one schedule`,
      );
    }
  }
  return problems;
}

function checkPolicy(policy: ScalingPolicy): string[] {
  switch (policy.kind) {
    case 'target-tracking':
      return checkTargetTracking(policy);
    case 'step':
      return checkSteps(policy);
  }
}

function checkTargetTracking(policy: TargetTrackingPolicy): string[] {
  const where = `policy '${policy.policyName}'`;
  const problems: string[] = [];
  if (!(Number.isFinite(policy.targetValue) && policy.targetValue > 0)) {
    problems.push(`${where}: the target (${policy.targetValue}) must be a number above 0`);
  }
  for (const [name, seconds] of Object.entries({
    scaleInCooldown: policy.scaleInCooldownSeconds,
    scaleOutCooldown: policy.scaleOutCooldownSeconds,
  })) {
    if (seconds !== undefined && !(seconds >= 0)) problems.push(`${where}: ${name} (${seconds} s) must be 0 or more`);
  }
  return problems;
}

/** The rules of `StepAdjustment` in the Application Auto Scaling API reference. */
function checkSteps(policy: StepPolicy): string[] {
  const where = `policy '${policy.policyName}'`;
  const steps = [...policy.steps].sort((a, b) => (a.lowerBound ?? -Infinity) - (b.lowerBound ?? -Infinity));
  if (steps.length === 0 || steps.length > MAX_STEPS) {
    return [`${where} has ${steps.length} steps; give 1 to ${MAX_STEPS}`];
  }
  const problems: string[] = [];
  const range = (index: number): string =>
    `[${steps[index]!.lowerBound ?? '-inf'}, ${steps[index]!.upperBound ?? '+inf'})`;
  steps.forEach((step, index) => {
    if ((step.lowerBound ?? -Infinity) >= (step.upperBound ?? Infinity)) {
      problems.push(`${where}: step ${range(index)} is empty; its lower bound must be below its upper bound`);
    }
    if (policy.adjustmentType === 'ExactCapacity' && step.adjustment < 0) {
      problems.push(`${where}: step ${range(index)} sets the capacity to ${step.adjustment}; it must be 0 or more`);
    }
    if (index === 0) return;
    const end = steps[index - 1]!.upperBound ?? Infinity;
    const start = step.lowerBound ?? -Infinity;
    if (start > end) problems.push(`${where}: there is a gap between steps ${range(index - 1)} and ${range(index)}`);
    if (start < end) problems.push(`${where}: steps ${range(index - 1)} and ${range(index)} overlap`);
  });
  if ((steps[0]!.lowerBound ?? 0) < 0) {
    problems.push(`${where}: with a negative lower bound, one step must have no lower bound`);
  }
  if ((steps[steps.length - 1]!.upperBound ?? 0) > 0) {
    problems.push(`${where}: with a positive upper bound, one step must have no upper bound`);
  }
  return problems;
}
