import { RequestEngine } from '../fleet';
import { empiricalProvisioning, lognormalProvisioning } from '../fleet/provisioning';
import { Random } from '../random';
import type { FleetBlueprint } from '../template';
import type { Workload } from '../workload';
import type { Provisioning, Scenario } from './scenario';

/** A new copy on an instance that runs is there in this share of the time of a new instance (AWS: up to 56 % faster). */
const COPY_START_SHARE = 0.44;

/** The request engine of one fleet, its provisioning times and routing drawn by the scenario's seed. */
export function endpointEngine(
  blueprint: FleetBlueprint,
  scenario: Scenario,
  traffic: Workload,
  requestTimeoutSeconds: number,
): RequestEngine {
  const draw = provisioningSampler(scenario.provisioning, new Random(scenario.seed).fork('provisioning'));
  const { placement } = blueprint;
  const engine: RequestEngine = new RequestEngine({
    pools: blueprint.pools,
    slotsPerInstance: blueprint.slotsPerInstance,
    provisioning: () => {
      const seconds = draw();
      if (placement === undefined) return seconds;
      // A copy that fits on an instance that is there needs no new one.
      return engine.roster.billed % placement.copiesPerInstance === 0 ? seconds : seconds * COPY_START_SHARE;
    },
    routing: blueprint.routing,
    queue: blueprint.kind === 'async' ? 'shared' : 'instance',
    queueLimitPerInstance: scenario.queueLimitPerInstance,
    requestTimeoutSeconds,
    sloWaitSeconds: scenario.sloWaitSeconds,
    seed: scenario.seed,
    requestsPerSecond: traffic.requestCount / Math.max(1, traffic.durationSeconds),
  });
  return engine;
}

function provisioningSampler(provisioning: Provisioning, random: Random): () => number {
  return provisioning.kind === 'lognormal'
    ? lognormalProvisioning(random, provisioning)
    : empiricalProvisioning(random, provisioning.seconds);
}
