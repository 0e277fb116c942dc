import { InputError } from '../../core/errors';
import { TARGET_UTILIZATION } from '../../scaling/decide';
import type { FleetBlueprint } from '../blueprint';
import { START_SECONDS, startCapacity } from '../fleet/start-capacity';
import { RequestBlock, type RequestSource } from '../traffic';

/** Instances that the beginning of the traffic needs, at the load that the policies aim at and within the limits. */
export function neededAtStart(blueprint: FleetBlueprint, source: RequestSource, availableSeconds: number): number {
  const seconds = Math.min(START_SECONDS, availableSeconds);
  const block = new RequestBlock();
  let work = 0;
  let count = 0;
  for (let reading = true; reading && source.next(block);) {
    for (let index = 0; index < block.length && reading; index++) {
      if (block.at[index] >= seconds) reading = false;
      else {
        work += block.service[index];
        count++;
      }
    }
  }
  const { plan, slotsPerInstance } = blueprint;
  const load = { concurrency: work / seconds, requestsPerMinute: (60 * count) / seconds };
  for (const policy of plan.policies) {
    if (policy.kind !== 'target-tracking') continue;
    const name = policy.metric?.kind === 'predefined' ? policy.metric.predefinedMetricType : '';
    if (/InvocationsPer/.test(name)) return startCapacity(load.requestsPerMinute, policy.targetValue, plan);
    if (/ConcurrentRequestsPer/.test(name)) return startCapacity(load.concurrency, policy.targetValue, plan);
  }
  return startCapacity(load.concurrency, TARGET_UTILIZATION * slotsPerInstance, plan);
}

/** @throws InputError when the number of instances is outside the fleet's limits. */
export function checkStartInstances({ resourceId, plan }: FleetBlueprint, startInstances: number | undefined): void {
  const { minCapacity, maxCapacity } = plan;
  if (startInstances === undefined || (startInstances >= minCapacity && startInstances <= maxCapacity)) return;
  throw new InputError(
    `${startInstances} instances in service at the start are outside the limits of ${resourceId}; it has ${minCapacity} to ${maxCapacity}`,
  );
}
