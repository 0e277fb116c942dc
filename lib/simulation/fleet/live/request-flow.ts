import type { EpochSeconds } from '../../../core/time';
import { StatisticAccumulator } from '../../aws/cloudwatch';
import type { Random } from '../../random';
import type { ArrivalResult, ArrivingRequest, FleetEvent, RejectionReason, RequestId } from './fleet-events';
import { FleetRequest, type FleetInstance } from './fleet-instance';
import type { FleetMetrics } from './fleet-metrics';
import type { FleetRouting } from '../fleet-options';
import { rendezvousInstance } from './prefix-affinity';
import { Fifo } from './timer-queue';

/** Settings of the flow of requests, and its access to the fleet. */
export interface RequestFlowOptions {
  readonly routing: FleetRouting;
  readonly prefixConcurrencyThreshold: number | undefined;
  readonly random: Random;
  readonly requestTimeoutSeconds: number;
  readonly startAt: EpochSeconds;
  /** Sets a timer that ends with {@link RequestFlow.onTimer}. */
  readonly setTimer: (at: EpochSeconds, request: FleetRequest) => void;
  readonly emit: (event: FleetEvent) => void;
}

/** Requests through the instances in service: routing, slots, queues, time-outs, and their metrics. */
export class RequestFlow {
  /** Instances in service. */
  public readonly serving: FleetInstance[] = [];
  public arrived = 0;
  public completed = 0;
  public timedOut = 0;
  public rejected = 0;
  public queued = 0;
  /** Requests in slots whose callers still wait. */
  public inFlight = 0;

  private readonly options: RequestFlowOptions;
  /** Queued requests in order of their deadlines; those no longer queued are dropped at the front. */
  private readonly deadlines = new Fifo<FleetRequest>();
  private routingCursor = 0;

  private metricsFrom: EpochSeconds;
  private invocations = 0;
  private invocationsPerInstance = 0;
  private completedSince = 0;
  private timedOutSince = 0;
  private rejectedWithoutInstance = 0;
  private rejectedByQueue = 0;
  private readonly latency = new StatisticAccumulator();
  private readonly wait = new StatisticAccumulator();

  public constructor(options: RequestFlowOptions) {
    this.options = options;
    this.metricsFrom = options.startAt;
  }

  /** Moment of the first time-out of a queued request; Infinity if there is none. */
  public get firstDeadline(): EpochSeconds {
    let first = this.deadlines.first;
    while (first !== undefined && first.state !== 'queued') {
      this.deadlines.shift();
      first = this.deadlines.first;
    }
    return first === undefined ? Infinity : first.arrivedAt + this.options.requestTimeoutSeconds;
  }

  /** Routes a request and starts, queues or rejects it. */
  public arrive(at: EpochSeconds, arriving: ArrivingRequest): ArrivalResult {
    const { id } = arriving;
    this.arrived++;
    this.invocations++;
    const instance = this.route(arriving.prefix);
    if (instance === undefined) return this.reject(at, id, 'no-instance-in-service');
    this.invocationsPerInstance += 1 / this.serving.length;
    if (instance.busySlots < instance.slots) {
      const request = this.take(at, arriving, instance);
      instance.change(at, 1, 1);
      this.start(at, request);
      return 'started';
    }
    if (instance.queue.length >= instance.queueLimit) return this.reject(at, id, 'queue-full');
    const request = this.take(at, arriving, instance);
    instance.queue.push(request);
    instance.change(at, 1, 0);
    this.queued++;
    if (this.options.requestTimeoutSeconds !== Infinity) this.deadlines.push(request);
    return 'queued';
  }

  /** Times out the queued request with the first deadline. */
  public expireFirst(at: EpochSeconds): FleetInstance | undefined {
    const request = this.deadlines.shift();
    if (request === undefined) return undefined;
    // All requests have the same maximum wait, so the one that expires is the oldest of its instance's queue.
    request.instance.queue.shift();
    request.instance.change(at, -1, 0);
    this.queued--;
    request.state = 'done';
    this.timeOut(at, request, undefined);
    return request.instance;
  }

  /** Handles the timer of a request in flight: a time-out or the end of its service. Returns its instance, for which fewer callers wait now. */
  public onTimer(at: EpochSeconds, request: FleetRequest): FleetInstance {
    const instance = request.instance;
    if (at < request.finishAt) {
      request.state = 'abandoned';
      this.inFlight--;
      this.timeOut(at, request, request.startedAt);
      instance.abandoned++;
      this.options.setTimer(request.finishAt, request);
      return instance;
    }
    if (request.state === 'in-flight') {
      this.inFlight--;
      this.completed++;
      this.completedSince++;
      this.latency.add(at - request.arrivedAt);
      this.wait.add(request.startedAt - request.arrivedAt);
      this.options.emit({
        kind: 'completed',
        id: request.id,
        arrivedAt: request.arrivedAt,
        startedAt: request.startedAt,
        finishedAt: at,
        instanceId: instance.id,
      });
    } else instance.abandoned--;
    request.state = 'done';
    const next = instance.queue.shift();
    if (next === undefined) {
      instance.change(at, -1, -1);
    } else {
      instance.change(at, -1, 0);
      this.queued--;
      this.start(at, next);
    }
    return instance;
  }

  /** Returns the measurements since the last call. */
  public drainMetrics(at: EpochSeconds): FleetMetrics {
    const concurrent = { sum: 0, sampleCount: 0, minimum: Infinity, maximum: 0 };
    const busy = new StatisticAccumulator();
    for (const instance of this.serving) {
      const measured = instance.drainMeasurements(at);
      concurrent.sum += measured.meanOutstanding;
      concurrent.sampleCount++;
      concurrent.minimum = Math.min(concurrent.minimum, measured.lowestOutstanding);
      concurrent.maximum = Math.max(concurrent.maximum, measured.highestOutstanding);
      busy.add(measured.busyShare * 100);
    }
    if (concurrent.sampleCount === 0) concurrent.minimum = 0;
    const metrics: FleetMetrics = {
      fromSeconds: this.metricsFrom,
      toSeconds: at,
      invocations: this.invocations,
      invocationsPerInstance: this.invocationsPerInstance,
      modelLatencySeconds: this.latency.drain(),
      queueSeconds: this.wait.drain(),
      completed: this.completedSince,
      timedOut: this.timedOutSince,
      rejectedWithoutInstance: this.rejectedWithoutInstance,
      rejectedByQueue: this.rejectedByQueue,
      errors4xx: 0,
      errors5xx: this.rejectedWithoutInstance + this.rejectedByQueue,
      modelErrors: this.rejectedByQueue + this.timedOutSince,
      concurrentRequests: concurrent,
      gpuUtilizationPercent: busy.drain(),
      inService: this.serving.length,
    };
    this.metricsFrom = at;
    this.invocations = 0;
    this.invocationsPerInstance = 0;
    this.completedSince = 0;
    this.timedOutSince = 0;
    this.rejectedWithoutInstance = 0;
    this.rejectedByQueue = 0;
    return metrics;
  }

  private take(at: EpochSeconds, arriving: ArrivingRequest, instance: FleetInstance): FleetRequest {
    const { id, serviceSeconds, timeoutSeconds = this.options.requestTimeoutSeconds, onStart } = arriving;
    return new FleetRequest(id, at, serviceSeconds, instance, timeoutSeconds, onStart);
  }

  private route(prefix: number | undefined): FleetInstance | undefined {
    const { serving } = this;
    const count = serving.length;
    if (count <= 1) return serving[0];
    const threshold = this.options.prefixConcurrencyThreshold;
    if (threshold !== undefined && prefix !== undefined) {
      const preferred = rendezvousInstance(serving, prefix)!;
      if (preferred.outstanding < threshold) return preferred;
    }
    if (this.options.routing === 'RANDOM') return serving[this.options.random.integer(count)];
    // The search begins after the last choice, so that equally loaded instances take turns.
    let index = this.routingCursor < count ? this.routingCursor : 0;
    let best = index;
    let fewest = Infinity;
    for (let compared = 0; compared < count; compared++) {
      const outstanding = serving[index].outstanding;
      if (outstanding < fewest) {
        fewest = outstanding;
        best = index;
        if (outstanding === 0) break;
      }
      index = index + 1 === count ? 0 : index + 1;
    }
    this.routingCursor = best + 1;
    return serving[best];
  }

  private start(at: EpochSeconds, request: FleetRequest): void {
    request.state = 'in-flight';
    request.startedAt = at;
    request.finishAt = at + request.serviceSeconds;
    this.inFlight++;
    this.options.setTimer(Math.min(request.finishAt, request.arrivedAt + request.timeoutSeconds), request);
    request.onStart?.(at, request.instance.id);
  }

  private reject(at: EpochSeconds, id: RequestId, reason: RejectionReason): RejectionReason {
    this.rejected++;
    if (reason === 'queue-full') this.rejectedByQueue++;
    else this.rejectedWithoutInstance++;
    this.options.emit({ kind: 'rejected', id, at, reason });
    return reason;
  }

  private timeOut(at: EpochSeconds, request: FleetRequest, startedAt: EpochSeconds | undefined): void {
    this.timedOut++;
    this.timedOutSince++;
    const { id, arrivedAt, instance } = request;
    this.options.emit({ kind: 'timed-out', id, at, arrivedAt, startedAt, instanceId: instance.id });
  }
}
