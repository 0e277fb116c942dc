import { InputError, throwProblems } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import type { Random } from '../random';

/** Source of instances: one instance type. */
export interface FleetPool {
  /** For example `ml.g5.xlarge`. */
  readonly instanceType: string;
  /** 1 is tried first. AWS allows 1 to 5 pools with priorities 1 to 5. */
  readonly priority: number;
}

/** Routing of requests to instances; the names are SageMaker's. */
export type FleetRouting = 'LEAST_OUTSTANDING_REQUESTS' | 'RANDOM';

/** Capacity of AWS for an instance type: `insufficient` while launches fail. */
export type CapacityState = 'available' | 'insufficient';

/** Settings of a fleet. */
export interface EndpointFleetOptions {
  /** Instance types, tried in order of priority. */
  readonly pools: readonly FleetPool[];
  /** Requests that one instance works on at the same time. */
  readonly slotsPerInstance: number;
  /** Returns the seconds from launch to in service of one instance; see `lognormalProvisioning`. */
  readonly provisioning: () => number;
  /** Random numbers of the routing `RANDOM`. */
  readonly random: Random;
  /** @default 'LEAST_OUTSTANDING_REQUESTS' */
  readonly routing?: FleetRouting;
  /**
   * Maximum number of requests in an instance to which prefix-aware routing still sends a request with its prefix.
   *
   * @default prefixes are ignored
   */
  readonly prefixConcurrencyThreshold?: number;
  /** Maximum number of requests that wait in one instance's container; further ones are rejected. @default Infinity */
  readonly queueLimitPerInstance?: number;
  /**
   * Maximum seconds from arrival to response. SageMaker allows a model container 60 seconds to respond to InvokeEndpoint (API reference
   * of InvokeEndpoint).
   *
   * @default 60
   */
  readonly requestTimeoutSeconds?: number;
  /** Returns the maximum number of further instances; called before every launch. @default no limit */
  readonly room?: () => number;
  /** Interval between attempts to launch instances that no pool had capacity for. @default 60 */
  readonly capacityRetrySeconds?: number;
  /** Start of the fleet's clock. @default 0 */
  readonly startAt?: EpochSeconds;
}

/** Settings that {@link EndpointFleet.rollOver} may change. */
export interface RollOverOptions {
  readonly pools?: readonly FleetPool[];
  readonly slotsPerInstance?: number;
  readonly queueLimitPerInstance?: number;
  readonly provisioning?: () => number;
}

/**
 * Checks the options of a fleet.
 *
 * @throws InputError naming every invalid option.
 */
export function checkFleetOptions(options: Omit<EndpointFleetOptions, 'provisioning' | 'random'>): void {
  const problems: string[] = [];
  if (options.pools.length === 0) problems.push('pools is empty; give at least one instance type');
  const types = options.pools.map((pool) => pool.instanceType);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) problems.push(`pools names ${twice} twice; give each instance type one pool`);
  for (const { instanceType, priority } of options.pools) {
    if (!Number.isFinite(priority)) problems.push(`the priority of ${instanceType} (${priority}) must be a number`);
  }
  if (!(Number.isInteger(options.slotsPerInstance) && options.slotsPerInstance >= 1)) {
    problems.push(`slotsPerInstance (${options.slotsPerInstance}) must be a whole number of at least 1`);
  }
  const { queueLimitPerInstance, requestTimeoutSeconds, capacityRetrySeconds, startAt } = options;
  if (queueLimitPerInstance !== undefined && !(queueLimitPerInstance >= 0)) {
    problems.push(`queueLimitPerInstance (${queueLimitPerInstance}) must be at least 0`);
  }
  if (requestTimeoutSeconds !== undefined && !(requestTimeoutSeconds > 0)) {
    problems.push(`requestTimeoutSeconds (${requestTimeoutSeconds}) must be above 0`);
  }
  if (capacityRetrySeconds !== undefined && !(capacityRetrySeconds > 0 && Number.isFinite(capacityRetrySeconds))) {
    problems.push(`capacityRetrySeconds (${capacityRetrySeconds}) must be a finite number above 0`);
  }
  if (startAt !== undefined && !Number.isFinite(startAt)) problems.push(`startAt (${startAt}) must be a finite number`);
  throwProblems('endpoint fleet', problems);
}

/** @throws InputError if a provisioning sampler returned anything but finite seconds of at least 0. */
export function checkProvisioningSeconds(seconds: number): number {
  if (seconds >= 0 && seconds < Infinity) return seconds;
  throw new InputError(`provisioning took ${seconds} s; the sampler must give finite numbers of at least 0`);
}
