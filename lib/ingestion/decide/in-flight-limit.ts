import { requestsInFlight, requestsInService, type ConsumerPlan, type FleetAtMaximum } from './requests-in-flight';

/** Replicas of an endpoint that serve now, and the invocations that share them. */
export interface ServedCapacity {
  /** Concurrent requests that the replicas in service were tested with, together. */
  readonly concurrentRequests: number;
  /** Open shards of the stream, or partitions of the topic. */
  readonly shards: number;
  /** Place of the invocation's shard among the open ones, from 0; negative for a shard that is closed. */
  readonly ordinal: number;
  /** Concurrent invocations of one shard. */
  readonly parallelizationFactor: number;
}

/** Requests since the last decision. */
export interface InFlightState {
  /** Limit to which a busy endpoint has lowered the share; undefined where it is not lowered. */
  readonly lowered: number | undefined;
  /** Number of requests that the endpoint refused as busy since the last decision. */
  readonly busy: number;
  /** Number of requests that it answered since then. */
  readonly answered: number;
}

/** Requests in flight that an invocation may have now. */
export interface InFlightLimit {
  readonly limit: number;
  /** The limit, where a busy endpoint has lowered it below the share. */
  readonly lowered: number | undefined;
}

/** Maximum number of requests in flight for each that is at an instance. */
const MAX_IN_FLIGHT_PER_SERVED = 4;
/** Part of the times so far that a further response leaves. */
const TIMES_DECAY = 0.98;

/** Times of the latest requests, the later the more weight, seconds. */
export interface RequestTimes {
  /** Time from sending to response. */
  readonly request: number;
  /** Part of it at the instance: in its queue and in service. */
  readonly atInstance: number;
}

/** Adds the times of a request whose response tells its time at the instance. */
export function withRequestTimes(times: RequestTimes | undefined, request: number, atInstance: number): RequestTimes {
  const { request: requests, atInstance: atInstances } = times ?? { request: 0, atInstance: 0 };
  return { request: requests * TIMES_DECAY + request, atInstance: atInstances * TIMES_DECAY + atInstance };
}

/**
 * Requests in flight for each that is at an instance, 1 to 4, by Little's law: requests on their way, and responses that are not read yet, occupy no
 * slot. 1 where responses do not tell their time at the instance.
 */
export function inFlightPerServed(times: RequestTimes | undefined): number {
  if (times === undefined || !(times.atInstance > 0)) return 1;
  return Math.min(MAX_IN_FLIGHT_PER_SERVED, Math.max(1, times.request / times.atInstance));
}

/** Share of refused requests from which on the limit is lowered: single ones pass. */
const BUSY_SHARE = 0.05;
/** Part of the share by which a lowered limit grows with each decision. */
const GROWTH_OF_SHARE = 1 / 8;

/** Minimum time between two looks at an endpoint, seconds. */
const MIN_OBSERVATION_SECONDS = 10;
/** Looks per second of all invocations of a stream together; each is one call of DescribeEndpoint and one of ListShards. */
const OBSERVATIONS_PER_SECOND = 2;

/**
 * Requests in flight that one invocation may have, so that all of them together fill the replicas in service: an equal share, the remainder to
 * the first shards; at least 1, which wakes a fleet that has scaled to zero.
 */
export function shareOfCapacity({
  concurrentRequests,
  shards,
  ordinal,
  parallelizationFactor,
}: ServedCapacity): number {
  const capacity = Math.floor(concurrentRequests);
  const count = Math.max(1, shards);
  const extra = ordinal >= 0 && ordinal < capacity % count ? 1 : 0;
  return Math.max(1, Math.floor((Math.floor(capacity / count) + extra) / parallelizationFactor));
}

/**
 * Decides about the limit of one invocation: its share of the capacity in service, which it follows at once in both directions. An
 * endpoint that refuses more than one in twenty requests as busy, whoever else sends requests there, halves it; then it grows by an eighth of the share with each decision (additive increase,
 * multiplicative decrease).
 */
export function decideInFlightLimit(
  capacity: ServedCapacity,
  { lowered, busy, answered }: InFlightState,
): InFlightLimit {
  const share = shareOfCapacity(capacity);
  const before = Math.min(lowered ?? share, share);
  const isThrottled = busy > BUSY_SHARE * (busy + answered);
  const limit = isThrottled ? Math.max(1, Math.floor(before / 2)) : before + Math.ceil(share * GROWTH_OF_SHARE);
  return limit < share ? { limit, lowered: limit } : { limit: share, lowered: undefined };
}

/** Time between two looks of an invocation at its endpoint, seconds: more where many invocations look. */
export function observationSeconds({
  shards,
  parallelizationFactor,
}: Pick<ServedCapacity, 'shards' | 'parallelizationFactor'>): number {
  return Math.max(MIN_OBSERVATION_SECONDS, (shards * parallelizationFactor) / OBSERVATIONS_PER_SECOND);
}

/** Returns the problem of a consumer that cannot fill its fleets at their maximum. */
export function checkFilledFleets(plan: ConsumerPlan, fleets: readonly FleetAtMaximum[]): string[] {
  const inFlight = requestsInFlight(plan);
  const inService = requestsInService(fleets);
  if (inFlight >= inService) return [];
  return [
    `the consumer has at most ${inFlight} requests in flight, below the ${inService} (maxCapacity x tested concurrency) that the endpoint ` +
      `serves at its maximum, which is never filled; raise concurrency to ${Math.ceil(inService / lanesOf(plan))}, or ${plan.isTopic === true ? 'the partitions' : 'shardCount'}`,
  ];
}

/** Returns the problem of a consumer whose batches, with one request each, have more in flight than its fleets serve at their minimum. */
export function checkLeastRequests(
  plan: Pick<ConsumerPlan, 'shardCount' | 'parallelizationFactor' | 'isTopic'>,
  fleets: readonly FleetAtMaximum[],
): string[] {
  const least = requestsInService(fleets.map((fleet) => ({ ...fleet, maxCapacity: fleet.minCapacity ?? Infinity })));
  const lanes = lanesOf(plan);
  if (least === 0 || lanes <= least) return [];
  const isTopic = plan.isTopic === true;
  return [
    `${isTopic ? `${plan.shardCount} partitions` : `${plan.shardCount} shards x ${plan.parallelizationFactor} batches`} have a request each in flight, ` +
      `above the ${least} (minCapacity x tested concurrency) that the endpoint serves at its minimum, so that ${lanes - least} wait in it; ` +
      `${isTopic ? '' : 'lower shardCount or parallelizationFactor, or '}raise minCapacity`,
  ];
}

function lanesOf({
  shardCount,
  parallelizationFactor,
}: Pick<ConsumerPlan, 'shardCount' | 'parallelizationFactor'>): number {
  return shardCount * parallelizationFactor;
}

/**
 * Returns the problem of a consumer that follows a fleet which does not scale on its backlog: the endpoint has no more requests than it serves, so its own
 * metrics show a full fleet and not how much waits. Scaled by them alone, it grows by the reciprocal of its target at a time.
 */
export function checkScaledBacklog(scalesOnBacklog: boolean): string[] {
  if (scalesOnBacklog) return [];
  return [
    'followsCapacity leaves what the instances do not hold in the stream, and no policy of the app reads how much that is: the fleet sees itself full, ' +
      "and grows in many small steps; add scaleOnStreamBacklog('backlog', { source: this ingestion }) to its scaling, or omit followsCapacity",
  ];
}
