import { checkPlan } from './decide/check-plan';
import type { FleetPlan } from './decide/plan';

/** What a fleet accepts. */
export interface FleetLimits {
  readonly lowestCapacity: number;
  /** Why it is not lower, where the kind of fleet alone does not tell. */
  readonly lowestCapacityReason?: string | undefined;
  /** The most that the account's quotas allow; undefined where they are not known. */
  readonly highestCapacity?: number | undefined;
}

/** Step adjustments in one policy at most (quotas of Application Auto Scaling). */
const MAX_STEPS = 20;

/** Every problem of a plan for a fleet: what no fleet could follow, and what this one or the service does not accept. */
export function checkFleetPlan(plan: FleetPlan, limits: FleetLimits): string[] {
  const { lowestCapacity, highestCapacity = Infinity } = limits;
  const { minCapacity, maxCapacity } = plan;
  const problems = checkPlan(plan);
  if (minCapacity < lowestCapacity) {
    problems.push(
      `minCapacity (${minCapacity}) is below ${lowestCapacity}, the lowest this fleet accepts; raise minCapacity ` +
        `(${limits.lowestCapacityReason ?? 'only asynchronous endpoints and inference components scale to zero'})`,
    );
  }
  if (maxCapacity > highestCapacity) problems.push(`maxCapacity (${maxCapacity}) ${beyondQuotas(highestCapacity)}`);
  for (const policy of plan.policies) {
    if (policy.kind === 'step' && policy.steps.length > MAX_STEPS) {
      problems.push(`policy ${policy.policyName} has ${policy.steps.length} steps; at most ${MAX_STEPS} are allowed`);
    }
  }
  for (const { scheduledActionName, minCapacity: min, maxCapacity: max } of plan.schedules) {
    const where = `scheduled action ${scheduledActionName}`;
    if (min !== undefined && min < lowestCapacity) {
      problems.push(`${where}: minCapacity (${min}) is below ${lowestCapacity}, the lowest this fleet accepts`);
    }
    if (max !== undefined && max < lowestCapacity) {
      problems.push(`${where}: maxCapacity (${max}) is below ${lowestCapacity}, the lowest this fleet accepts`);
    }
    if (max !== undefined && max > highestCapacity) {
      problems.push(`${where}: maxCapacity (${max}) ${beyondQuotas(highestCapacity)}`);
    }
    // With both given, the check of the plan compares them.
    if ((min === undefined) !== (max === undefined) && (min ?? minCapacity) > (max ?? maxCapacity)) {
      problems.push(
        `${where}: minCapacity (${min ?? minCapacity}) is above maxCapacity (${max ?? maxCapacity}); set both in the action`,
      );
    }
  }
  return problems;
}

function beyondQuotas(highestCapacity: number): string {
  return (
    `is above ${highestCapacity}, all instances that the quotas of the capacity ladder allow; lower it, add a pool, or ask for quota ` +
    'in Service Quotas (a blue/green deployment needs up to twice as many)'
  );
}
