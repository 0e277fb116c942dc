/** Settings that determine the throughput of a Kafka consumer, and the expected traffic. */
export interface PartitionDrainPlan {
  readonly partitions: number;
  /** Concurrent records of one batch. */
  readonly concurrency: number;
  /** Maximum number of records in a batch. */
  readonly batchSize: number;
  /** Time of the endpoint for one record, seconds. */
  readonly serviceTimeSeconds: number;
  /** Records per second in the whole topic. */
  readonly recordsPerSecond: number;
}

/**
 * Returns the reason why the lag would grow without bound under a plan; none if the consumer keeps up. By Little's law a partition drains its records
 * in flight divided by the time of one record; each batch is waited for as a whole, so the real throughput is lower.
 */
export function checkPartitionDrain(plan: PartitionDrainPlan): string[] {
  const { partitions, concurrency, batchSize, serviceTimeSeconds, recordsPerSecond } = plan;
  const inFlight = Math.min(concurrency, batchSize);
  const drains = inFlight / serviceTimeSeconds;
  const perPartition = recordsPerSecond / partitions;
  if (perPartition <= drains) return [];
  const needed = Math.ceil(perPartition * serviceTimeSeconds);
  return [
    `a partition receives ${round(perPartition)} records per second and the consumer processes at most ${round(drains)} (${inFlight} records ` +
      `in flight / ${serviceTimeSeconds} s); raise concurrency and batchSize to ${needed}, or partitions to ` +
      `${Math.ceil(recordsPerSecond / drains)}`,
  ];
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
