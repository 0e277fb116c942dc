import { QuantileSketch } from '../../../core/statistics';
import type { EpochSeconds } from '../../../core/time';
import {
  type ArrivalResult,
  type ArrivingRequest,
  type FleetEvent,
  type RequestCompleted,
  type RequestTimedOut,
} from '../../../simulation/fleet';
import { mergeStatistics, NO_SAMPLES, type StatisticSet } from '../../../simulation/aws/cloudwatch';
import { costOf, type PricePerHour } from '../../account/billing';
import { quantilesOf, RecentSketch } from './recent-sketch';
import type { InvocationTotals, VariantSnapshot } from '../../snapshot';
import type { Environments } from './environments';
import type { VariantCounts, VariantFleet, VariantMetrics } from './variant-fleet';
import type { VariantSpec } from './variant-spec';

/** End of an accepted request. */
export type RequestOutcome = RequestCompleted | RequestTimedOut | RequestBroken;

/** The model responded with HTTP 500. */
type RequestBroken = Omit<RequestCompleted, 'kind'> & { readonly kind: 'broken' };

/** Measurements of streamed responses. */
export interface StreamMetrics {
  /** Seconds from a request's arrival at the container to the first part of its response. */
  readonly firstChunkSeconds: StatisticSet;
  readonly midStreamErrors: number;
}

const NO_STREAMS: StreamMetrics = { firstChunkSeconds: NO_SAMPLES, midStreamErrors: 0 };

/** Number of ten-second spans in the recent minute. */
const RECENT_SPANS = 6;

const NO_INSTANCES = { inService: 0, provisioning: 0, draining: 0, inServiceByType: {}, billedByType: {} } as const;

/** One variant of an endpoint: its instances, their requests, and the measurements of them. */
export class Variant {
  public weight: number;
  /** Desired number of instances, as described; a roll-over keeps it while it replaces the instances. */
  public desired = 0;
  private readonly waiting = new Map<number, (outcome: RequestOutcome) => void>();
  /** Seconds from arrival to response. */
  public readonly latency = new QuantileSketch();
  private readonly queueTime = new QuantileSketch();
  private readonly recentLatency = new RecentSketch(RECENT_SPANS);
  private totals = { received: 0, succeeded: 0, refused: 0, failed: 0, rejected: 0, timedOut: 0 };
  private refusedSinceDrain = 0;
  private streams: StreamMetrics = NO_STREAMS;

  public constructor(
    public readonly name: string,
    public readonly fleet: VariantFleet,
    /** Execution environments of a serverless variant. */
    public readonly environments?: Environments,
  ) {
    this.weight = fleet.spec.initialWeight;
  }

  public get spec(): VariantSpec {
    return this.fleet.spec;
  }

  public nextEventAt(): EpochSeconds | undefined {
    const [ofFleet, ofEnvironments] = [this.fleet.nextEventAt(), this.environments?.nextEventAt()];
    return ofFleet === undefined || (ofEnvironments ?? Infinity) < ofFleet ? ofEnvironments : ofFleet;
  }

  public counts(): VariantCounts {
    return this.fleet.counts();
  }

  public setDesired(count: number, at: EpochSeconds): void {
    this.desired = count;
    this.fleet.setDesired(count, at);
  }

  /** Hands a request to an instance; `settle` receives its end when it was accepted. */
  public arrive(
    at: EpochSeconds,
    request: ArrivingRequest & { readonly id: number },
    settle: (outcome: RequestOutcome) => void,
  ): ArrivalResult {
    this.totals.received++;
    const environment = this.environments?.take(at);
    if (this.environments !== undefined && environment === undefined) {
      this.totals.rejected++;
      return 'queue-full';
    }
    const result = this.fleet.arrive(at, {
      ...request,
      ...(request.onStart &&
        environment && { onStart: (from, id) => request.onStart!(from + environment.setupSeconds, id) }),
      serviceSeconds: request.serviceSeconds + (environment?.setupSeconds ?? 0),
    });
    if (result === 'started' || result === 'queued') {
      this.waiting.set(request.id, (outcome) => {
        environment?.release(outcome.kind === 'timed-out' ? outcome.at : outcome.finishedAt);
        settle(outcome);
      });
    }
    if (result !== 'started' && result !== 'queued') {
      environment?.release(at);
      this.totals.rejected++;
    }
    return result;
  }

  /** Counts a request whose body the model refuses. */
  public refuse(): void {
    this.totals.received++;
    this.totals.refused++;
    this.refusedSinceDrain++;
  }

  /** Settings of an instance, which may be those of a configuration that an update replaces. */
  public specOf(instanceId: string): VariantSpec {
    return this.fleet.specOf(instanceId);
  }

  /** Counts an error of the model for a request that its instance has completed: HTTP 4xx (`client`) or 5xx (`server`). */
  public countError(instanceId: string, side: 'client' | 'server'): void {
    this.fleet.countError(instanceId, side);
    this.totals.succeeded--;
    if (side === 'client') this.totals.refused++;
    else this.totals.failed++;
  }

  /** Counts a streamed response whose first part is sent, seconds after the arrival of its request. */
  public beginStream(seconds: number): void {
    const first = { sum: seconds, sampleCount: 1, minimum: seconds, maximum: seconds };
    this.streams = { ...this.streams, firstChunkSeconds: mergeStatistics(this.streams.firstChunkSeconds, first) };
  }

  /** Counts a streamed response that broke off after its first part. */
  public breakStream(): void {
    this.streams = { ...this.streams, midStreamErrors: this.streams.midStreamErrors + 1 };
  }

  /** Advances to a moment, ends the requests that are due, and returns the events of the instances. */
  public advanceTo(at: EpochSeconds): FleetEvent[] {
    this.environments?.advanceTo(at);
    const events = this.fleet.advanceTo(at);
    const ofInstances: FleetEvent[] = [];
    for (const event of events) {
      if (event.kind === 'completed' && this.fleet.specOf(event.instanceId).fault === 'errors') {
        this.fleet.countError(event.instanceId, 'server');
        this.settle({ ...event, kind: 'broken' });
      } else if (event.kind === 'completed' || event.kind === 'timed-out') this.settle(event);
      else if (event.kind !== 'rejected' && this.environments === undefined) ofInstances.push(event);
    }
    return ofInstances;
  }

  private settle(outcome: RequestOutcome): void {
    if (outcome.kind === 'completed') {
      const seconds = outcome.finishedAt - outcome.arrivedAt;
      this.totals.succeeded++;
      this.latency.add(seconds);
      this.recentLatency.add(seconds);
      this.queueTime.add(outcome.startedAt - outcome.arrivedAt);
    } else if (outcome.kind === 'broken') {
      this.totals.failed++;
    } else {
      this.totals.timedOut++;
    }
    const id = Number(outcome.id);
    const settle = this.waiting.get(id);
    this.waiting.delete(id);
    settle?.(outcome);
  }

  /** Returns the measurements since the last call, with the number of requests that the model refused; for one caller only. */
  public drainMetrics(at: EpochSeconds): VariantMetrics & StreamMetrics & { readonly refused: number } {
    const { refusedSinceDrain: refused, streams } = this;
    this.refusedSinceDrain = 0;
    this.streams = NO_STREAMS;
    this.recentLatency.startSpan();
    return { ...this.fleet.drainMetrics(at), ...streams, refused };
  }

  public invocations(): InvocationTotals {
    return { ...this.totals };
  }

  /** Instance seconds by type; none for a serverless variant, whose environments have no confirmed price. */
  public billedInstanceSeconds(at: EpochSeconds): { readonly [instanceType: string]: number } {
    return this.environments === undefined ? this.fleet.billedInstanceSeconds(at) : {};
  }

  public snapshot(at: EpochSeconds, priceOf: PricePerHour): VariantSnapshot {
    const counts = this.environments === undefined ? this.counts() : { ...this.counts(), ...NO_INSTANCES };
    const billedInstanceSeconds = this.billedInstanceSeconds(at);
    const hourOfEach = Object.fromEntries(
      Object.entries(counts.billedByType).map(([instanceType, count]) => [instanceType, count * 3600]),
    );
    return {
      name: this.name,
      serverless: this.environments?.snapshot() ?? null,
      desiredInstances: this.environments === undefined ? this.desired : 0,
      inServiceInstances: counts.inService,
      provisioningInstances: counts.provisioning,
      drainingInstances: counts.draining,
      byType: counts.inServiceByType,
      slotsPerInstance: this.spec.slotsPerInstance,
      queued: counts.queued,
      inFlight: counts.inFlight,
      invocations: this.invocations(),
      latencySeconds: quantilesOf(this.latency),
      recentLatencySeconds: this.recentLatency.quantiles(),
      queueSeconds: quantilesOf(this.queueTime),
      billedInstanceSeconds,
      billedUsd: costOf(billedInstanceSeconds, 'hosting', priceOf),
      usdPerHour: costOf(hourOfEach, 'hosting', priceOf),
    };
  }
}
