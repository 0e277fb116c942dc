import { spillsAt } from '../../ingestion/decide/spill';
import { provisioningTimes, RequestEngine } from '../fleet';
import { Random } from '../random';
import type { RehearsalSetup } from './options';

/** Start time of a copy on a running instance, relative to that of a new instance (AWS: up to 56 % faster). */
const COPY_START_RATIO = 0.44;

/**
 * Request engine of one fleet; its provisioning times and routing are drawn by the setup's seed.
 *
 * @param onSpill called with each record that leaves the stream for an asynchronous endpoint
 */
export function endpointEngine(
  { blueprint, traffic, ...setup }: RehearsalSetup,
  onSpill?: (second: number, serviceSeconds: number) => void,
): RequestEngine {
  const provisioningSeconds = provisioningTimes(new Random(setup.seed).fork('provisioning'), setup.provisioning);
  const { placement, stream } = blueprint;
  const engine: RequestEngine = new RequestEngine({
    pools: blueprint.pools,
    slotsPerInstance: blueprint.slotsPerInstance,
    provisioning: () => {
      const seconds = provisioningSeconds();
      if (placement === undefined) return seconds;
      // A copy that fits on a running instance needs no new one.
      return engine.roster.billed % placement.copiesPerInstance === 0 ? seconds : seconds * COPY_START_RATIO;
    },
    routing: blueprint.routing,
    // A consumer that follows the capacity in service sends a record when a slot is free.
    queue: blueprint.kind === 'async' || stream !== undefined ? 'shared' : 'instance',
    ...(stream !== undefined && { maxInFlight: inFlightOfShards(blueprint, stream.shards) }),
    ...(stream?.spillAfterSeconds !== undefined && { spillAfterSeconds: spillsAt(0, stream.spillAfterSeconds) }),
    ...(onSpill !== undefined && { onSpill }),
    queueLimitPerInstance: setup.queueLimitPerInstance,
    requestTimeoutSeconds: setup.requestTimeoutSeconds,
    abandonedWork: setup.abandonedWork,
    // Only a caller that waits can try again.
    retries: blueprint.kind === 'async' || stream !== undefined ? { mode: 'none' } : setup.retries,
    retriesWithoutInstance: blueprint.kind !== 'inference-component',
    sloWaitSeconds: setup.sloWaitSeconds,
    seed: setup.seed,
    requestsPerSecond: traffic.requestCount / Math.max(1, traffic.durationSeconds),
  });
  return engine;
}

/** Maximum number of requests in flight of the consumer of a stream with a number of shards, as far as they are the fleet's. */
export function inFlightOfShards(blueprint: RehearsalSetup['blueprint'], shards: number): number {
  const { stream } = blueprint;
  if (stream === undefined) return Infinity;
  return (
    (stream.scaling === undefined ? stream.maxInFlight : (stream.maxInFlight / stream.shards) * shards) *
    shareOf(blueprint)
  );
}

/** Share of the requests of its endpoint that a variant receives. */
function shareOf({ share }: RehearsalSetup['blueprint']): number {
  return share === undefined ? 1 : share.to - share.from;
}
