/** Maximum records per second of one shard (Kinesis Data Streams quotas). */
export const RECORDS_PER_SECOND_PER_SHARD = 1000;

/** Number of shards of a new on-demand stream: 4 MB/s of writes (Kinesis Data Streams quotas). */
export const ON_DEMAND_SHARDS_AT_START = 4;

/** Settings that determine the throughput of the consumer, and the expected traffic. */
export interface DrainPlan {
  readonly shardCount: number;
  /** Concurrent batches of one shard. */
  readonly parallelizationFactor: number;
  /** Concurrent records of one batch. */
  readonly concurrency: number;
  /** Maximum number of records in a batch. */
  readonly batchSize: number;
  /** Time of the endpoint for one record, seconds. */
  readonly serviceTimeSeconds: number;
  /** Records per second in the whole stream. */
  readonly recordsPerSecond: number;
}

/**
 * Maximum throughput of the consumer for one shard, records per second, by Little's law: records in flight divided by the time of one
 * record. The consumer waits for whole batches, so the real throughput is lower.
 */
export function drainRatePerShard(
  plan: Pick<DrainPlan, 'parallelizationFactor' | 'concurrency' | 'batchSize' | 'serviceTimeSeconds'>,
): number {
  const inFlight = plan.parallelizationFactor * Math.min(plan.concurrency, plan.batchSize);
  return inFlight / plan.serviceTimeSeconds;
}

/** Returns the reasons why the backlog would grow without bound under a plan; none if the consumer keeps up. */
export function checkDrainRate(plan: DrainPlan): string[] {
  const perShard = plan.recordsPerSecond / plan.shardCount;
  const problems: string[] = [];
  if (perShard > RECORDS_PER_SECOND_PER_SHARD) {
    problems.push(
      `expectedRecordsPerSecond (${plan.recordsPerSecond}) over ${plan.shardCount} shards is ${round(perShard)} per shard, above ` +
        `Kinesis's ${RECORDS_PER_SECOND_PER_SHARD}; use at least ${Math.ceil(plan.recordsPerSecond / RECORDS_PER_SECOND_PER_SHARD)} shards`,
    );
  }
  const drains = drainRatePerShard(plan);
  if (perShard > drains) {
    const inFlight = Math.ceil((perShard * plan.serviceTimeSeconds) / plan.parallelizationFactor);
    problems.push(
      `a shard receives ${round(perShard)} records per second and the consumer processes at most ${round(drains)} ` +
        `(${plan.parallelizationFactor} batches x ${Math.min(plan.concurrency, plan.batchSize)} records in flight / ` +
        `${plan.serviceTimeSeconds} s); raise concurrency and batchSize to ${inFlight}, or parallelizationFactor, or shardCount`,
    );
  }
  return problems;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
