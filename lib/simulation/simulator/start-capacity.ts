import { InputError } from '../../core/errors';
import type { FleetBlueprint } from '../template';
import { RequestBlock, type RequestSource } from '../workload';

/** The instances that the traffic's first seconds ask for, at the load that the policies aim at and within the limits. */
export function neededAtStart(blueprint: FleetBlueprint, source: RequestSource, spanSeconds: number): number {
  const { minCapacity, maxCapacity } = blueprint.plan;
  const block = new RequestBlock();
  let work = 0;
  let count = 0;
  for (let open = true; open && source.next(block);) {
    for (let index = 0; index < block.length && open; index++) {
      if (block.at[index] >= spanSeconds) open = false;
      else {
        work += block.service[index];
        count++;
      }
    }
  }
  const needed = startCapacity(blueprint, work / spanSeconds, (60 * count) / spanSeconds);
  return Math.min(maxCapacity, Math.max(minCapacity, needed));
}

/** The capacity at which a load meets what the first target-tracking policy aims at; 70 % of the slots without one. */
function startCapacity(blueprint: FleetBlueprint, concurrency: number, requestsPerMinute: number): number {
  const { plan, slotsPerInstance } = blueprint;
  for (const policy of plan.policies) {
    if (policy.kind !== 'target-tracking') continue;
    const name = policy.metric?.kind === 'predefined' ? policy.metric.predefinedMetricType : '';
    if (/InvocationsPer/.test(name)) return Math.ceil(requestsPerMinute / policy.targetValue);
    if (/ConcurrentRequestsPer/.test(name)) return Math.ceil(concurrency / policy.targetValue);
  }
  return Math.ceil(concurrency / (0.7 * slotsPerInstance));
}

/** @throws InputError when a fleet cannot have so many instances. */
export function checkStartInstances({ resourceId, plan }: FleetBlueprint, startInstances: number | undefined): void {
  const { minCapacity, maxCapacity } = plan;
  if (startInstances === undefined || (startInstances >= minCapacity && startInstances <= maxCapacity)) return;
  throw new InputError(
    `${startInstances} instances in service at the start are outside the limits of ${resourceId}; it has ${minCapacity} to ${maxCapacity}`,
  );
}
