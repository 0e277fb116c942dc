import type { EpochSeconds } from '../../../core/time';
import { BilledTime } from '../billed-time';
import { checkProvisioningSeconds, type CapacityState, type FleetPool } from '../fleet-options';
import { byPriority, LaunchOrder } from '../launch-order';
import { inReleaseOrder } from '../release-order';

/** Event of an instance, or a failed launch. */
export type EngineEvent =
  | {
      readonly kind: 'launched' | 'in-service' | 'draining' | 'terminated';
      readonly at: EpochSeconds;
      readonly instanceType: string;
      /** Types of preferred pools without capacity at its launch. */
      readonly refusedTypes: readonly string[];
    }
  | {
      readonly kind: 'capacity-error';
      readonly at: EpochSeconds;
      readonly refusedTypes: readonly string[];
      /** Number of instances that no pool had capacity for. */
      readonly missing: number;
    };

/** Settings of the roster, and its access to the engine, which identifies instances by their place. */
export interface EngineRosterOptions {
  readonly pools: readonly FleetPool[];
  readonly provisioning: () => number;
  readonly capacityRetrySeconds: number;
  /** Returns the requests present in the instance at a place. */
  readonly outstanding: (place: number) => number;
  /** Returns those of them whose callers wait. */
  readonly callers: (place: number) => number;
  /** Called for a released instance that no caller waits for; ends with {@link EngineRoster.vacated}. */
  readonly vacate: (place: number, at: EpochSeconds) => void;
  /** Called when the instance at a place begins to accept requests. */
  readonly enter: (place: number, at: EpochSeconds) => void;
  /** Called when the instance at a place stops accepting requests. */
  readonly leave: (place: number, at: EpochSeconds) => void;
}

interface EngineInstance {
  readonly place: number;
  readonly serial: number;
  readonly instanceType: string;
  readonly priority: number;
  readonly launchedAt: EpochSeconds;
  readonly readyAt: EpochSeconds;
  readonly refusedTypes: readonly string[];
  state: 'provisioning' | 'in-service' | 'draining';
  drainsFrom: EpochSeconds;
}

/** Instances that were released while requests ran in them. */
export interface Drains {
  /** Number of those instances. */
  instances: number;
  /** Requests that ran or waited in them. */
  requests: number;
  /** Those of them whose callers gave up before they were answered. */
  givenUp: number;
  /** Seconds from release to end, of all those instances together, and of the longest drain. */
  seconds: number;
  longestSeconds: number;
}

const NO_EVENTS: readonly EngineEvent[] = [];

/** Instances of an engine: launched from pools, put into service, drained, terminated, billed; by the rules of `EndpointFleet`. */
export class EngineRoster {
  public desired = 0;
  public provisioning = 0;
  public draining = 0;
  public inService = 0;
  public readonly drains: Drains = { instances: 0, requests: 0, givenUp: 0, seconds: 0, longestSeconds: 0 };
  /** Moment at which an instance comes into service or a launch is retried; Infinity if neither is due. */
  public nextAt = Infinity;

  private readonly pools: readonly FleetPool[];
  private readonly live: EngineInstance[] = [];
  private readonly byPlace: (EngineInstance | undefined)[] = [];
  private readonly freePlaces: number[] = [];
  private readonly launches = new LaunchOrder();
  private readonly billedTime = new BilledTime();
  private launched = 0;
  private retryAt = Infinity;
  private events: EngineEvent[] = [];

  public constructor(private readonly options: EngineRosterOptions) {
    this.pools = byPriority(options.pools);
    for (const { instanceType } of this.pools) this.billedTime.cover(instanceType);
  }

  /** Number of billed instances: provisioning, in service or draining. */
  public get billed(): number {
    return this.live.length;
  }

  /** Number of desired instances that no pool has capacity for. */
  public get missing(): number {
    return Math.max(0, this.desired - this.provisioning - this.inService);
  }

  /** The number of places ever used. */
  public get places(): number {
    return this.byPlace.length;
  }

  public setDesired(count: number, at: EpochSeconds, warm: boolean): void {
    if (count === this.desired) return;
    this.desired = count;
    this.reconcile(at, warm);
  }

  public setCapacity(instanceType: string, state: CapacityState): void {
    this.launches.setCapacity(instanceType, state);
  }

  /** Puts instances that are ready into service, and retries launches. */
  public advanceTo(at: EpochSeconds): void {
    while (this.nextAt <= at) {
      const due = this.nextAt;
      if (this.retryAt <= due) {
        this.retryAt = Infinity;
        this.reconcile(due, false);
      } else {
        const ready = this.live.find((instance) => instance.state === 'provisioning' && instance.readyAt <= due)!;
        this.enter(ready, due);
      }
      this.schedule();
    }
  }

  /** True while the instance at a place is billed. */
  public isBilled(place: number): boolean {
    return this.byPlace[place] !== undefined;
  }

  /** Terminates a draining instance that no caller waits for; its place is free once nothing runs there any more. */
  public vacated(place: number, at: EpochSeconds): void {
    const instance = this.byPlace[place];
    if (instance !== undefined) this.terminate(instance, at);
    else if (this.options.outstanding(place) === 0) this.freePlaces.push(place);
  }

  /** Returns the billed seconds per type up to a moment; every type of a pool has an entry. */
  public billedSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    return this.billedTime.until(at, this.live);
  }

  /** Returns the billed instances per type; every type of a pool has an entry. */
  public countsByType(): { [instanceType: string]: number } {
    const counts: { [instanceType: string]: number } = {};
    for (const { instanceType } of this.pools) counts[instanceType] = 0;
    for (const { instanceType } of this.live) counts[instanceType]++;
    return counts;
  }

  public takeEvents(): readonly EngineEvent[] {
    const { events } = this;
    if (events.length === 0) return NO_EVENTS;
    this.events = [];
    return events;
  }

  private reconcile(at: EpochSeconds, warm: boolean): void {
    const current = this.provisioning + this.inService;
    if (current < this.desired) this.launch(this.desired - current, at, warm);
    else if (current > this.desired) this.release(current - this.desired, at);
    this.schedule();
  }

  private launch(count: number, at: EpochSeconds, warm: boolean): void {
    const shortfall = this.launches.launch(
      this.pools,
      count,
      () => Infinity,
      (pool, refusedTypes) => this.launchOne(pool, refusedTypes, at, warm),
    );
    if (shortfall === undefined) return;
    if (this.retryAt === Infinity) this.retryAt = at + this.options.capacityRetrySeconds;
    this.events.push({ kind: 'capacity-error', at, ...shortfall });
  }

  private launchOne(pool: FleetPool, refusedTypes: readonly string[], at: EpochSeconds, warm: boolean): void {
    const seconds = warm ? 0 : checkProvisioningSeconds(this.options.provisioning());
    const place = this.freePlaces.pop() ?? this.byPlace.length;
    const instance: EngineInstance = {
      place,
      serial: ++this.launched,
      instanceType: pool.instanceType,
      priority: pool.priority,
      launchedAt: at,
      readyAt: at + seconds,
      refusedTypes,
      state: 'provisioning',
      drainsFrom: Infinity,
    };
    this.byPlace[place] = instance;
    this.live.push(instance);
    this.provisioning++;
    this.record('launched', instance, at);
    if (seconds === 0) this.enter(instance, at);
  }

  private enter(instance: EngineInstance, at: EpochSeconds): void {
    instance.state = 'in-service';
    this.provisioning--;
    this.inService++;
    this.record('in-service', instance, at);
    this.options.enter(instance.place, at);
  }

  private release(count: number, at: EpochSeconds): void {
    const { outstanding, callers } = this.options;
    const present = this.live.filter(({ state }) => state !== 'draining');
    const ordered = inReleaseOrder(present, ({ place }) => outstanding(place));
    for (const instance of ordered.slice(0, count)) {
      if (instance.state === 'provisioning') {
        this.provisioning--;
        this.end(instance, at);
        continue;
      }
      instance.state = 'draining';
      this.inService--;
      this.draining++;
      instance.drainsFrom = at;
      this.record('draining', instance, at);
      this.options.leave(instance.place, at);
      const requests = callers(instance.place);
      if (requests === 0) this.options.vacate(instance.place, at);
      else {
        this.drains.instances++;
        this.drains.requests += requests;
      }
    }
  }

  private terminate(instance: EngineInstance, at: EpochSeconds): void {
    const seconds = at - instance.drainsFrom;
    this.drains.seconds += seconds;
    this.drains.longestSeconds = Math.max(this.drains.longestSeconds, seconds);
    this.draining--;
    this.end(instance, at);
  }

  private end(instance: EngineInstance, at: EpochSeconds): void {
    const { instanceType, place, launchedAt } = instance;
    this.live.splice(this.live.indexOf(instance), 1);
    this.byPlace[place] = undefined;
    if (!(this.options.outstanding(place) > 0)) this.freePlaces.push(place);
    this.billedTime.close(instanceType, at - launchedAt);
    this.record('terminated', instance, at);
  }

  private schedule(): void {
    let next = this.retryAt;
    if (this.provisioning > 0) {
      for (const { state, readyAt } of this.live) if (state === 'provisioning' && readyAt < next) next = readyAt;
    }
    this.nextAt = next;
  }

  private record(
    kind: 'launched' | 'in-service' | 'draining' | 'terminated',
    instance: EngineInstance,
    at: EpochSeconds,
  ): void {
    const { instanceType, refusedTypes } = instance;
    this.events.push({ kind, at, instanceType, refusedTypes });
  }
}
