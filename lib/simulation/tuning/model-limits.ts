import type { FleetBlueprint } from '../template';

/** Why a fleet cannot be tuned at all, with the way out; undefined where it can. */
export function untunable({ kind, resourceId, plan }: FleetBlueprint): string | undefined {
  if (kind === 'async') {
    return (
      `${resourceId} is asynchronous: it follows the backlog of a queue, and tune searches policies on concurrency and invocations; ` +
      'try its targets with tidegate simulate'
    );
  }
  const { suspended } = plan;
  if (suspended?.dynamicScalingInSuspended === true || suspended?.dynamicScalingOutSuspended === true) {
    return `${resourceId}: scaling by policies is suspended, so no policy matters; take the suspension out of the template and synthesize again`;
  }
  return undefined;
}

/** What of a fleet the pooled fleet does not play, a phrase each: such fleets are searched request by request. */
export function beyondThePool({ kind, routing, plan, guard }: FleetBlueprint): string[] {
  const reasons: string[] = [];
  if (routing === 'RANDOM') reasons.push('requests are routed at random (RANDOM)');
  if (kind === 'inference-component') reasons.push('its copies share instances (inference component)');
  if (plan.schedules.length > 0) reasons.push('schedules change its limits');
  if (guard !== undefined && !guard.dryRun) reasons.push('a cost guard changes its limits');
  return reasons;
}
