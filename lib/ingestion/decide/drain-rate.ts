/** One shard takes at most this many records a second (Kinesis Data Streams quotas). */
export const RECORDS_PER_SECOND_PER_SHARD = 1000;

/** Shards that an on-demand stream begins with: 4 MB/s of writes (Kinesis Data Streams quotas). */
export const ON_DEMAND_SHARDS_AT_START = 4;

export interface DrainPlan {
  readonly shardCount: number;
  /** Batches of one shard that are worked on at once. */
  readonly parallelizationFactor: number;
  /** Records of one batch in flight at once. */
  readonly concurrency: number;
  /** Most records of one batch. */
  readonly batchSize: number;
  /** How long the endpoint takes for one record, seconds. */
  readonly serviceTimeSeconds: number;
  /** Records that arrive, per second, in the whole stream. */
  readonly recordsPerSecond: number;
}

/**
 * Records per second that the consumer can take from one shard, by Little's law: records in flight divided by the time of one record.
 * Batches are waited for as a whole, so this is the most that is possible.
 */
export function drainRatePerShard(
  plan: Pick<DrainPlan, 'parallelizationFactor' | 'concurrency' | 'batchSize' | 'serviceTimeSeconds'>,
): number {
  const inFlight = plan.parallelizationFactor * Math.min(plan.concurrency, plan.batchSize);
  return inFlight / plan.serviceTimeSeconds;
}

/** Says why a stream would grow for ever under a plan; empty when the consumer keeps up. */
export function checkDrainRate(plan: DrainPlan): string[] {
  const perShard = plan.recordsPerSecond / plan.shardCount;
  const problems: string[] = [];
  if (perShard > RECORDS_PER_SECOND_PER_SHARD) {
    problems.push(
      `expectedRecordsPerSecond (${plan.recordsPerSecond}) over ${plan.shardCount} shards is ${round(perShard)} a shard, above ` +
        `Kinesis's ${RECORDS_PER_SECOND_PER_SHARD}; use at least ${Math.ceil(plan.recordsPerSecond / RECORDS_PER_SECOND_PER_SHARD)} shards`,
    );
  }
  const drains = drainRatePerShard(plan);
  if (perShard > drains) {
    const inFlight = Math.ceil((perShard * plan.serviceTimeSeconds) / plan.parallelizationFactor);
    problems.push(
      `a shard receives ${round(perShard)} records a second and the consumer takes at most ${round(drains)} ` +
        `(${plan.parallelizationFactor} batches x ${Math.min(plan.concurrency, plan.batchSize)} records in flight / ` +
        `${plan.serviceTimeSeconds} s); raise concurrency and batchSize to ${inFlight}, or parallelizationFactor, or shardCount`,
    );
  }
  return problems;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
