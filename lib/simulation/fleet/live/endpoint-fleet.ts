import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { nearestNames } from '../../../core/nearest';
import type { ArrivalResult, ArrivingRequest, FleetEvent } from './fleet-events';
import type { FleetInstance, FleetRequest, InstanceState } from './fleet-instance';
import type { FleetMetrics } from './fleet-metrics';
import {
  checkFleetOptions,
  type CapacityState,
  type EndpointFleetOptions,
  type RollOverOptions,
} from '../fleet-options';
import { InstanceRoster, type CAPACITY_RETRY } from './instance-roster';
import { RequestFlow } from './request-flow';
import { TimerQueue } from './timer-queue';

/** Numbers of instances, requests and slots at one moment. */
export interface FleetCounts {
  readonly desired: number;
  readonly inService: number;
  readonly provisioning: number;
  readonly draining: number;
  /** Desired instances that no pool has capacity for. */
  readonly missing: number;
  /** Requests waiting in containers. */
  readonly queued: number;
  /** Requests in slots whose callers still wait. */
  readonly inFlight: number;
  /** Slots in use in all instances; a timed-out request occupies its slot until its service ends. */
  readonly busySlots: number;
  /** Slots of the instances in service. */
  readonly slots: number;
  /** Billed instances (provisioning, in service or draining) per type; every type of a pool has an entry. */
  readonly byType: { readonly [instanceType: string]: number };
  /** Instances in service per type; every type of a pool has an entry. */
  readonly inServiceByType: { readonly [instanceType: string]: number };
}

/** Requests since the fleet's start. `arrived = completed + timedOut + rejected + queued + inFlight`, always. */
export interface FleetTotals {
  readonly arrived: number;
  readonly completed: number;
  readonly timedOut: number;
  readonly rejected: number;
}

/** State of one instance. */
export interface InstanceSnapshot {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly state: InstanceState;
  readonly launchedAt: EpochSeconds;
  /** Undefined while provisioning. */
  readonly inServiceAt: EpochSeconds | undefined;
  readonly busySlots: number;
  readonly slots: number;
  readonly queued: number;
}

type Timer = FleetRequest | FleetInstance | typeof CAPACITY_RETRY;

/**
 * One variant of a GPU endpoint: instances from launch to termination, and the requests that they serve.
 *
 * - **Launch**: see {@link LaunchOrder}. When no pool has capacity there is a `capacity-error`, and another attempt every 60 s.
 * - **Scale-in**: see {@link inReleaseOrder}. An instance in service drains: it finishes its requests, queue included, and then terminates.
 * - **Requests** are routed to an instance on arrival and stay there: they start in a free slot or wait in the container's queue. After
 *   `requestTimeoutSeconds` the caller receives an error; a queued request then leaves the queue, one in flight occupies its slot until its
 *   service ends, because the container does not notice that the caller has left.
 * - **Billing**: from launch to termination, see {@link BilledTime}.
 *
 * The caller gives the time: `nextEventAt()` returns the next moment with an event and `advanceTo(at)` advances to a moment, so the same
 * fleet runs in virtual time and on a real clock. A moment before the fleet's current time counts as the current time. Every method with a
 * moment first handles everything due until then; the next `advanceTo` returns the events.
 */
export class EndpointFleet {
  private readonly timers = new TimerQueue<Timer>();
  private readonly flow: RequestFlow;
  private readonly roster: InstanceRoster;
  private present: EpochSeconds;
  private events: FleetEvent[] = [];

  /** @throws InputError naming every invalid option. */
  public constructor(options: EndpointFleetOptions) {
    checkFleetOptions(options);
    this.present = options.startAt ?? 0;
    const setTimer = (at: EpochSeconds, subject: Timer): void => this.timers.push(at, subject);
    const emit = (event: FleetEvent): void => void this.events.push(event);
    this.flow = new RequestFlow({
      routing: options.routing ?? 'LEAST_OUTSTANDING_REQUESTS',
      prefixConcurrencyThreshold: options.prefixConcurrencyThreshold,
      random: options.random,
      requestTimeoutSeconds: options.requestTimeoutSeconds ?? 60,
      startAt: this.present,
      setTimer,
      emit,
    });
    this.roster = new InstanceRoster({
      pools: options.pools,
      slotsPerInstance: options.slotsPerInstance,
      queueLimitPerInstance: options.queueLimitPerInstance ?? Infinity,
      provisioning: options.provisioning,
      capacityRetrySeconds: options.capacityRetrySeconds ?? 60,
      room: options.room ?? (() => Infinity),
      serving: this.flow.serving,
      setTimer,
      emit,
    });
  }

  /** Current time of the fleet: the latest moment given. */
  public get now(): EpochSeconds {
    return this.present;
  }

  /** True from {@link rollOver} until the last instance of the earlier configuration stops accepting requests. */
  public get isRollingOver(): boolean {
    return this.roster.isRollingOver;
  }

  /**
   * Sets the desired number of instances (absolute). An increase launches, a decrease releases; draining instances are not reused.
   *
   * @throws InputError if the count is not a whole number of at least 0.
   */
  public setDesired(count: number, at: EpochSeconds): void {
    this.changeDesired(count, at, false);
  }

  /** Like {@link setDesired}, but launched instances are in service at once: for a run that begins with a warm fleet. */
  public startInService(count: number, at: EpochSeconds): void {
    this.changeDesired(count, at, true);
  }

  /**
   * Sets the capacity of an instance type, for launches from now on. Missing instances are launched by the next attempt (every 60 s).
   *
   * @throws InputError if no pool has the type.
   */
  public setCapacity(instanceType: string, state: CapacityState, at: EpochSeconds): void {
    if (!this.roster.configuration.pools.some((pool) => pool.instanceType === instanceType)) {
      const types = this.roster.configuration.pools.map((pool) => pool.instanceType);
      throw new InputError(
        `no pool has the type ${instanceType}; there are ${nearestNames(instanceType, types).join(', ')}`,
      );
    }
    this.process(at);
    this.roster.setCapacity(instanceType, state);
  }

  /**
   * Routes a request to an instance, or rejects it.
   *
   * The outcome is also an event: `completed` or `timed-out` later, or `rejected` at once; count one of the two.
   *
   * @throws InputError if the service time is not a finite number of at least 0.
   */
  public arrive(at: EpochSeconds, request: ArrivingRequest): ArrivalResult {
    const { id, serviceSeconds } = request;
    if (!(serviceSeconds >= 0 && serviceSeconds < Infinity)) {
      throw new InputError(
        `the service time of request ${id} is ${serviceSeconds}; it must be a finite number of at least 0`,
      );
    }
    this.process(at);
    return this.flow.arrive(this.present, request);
  }

  /**
   * Replaces every instance by new ones of a changed configuration: launches the desired number anew, drains one old
   * instance for each new one that comes into service, and releases provisioning old ones at once.
   *
   * @throws InputError naming every invalid option.
   */
  public rollOver(at: EpochSeconds, changes: RollOverOptions = {}): void {
    const present = this.roster.configuration;
    const configuration = {
      pools: changes.pools ?? present.pools,
      slotsPerInstance: changes.slotsPerInstance ?? present.slotsPerInstance,
      queueLimitPerInstance: changes.queueLimitPerInstance ?? present.queueLimitPerInstance,
      provisioning: changes.provisioning ?? present.provisioning,
    };
    checkFleetOptions(configuration);
    this.process(at);
    this.roster.rollOver(configuration, this.present);
  }

  /** Returns the moment of the next event; undefined if there is none without another call. */
  public nextEventAt(): EpochSeconds | undefined {
    this.dropReleased();
    const next = Math.min(this.timers.firstAt, this.flow.firstDeadline);
    return next === Infinity ? undefined : next;
  }

  /** Advances to a moment and returns the events since the last call, in order of time. */
  public advanceTo(at: EpochSeconds): FleetEvent[] {
    this.process(at);
    const events = this.events;
    this.events = [];
    return events;
  }

  /** Returns the numbers of instances, requests and slots. */
  public counts(): FleetCounts {
    const byType: { [instanceType: string]: number } = {};
    const inServiceByType: { [instanceType: string]: number } = {};
    for (const { instanceType } of this.roster.configuration.pools)
      byType[instanceType] = inServiceByType[instanceType] = 0;
    const states = { provisioning: 0, 'in-service': 0, draining: 0, terminated: 0 };
    let busySlots = 0;
    let slots = 0;
    for (const instance of this.roster.live) {
      states[instance.state]++;
      busySlots += instance.busySlots;
      byType[instance.instanceType] = (byType[instance.instanceType] ?? 0) + 1;
      if (instance.state !== 'in-service') continue;
      slots += instance.slots;
      inServiceByType[instance.instanceType] = (inServiceByType[instance.instanceType] ?? 0) + 1;
    }
    return {
      desired: this.roster.desired,
      inService: states['in-service'],
      provisioning: states.provisioning,
      draining: states.draining,
      missing: this.roster.missing,
      queued: this.flow.queued,
      inFlight: this.flow.inFlight,
      busySlots,
      slots,
      byType,
      inServiceByType,
    };
  }

  /** Returns the requests since the fleet's start. */
  public totals(): FleetTotals {
    const { arrived, completed, timedOut, rejected } = this.flow;
    return { arrived, completed, timedOut, rejected };
  }

  /** Returns the billed instances, oldest first. */
  public instances(): InstanceSnapshot[] {
    return this.roster.live.map((instance) => ({
      instanceId: instance.id,
      instanceType: instance.instanceType,
      state: instance.state,
      launchedAt: instance.launchedAt,
      inServiceAt: instance.state === 'provisioning' ? undefined : instance.inServiceAt,
      busySlots: instance.busySlots,
      slots: instance.slots,
      queued: instance.queue.length,
    }));
  }

  /** Returns the billed seconds per type up to a moment; every type ever used has an entry. */
  public billedInstanceSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    this.process(at);
    return this.roster.billedSeconds(this.present);
  }

  /**
   * Returns the measurements since the last call (or the start). There is one cursor: use one caller, at the shortest period.
   */
  public drainMetrics(at: EpochSeconds): FleetMetrics {
    this.process(at);
    return this.flow.drainMetrics(this.present);
  }

  private changeDesired(count: number, at: EpochSeconds, warm: boolean): void {
    if (!(Number.isInteger(count) && count >= 0)) {
      throw new InputError(`the desired instance count is ${count}; it must be a whole number of at least 0`);
    }
    this.process(at);
    this.roster.setDesired(count, this.present, warm);
    this.process(this.present);
  }

  /** Handles everything that is due until a moment. */
  private process(at: EpochSeconds): void {
    if (!Number.isFinite(at)) throw new InputError(`the time is ${at}; give finite seconds`);
    for (;;) {
      const deadline = this.flow.firstDeadline;
      const timer = this.timers.firstAt;
      if (deadline > at && timer > at) break;
      if (deadline <= timer) {
        this.present = deadline;
        this.settle(this.flow.expireFirst(deadline));
      } else {
        this.present = timer;
        this.onTimer(timer);
      }
    }
    if (at > this.present) this.present = at;
  }

  private onTimer(at: EpochSeconds): void {
    const subject = this.timers.pop();
    if (subject === undefined) return;
    if (subject.timer === 'request') this.settle(this.flow.onTimer(at, subject));
    else if (subject.timer === 'instance') this.roster.enterService(subject, at);
    else this.roster.retry(at);
  }

  private settle(instance: FleetInstance | undefined): void {
    if (instance !== undefined) this.roster.settle(instance, this.present);
  }

  /** Removes the timers of instances that were released before they came into service. */
  private dropReleased(): void {
    for (;;) {
      const first = this.timers.first;
      if (first === undefined || first.timer !== 'instance' || first.state === 'provisioning') return;
      this.timers.pop();
    }
  }
}
