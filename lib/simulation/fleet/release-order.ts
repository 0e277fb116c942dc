/** Properties of an instance that the order of release depends on. */
export interface ReleasableInstance {
  /** Order of launch in its fleet, from 1. */
  readonly serial: number;
  /** Priority number of its pool; pools with higher numbers are released first. */
  readonly priority: number;
  readonly state: string;
}

/**
 * Returns instances in the order in which a scale-in releases them: provisioning ones first, then those of the lowest-priority pool (SageMaker
 * developer guide, heterogeneous real-time endpoints); within a pool the one with the fewest requests, then the youngest.
 *
 * @param outstanding requests present in an instance in service
 */
export function inReleaseOrder<Instance extends ReleasableInstance>(
  instances: readonly Instance[],
  outstanding: (instance: Instance) => number,
): Instance[] {
  return instances
    .map((instance) => {
      const serves = instance.state === 'in-service';
      return { instance, serves: serves ? 1 : 0, load: serves ? outstanding(instance) : 0 };
    })
    .sort(
      (a, b) =>
        a.serves - b.serves ||
        b.instance.priority - a.instance.priority ||
        a.load - b.load ||
        b.instance.serial - a.instance.serial,
    )
    .map(({ instance }) => instance);
}
