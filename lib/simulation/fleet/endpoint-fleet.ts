import { InputError } from '../../core/errors';
import type { EpochSeconds } from '../../core/time';
import { nearestNames } from '../../core/nearest';
import type { ArrivalResult, ArrivingRequest, FleetEvent } from './fleet-events';
import type { FleetInstance, FleetRequest, InstanceState } from './fleet-instance';
import type { FleetMetrics } from './fleet-metrics';
import {
  checkFleetOptions,
  type CapacityState,
  type EndpointFleetOptions,
  type RollOverOptions,
} from './fleet-options';
import { InstanceRoster, type CAPACITY_RETRY } from './instance-roster';
import { RequestFlow } from './request-flow';
import { TimerQueue } from './timer-queue';

/** How many there are of what, at one moment. */
export interface FleetCounts {
  readonly desired: number;
  readonly inService: number;
  readonly provisioning: number;
  readonly draining: number;
  /** Instances wanted that no pool has capacity for. */
  readonly missing: number;
  /** Requests waiting in containers. */
  readonly queued: number;
  /** Requests being served whose callers still wait. */
  readonly inFlight: number;
  /** Slots in use in all instances; those of timed-out requests stay in use until their service ends. */
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

/** One instance as it is now. */
export interface InstanceSnapshot {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly state: InstanceState;
  readonly launchedAt: EpochSeconds;
  /** Undefined while it is provisioning. */
  readonly inServiceAt: EpochSeconds | undefined;
  readonly busySlots: number;
  readonly slots: number;
  readonly queued: number;
}

type Timer = FleetRequest | FleetInstance | typeof CAPACITY_RETRY;

/**
 * One variant of a GPU endpoint: instances that are launched, provisioned, serve, drain and terminate, and the requests
 * that go through them.
 *
 * - **Launch**: the pool with the lowest priority number first; a type without capacity is passed over at once. When no
 *   pool has capacity there is a `capacity-error`, and another attempt every 60 s.
 * - **Scale-in** releases instances that are still provisioning first, then the lowest-priority pool's (SageMaker developer
 *   guide, heterogeneous real-time endpoints); within a pool the one with the fewest requests, then the youngest. An
 *   instance in service drains: it finishes what it has, queue included, and then terminates.
 * - **Requests** go to an instance when they arrive and stay there: a free slot starts them, otherwise they wait in that
 *   container's queue. After `requestTimeoutSeconds` the caller has an error; a queued request then leaves the queue, one
 *   in flight keeps its slot until its service ends, because the GPU does not know that nobody waits any more.
 * - **Billing** runs from launch to termination. AWS bills real-time endpoints per second of instance time, but does not
 *   document whether provisioning counts; counting it is the conservative reading.
 *
 * Time is given, never read: `nextEventAt()` says when to come back and `advanceTo(at)` goes there, so the same fleet runs
 * in virtual time and on a real clock. A moment before the fleet's present counts as the present. Every method that takes
 * a moment first lets everything happen that is due until then; what happened is handed out by the next `advanceTo`.
 */
export class EndpointFleet {
  private readonly timers = new TimerQueue<Timer>();
  private readonly flow: RequestFlow;
  private readonly roster: InstanceRoster;
  private present: EpochSeconds;
  private events: FleetEvent[] = [];

  /** @throws InputError naming every option that no fleet can be made of. */
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

  /** The fleet's present: the latest moment it was told of. */
  public get now(): EpochSeconds {
    return this.present;
  }

  /** True from {@link rollOver} until the last instance of the earlier configuration takes no more requests. */
  public get isRollingOver(): boolean {
    return this.roster.isRollingOver;
  }

  /**
   * Wants a number of instances from now on (absolute). Growing launches, shrinking releases; an instance that drains
   * already is not taken back.
   *
   * @throws InputError when the count is not a whole number of at least 0.
   */
  public setDesired(count: number, at: EpochSeconds): void {
    this.changeDesired(count, at, false);
  }

  /** Like {@link setDesired}, but what has to be launched is in service at once: for a run that begins with a warm fleet. */
  public startInService(count: number, at: EpochSeconds): void {
    this.changeDesired(count, at, true);
  }

  /**
   * Says whether a type can be launched from now on. Instances launched before are not touched; the next attempt of a
   * waiting launch (every 60 s) notices that capacity came back.
   *
   * @throws InputError when no pool has the type.
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
   * A request arrives and goes to an instance, or is refused.
   *
   * The answer is also told by events: `completed` or `timed-out` later, or `rejected` at once; count one of the two.
   *
   * @throws InputError when the service time is not a finite number of at least 0.
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
   * instance for each new one that comes into service, and releases old ones still provisioning at once.
   *
   * @throws InputError naming every option that no fleet can be made of.
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

  /** When to come back because something will happen by itself; undefined when nothing will without a new call. */
  public nextEventAt(): EpochSeconds | undefined {
    this.dropReleased();
    const next = Math.min(this.timers.firstAt, this.flow.firstDeadline);
    return next === Infinity ? undefined : next;
  }

  /** Goes to a moment and returns everything that happened since the last call, in order of time. */
  public advanceTo(at: EpochSeconds): FleetEvent[] {
    this.process(at);
    const events = this.events;
    this.events = [];
    return events;
  }

  /** How many there are of what, now. */
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

  /** Requests since the fleet's start. */
  public totals(): FleetTotals {
    const { arrived, completed, timedOut, rejected } = this.flow;
    return { arrived, completed, timedOut, rejected };
  }

  /** The instances that are billed now, oldest first. */
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

  /** Seconds of instance time per type, from launch to termination or to the given moment; every type ever used has an entry. */
  public billedInstanceSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    this.process(at);
    return this.roster.billedSeconds(this.present);
  }

  /**
   * What was measured since the last call (or the start). There is one cursor: let one caller drain, at the shortest
   * period, and join spans with `mergeMetrics` for longer ones.
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

  /** Lets everything happen that is due until a moment. */
  private process(at: EpochSeconds): void {
    if (!Number.isFinite(at)) throw new InputError(`the moment is ${at}; give finite seconds`);
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

  /** Drops timers of instances that were released before they came into service. */
  private dropReleased(): void {
    for (;;) {
      const first = this.timers.first;
      if (first === undefined || first.timer !== 'instance' || first.state === 'provisioning') return;
      this.timers.pop();
    }
  }
}
