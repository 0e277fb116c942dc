import { WORKER_DISK_GB } from '../../catalog/emr-serverless';

/** Capacity of a Spark job: equal workers, of which one is the driver. */
export interface SparkCapacity {
  readonly vcpus: number;
  readonly memoryGb: number;
  readonly maxWorkers: number;
}

/** Maximum capacity of an application, in the words of EMR Serverless. */
export interface MaximumCapacity {
  readonly cpu: string;
  readonly memory: string;
  readonly disk: string;
}

/** Returns the maximum capacity for a number of workers: a multiple of their size, as EMR Serverless advises. */
export function maximumCapacity({ vcpus, memoryGb, maxWorkers }: SparkCapacity): MaximumCapacity {
  return {
    cpu: `${vcpus * maxWorkers} vCPU`,
    memory: `${memoryGb * maxWorkers} GB`,
    disk: `${WORKER_DISK_GB * maxWorkers} GB`,
  };
}

/** Share of a worker's memory that is Spark's overhead, and its minimum in MB. */
const OVERHEAD = { share: 0.1, minMb: 384 };

/**
 * Returns the properties of Spark that fill the workers: heap and overhead are the memory of a worker, and the executors are as many as fit
 * beside the driver, so that no run waits for capacity that it cannot have.
 */
export function capacityProperties({ vcpus, memoryGb, maxWorkers }: SparkCapacity): {
  readonly [name: string]: string;
} {
  const totalMb = memoryGb * 1024;
  const overheadMb = Math.max(OVERHEAD.minMb, Math.ceil(totalMb * OVERHEAD.share));
  const perWorker = (kind: 'driver' | 'executor'): { [name: string]: string } => ({
    [`spark.${kind}.cores`]: String(vcpus),
    [`spark.${kind}.memory`]: `${totalMb - overheadMb}m`,
    [`spark.${kind}.memoryOverhead`]: `${overheadMb}m`,
    [`spark.emr-serverless.${kind}.disk`]: `${WORKER_DISK_GB}g`,
  });
  const executors = maxWorkers - 1;
  return {
    ...perWorker('driver'),
    ...perWorker('executor'),
    'spark.dynamicAllocation.enabled': 'true',
    'spark.dynamicAllocation.initialExecutors': String(Math.min(executors, 3)),
    'spark.dynamicAllocation.maxExecutors': String(executors),
  };
}

/** Returns the parameters of `spark-submit`. Values with spaces are in quotation marks, which the values themselves do not have. */
export function submitParameters(
  properties: { readonly [name: string]: string },
  mainClass: string | undefined,
): string {
  return [
    ...(mainClass === undefined ? [] : [`--class ${mainClass}`]),
    ...Object.entries(properties).map(([name, value]) => `--conf ${name}=${/\s/.test(value) ? `"${value}"` : value}`),
  ].join(' ');
}
