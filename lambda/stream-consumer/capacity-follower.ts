import type { EpochSeconds } from '../../lib/core/time';
import type { FollowedFleet } from '../../lib/ingestion/contract';
import {
  decideInFlightLimit,
  inFlightPerServed,
  observationSeconds,
  shareOfCapacity,
  withRequestTimes,
  type RequestTimes,
  type ServedCapacity,
} from '../../lib/ingestion/decide/in-flight-limit';
import { responseFacts } from '../../lib/ingestion/decide/response-facts';
import type { EndpointStates } from '../clients/endpoint-state';
import type { OpenShards } from '../clients/open-shards';
import type { WallClock } from '../support/clock';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { TimedAnswer } from './answers';
import { jsonOf } from './batch';

/** Maximum size of a response that is read for its times, bytes. */
const MAX_READ_BYTES = 16 * 1024;

/** Time for which an observation counts while later ones fail, seconds. */
const MAX_OBSERVATION_AGE_SECONDS = 300;

export interface CapacityFollowerOptions {
  readonly fleets: readonly FollowedFleet[];
  readonly states: EndpointStates;
  readonly shards: OpenShards;
  /** Concurrent invocations of one shard. */
  readonly parallelizationFactor: number;
  /** Requests in flight of an invocation at most, and as long as the capacity is not known. */
  readonly concurrency: number;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** State of the endpoint and the stream. */
interface Observation {
  readonly at: EpochSeconds;
  readonly replicas: number;
  readonly capacity: ServedCapacity;
}

/**
 * Capacity in service that an execution environment follows with its requests in flight: instances of the endpoint x tested concurrency,
 * shared with the invocations of the other shards. While neither can be read, the last observation counts for five minutes, then `concurrency`.
 */
export class CapacityFollower {
  private observation: Observation | undefined;
  private lookedAt: EpochSeconds = -Infinity;
  private lowered: number | undefined;
  private busyCount = 0;
  private answeredCount = 0;
  private times: RequestTimes | undefined;
  private present: number;

  public constructor(private readonly options: CapacityFollowerOptions) {
    this.present = options.concurrency;
  }

  /** Requests in flight that the invocation may have now. */
  public get limit(): number {
    return Math.min(this.present, this.options.concurrency);
  }

  /**
   * Replicas in service that records wait for; undefined where they are not known, or where the consumer's `concurrency` and not the fleet is what
   * records wait for.
   */
  public get awaitedReplicas(): number | undefined {
    const { observation } = this;
    if (observation === undefined || shareOfCapacity(observation.capacity) > this.options.concurrency) return undefined;
    return observation.replicas;
  }

  /** True once the capacity was read. */
  public get isKnown(): boolean {
    return this.observation !== undefined;
  }

  /** Notes that the endpoint refused a request as busy. */
  public refused(): void {
    this.busyCount += 1;
  }

  /** Notes a response, which may tell its time at the instance. */
  public answered({ answer: { body }, requestSeconds }: TimedAnswer): void {
    this.answeredCount += 1;
    if (body.length > MAX_READ_BYTES) return;
    const { serviceSeconds, queueSeconds = 0 } = responseFacts(jsonOf(body), undefined);
    if (serviceSeconds !== undefined)
      this.times = withRequestTimes(this.times, requestSeconds, serviceSeconds + queueSeconds);
  }

  /** Looks at the endpoint and the stream if it is time, and decides about the limit. Never throws: a look that fails changes nothing. */
  public async observe(
    { streamArn, shardId }: { readonly streamArn: string; readonly shardId: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, logger, parallelizationFactor } = this.options;
    const now = clock.now();
    const shards = this.observation?.capacity.shards ?? 1;
    if (now - this.lookedAt < observationSeconds({ shards, parallelizationFactor })) return;
    this.lookedAt = now;
    try {
      const observation = await withDeadline(LOOK_DEADLINE_SECONDS, 'the capacity of the endpoint', (deadline) =>
        this.look(streamArn, shardId, AbortSignal.any([signal, deadline])),
      );
      if (observation !== undefined) this.observation = observation;
    } catch (error) {
      if (!signal.aborted) logger.warn('cannot read the capacity of the endpoint', { error });
    }
    if (this.observation !== undefined && clock.now() - this.observation.at > MAX_OBSERVATION_AGE_SECONDS)
      this.observation = undefined;
    this.decide();
  }

  private decide(): void {
    const { concurrency } = this.options;
    if (this.observation === undefined) {
      this.present = concurrency;
      return;
    }
    const { capacity } = this.observation;
    const concurrentRequests = capacity.concurrentRequests * inFlightPerServed(this.times);
    const { limit, lowered } = decideInFlightLimit(
      { ...capacity, concurrentRequests },
      { lowered: this.lowered, busy: this.busyCount, answered: this.answeredCount },
    );
    this.present = limit;
    this.lowered = lowered;
    this.busyCount = 0;
    this.answeredCount = 0;
  }

  /** Returns what is in service; undefined while SageMaker reports no number, as during the creation of an endpoint. */
  private async look(streamArn: string, shardId: string, signal: AbortSignal): Promise<Observation | undefined> {
    const { fleets, states, shards, parallelizationFactor, clock } = this.options;
    const [open, ...current] = await Promise.all([
      shards.list(streamArn, signal),
      ...fleets.map(async (fleet) => (await states.fleetState(fleet, signal)).current),
    ]);
    let replicas = 0;
    let concurrentRequests = 0;
    for (const [index, { maxConcurrencyPerReplica }] of fleets.entries()) {
      const count = current[index];
      if (count === null || count === undefined) return undefined;
      replicas += count;
      concurrentRequests += count * maxConcurrencyPerReplica;
    }
    const capacity = { concurrentRequests, shards: open.length, ordinal: open.indexOf(shardId), parallelizationFactor };
    return { at: clock.now(), replicas, capacity };
  }
}
