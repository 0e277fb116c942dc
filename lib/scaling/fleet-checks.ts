import { checkPlan } from './decide/check-plan';
import type { FleetPlan } from './decide/plan';
import type { IScalableFleet } from './scalable-fleet';

/** Range of capacities that a fleet accepts. */
export type AllowedCapacity = Pick<
  IScalableFleet,
  'minAllowedCapacity' | 'minAllowedCapacityReason' | 'maxAllowedCapacity'
>;

/** Maximum number of step adjustments in one policy (quotas of Application Auto Scaling). */
const MAX_STEPS = 20;

/** Returns every problem of a plan for a fleet: those of any fleet, and those with this fleet and the service. */
export function checkFleetPlan(plan: FleetPlan, allowed: AllowedCapacity): string[] {
  const { minAllowedCapacity, maxAllowedCapacity = Infinity } = allowed;
  const { minCapacity, maxCapacity } = plan;
  const problems = checkPlan(plan);
  if (minCapacity < minAllowedCapacity) {
    problems.push(
      `minCapacity (${minCapacity}) is below ${minAllowedCapacity}, the lowest this fleet accepts; raise minCapacity ` +
        `(${allowed.minAllowedCapacityReason ?? 'only asynchronous endpoints and inference components scale to zero'})`,
    );
  }
  if (maxCapacity > maxAllowedCapacity)
    problems.push(`maxCapacity (${maxCapacity}) ${beyondQuotas(maxAllowedCapacity)}`);
  for (const policy of plan.policies) {
    if (policy.kind === 'step' && policy.steps.length > MAX_STEPS) {
      problems.push(`policy ${policy.policyName} has ${policy.steps.length} steps; at most ${MAX_STEPS} are allowed`);
    }
  }
  for (const { scheduledActionName, minCapacity: min, maxCapacity: max } of plan.schedules) {
    const where = `scheduled action ${scheduledActionName}`;
    if (min !== undefined && min < minAllowedCapacity) {
      problems.push(`${where}: minCapacity (${min}) is below ${minAllowedCapacity}, the lowest this fleet accepts`);
    }
    if (max !== undefined && max < minAllowedCapacity) {
      problems.push(`${where}: maxCapacity (${max}) is below ${minAllowedCapacity}, the lowest this fleet accepts`);
    }
    if (max !== undefined && max > maxAllowedCapacity) {
      problems.push(`${where}: maxCapacity (${max}) ${beyondQuotas(maxAllowedCapacity)}`);
    }
    // checkPlan compares them when both are given.
    if ((min === undefined) !== (max === undefined) && (min ?? minCapacity) > (max ?? maxCapacity)) {
      problems.push(
        `${where}: minCapacity (${min ?? minCapacity}) is above maxCapacity (${max ?? maxCapacity}); set both in the action`,
      );
    }
  }
  return problems;
}

function beyondQuotas(maxAllowedCapacity: number): string {
  return (
    `is above ${maxAllowedCapacity}, all instances that capacity.quotas allow; lower it, add a pool, or request quota ` +
    'in Service Quotas (a blue/green deployment needs up to twice as many)'
  );
}
