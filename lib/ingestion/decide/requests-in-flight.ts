/** Settings that determine how many requests the consumer has in flight. */
export interface ConsumerPlan {
  readonly shardCount: number;
  /** Concurrent batches of one shard. */
  readonly parallelizationFactor: number;
  /** Concurrent records of one batch. */
  readonly concurrency: number;
  /** Maximum number of records in a batch. */
  readonly batchSize: number;
  /** True for a topic: `shardCount` counts its partitions, and each has one batch at a time. */
  readonly isTopic?: boolean;
}

/** Number of replicas of a fleet at its maximum, and the concurrent requests that each was tested with. */
export interface FleetAtMaximum {
  readonly maxCapacity: number;
  readonly maxConcurrencyPerReplica: number;
  /** Number of replicas at its minimum. */
  readonly minCapacity?: number;
}

/** Maximum number of requests of the consumer in flight. */
export function requestsInFlight({ shardCount, parallelizationFactor, concurrency, batchSize }: ConsumerPlan): number {
  return shardCount * parallelizationFactor * Math.min(concurrency, batchSize);
}

/** Number of concurrent requests that fleets were tested with, all at their maximum. */
export function requestsInService(fleets: readonly FleetAtMaximum[]): number {
  return fleets.reduce(
    (sum, { maxCapacity, maxConcurrencyPerReplica }) => sum + maxCapacity * maxConcurrencyPerReplica,
    0,
  );
}

/** Largest concurrency of a batch with which all requests in flight are in service, at least 1. */
export function largestConcurrency(
  { shardCount, parallelizationFactor }: Pick<ConsumerPlan, 'shardCount' | 'parallelizationFactor'>,
  fleets: readonly FleetAtMaximum[],
): number {
  return Math.max(1, Math.floor(requestsInService(fleets) / (shardCount * parallelizationFactor)));
}

/**
 * Returns the problem of a consumer with more requests in flight than its endpoint serves at its maximum. The rest waits in the instances; after
 * 60 seconds the client has ended the request, and the response is computed in vain.
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
 */
export function checkRequestsInFlight(plan: ConsumerPlan, fleets: readonly FleetAtMaximum[]): string[] {
  const inFlight = requestsInFlight(plan);
  const inService = requestsInService(fleets);
  if (fleets.length === 0 || inFlight <= inService) return [];
  const { shardCount, parallelizationFactor, concurrency, batchSize, isTopic = false } = plan;
  const batches = isTopic ? `${shardCount} partitions` : `${shardCount} shards x ${parallelizationFactor} batches`;
  const capacity = fleets
    .map(({ maxCapacity, maxConcurrencyPerReplica }) => `${maxCapacity} x ${maxConcurrencyPerReplica}`)
    .join(' + ');
  return [
    `${batches} x ${Math.min(concurrency, batchSize)} records are ${inFlight} requests in flight, above the ${capacity} = ${inService} (maxCapacity x tested concurrency) that the endpoint serves at its maximum, so that ` +
      `${inFlight - inService} wait in it or time out; lower concurrency to ${largestConcurrency(plan, fleets)}, ` +
      `${isTopic ? '' : 'lower parallelizationFactor, '}or raise maxCapacity`,
  ];
}
