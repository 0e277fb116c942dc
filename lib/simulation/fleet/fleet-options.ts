import { InputError, throwProblems } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import type { Random } from '../random';

/** A source of instances: one instance type. */
export interface InstancePool {
  /** For example `ml.g5.xlarge`. */
  readonly instanceType: string;
  /** 1 is tried first. AWS allows 1 to 5 pools with priorities 1 to 5. */
  readonly priority: number;
}

/** How a request finds its instance; the names are SageMaker's. */
export type RoutingStrategy = 'LEAST_OUTSTANDING_REQUESTS' | 'RANDOM';

/** Whether a type can be launched now. */
export type CapacityState = 'available' | 'insufficient';

/** What a fleet is made of. */
export interface EndpointFleetOptions {
  /** The instance types, tried in order of their priority. */
  readonly pools: readonly InstancePool[];
  /** Requests that one instance works on at the same time. */
  readonly slotsPerInstance: number;
  /** Draws the seconds from launch to in service for one instance; see `lognormalProvisioning`. */
  readonly provisioning: () => number;
  /** Routing draws come from here (`RANDOM` only). */
  readonly random: Random;
  /** @default 'LEAST_OUTSTANDING_REQUESTS' */
  readonly routing?: RoutingStrategy;
  /**
   * Makes routing prefix-aware: a request with a prefix goes to the instance of that prefix, unless so many requests are there already.
   *
   * @default prefixes are ignored
   */
  readonly prefixConcurrencyThreshold?: number;
  /** Requests that may wait in one instance's container; more are refused. @default Infinity */
  readonly queueLimitPerInstance?: number;
  /**
   * Seconds from arrival in which the answer must be there. SageMaker allows a model container 60 seconds to answer
   * InvokeEndpoint (API reference of InvokeEndpoint).
   *
   * @default 60
   */
  readonly requestTimeoutSeconds?: number;
  /** How many instances can be launched now beside those that there are; asked before every launch. @default no limit */
  readonly room?: () => number;
  /** Seconds between attempts to launch instances that no pool had capacity for. @default 60 */
  readonly capacityRetrySeconds?: number;
  /** When the fleet's clock begins. @default 0 */
  readonly startAt?: EpochSeconds;
}

/** What {@link EndpointFleet.rollOver} may change; the rest stays. */
export interface RollOverOptions {
  readonly pools?: readonly InstancePool[];
  readonly slotsPerInstance?: number;
  readonly queueLimitPerInstance?: number;
  readonly provisioning?: () => number;
}

/**
 * Refuses options no fleet can be made of.
 *
 * @throws InputError naming every wrong option.
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

/** @throws InputError when a provisioning sampler gave something else than finite seconds of at least 0. */
export function checkProvisioningSeconds(seconds: number): number {
  if (seconds >= 0 && seconds < Infinity) return seconds;
  throw new InputError(`provisioning took ${seconds} s; the sampler must give finite numbers of at least 0`);
}
