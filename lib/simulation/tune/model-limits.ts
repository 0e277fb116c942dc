import type { FleetBlueprint } from '../blueprint';

/** Reason why a fleet cannot be tuned, with a remedy; undefined if it can. */
export function untunableReason({ kind, resourceId, plan }: FleetBlueprint): string | undefined {
  if (kind === 'async') {
    return (
      `${resourceId} is asynchronous: it scales on the backlog of a queue, and tune searches policies on concurrency and invocations; ` +
      'try its targets with tidegate simulate'
    );
  }
  const { suspended } = plan;
  if (suspended?.dynamicScalingInSuspended === true || suspended?.dynamicScalingOutSuspended === true) {
    return `${resourceId}: scaling by policies is suspended, so no policy has an effect; remove the suspension from the template and synthesize again`;
  }
  return undefined;
}

/** Properties of a fleet that the pooled model does not cover, a phrase each: candidates of such fleets are rehearsed request by request. */
export function exactSearchReasons({ kind, routing, plan, guard }: FleetBlueprint): string[] {
  const reasons: string[] = [];
  if (routing === 'RANDOM') reasons.push('requests are routed at random (RANDOM)');
  if (kind === 'inference-component') reasons.push('its copies share instances (inference component)');
  if (plan.schedules.length > 0) reasons.push('schedules change its limits');
  if (guard !== undefined && !guard.dryRun) reasons.push('a cost guard changes its limits');
  return reasons;
}
