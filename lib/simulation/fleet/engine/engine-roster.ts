import type { EpochSeconds } from '../../../core/time';
import { checkProvisioningSeconds, type CapacityState, type InstancePool } from '../fleet-options';

/** Something that happened to instances, in order of time. */
export type EngineEvent =
  | {
      readonly kind: 'launched' | 'in-service' | 'draining' | 'terminated';
      readonly at: EpochSeconds;
      readonly instanceType: string;
      /** Types of preferred pools that had no capacity when it was launched. */
      readonly refusedTypes: readonly string[];
    }
  | {
      readonly kind: 'capacity-error';
      readonly at: EpochSeconds;
      readonly refusedTypes: readonly string[];
      /** Instances wanted that no pool had capacity for. */
      readonly missing: number;
    };

/** What the roster needs of its engine, which knows instances by place. */
export interface EngineRosterOptions {
  readonly pools: readonly InstancePool[];
  readonly provisioning: () => number;
  readonly capacityRetrySeconds: number;
  /** Requests present in the instance at a place. */
  readonly outstanding: (place: number) => number;
  /** The instance at a place takes requests from now on. */
  readonly enter: (place: number, at: EpochSeconds) => void;
  /** The instance at a place takes no more requests. */
  readonly leave: (place: number, at: EpochSeconds) => void;
}

interface EngineInstance {
  readonly place: number;
  readonly serial: number;
  readonly pool: InstancePool;
  readonly launchedAt: EpochSeconds;
  readonly readyAt: EpochSeconds;
  readonly refusedTypes: readonly string[];
  state: 'provisioning' | 'in-service' | 'draining';
}

/** The instances of an engine: launched from pools, put into service, drained, terminated, billed; by the rules of `EndpointFleet`. */
export class EngineRoster {
  public desired = 0;
  public provisioning = 0;
  public draining = 0;
  public inService = 0;
  /** When an instance comes into service or another launch is tried; Infinity when neither is due. */
  public nextAt = Infinity;

  private readonly pools: readonly InstancePool[];
  private readonly live: EngineInstance[] = [];
  private readonly byPlace: (EngineInstance | undefined)[] = [];
  private readonly freePlaces: number[] = [];
  private readonly capacity = new Map<string, CapacityState>();
  private readonly billedClosed = new Map<string, number>();
  private launched = 0;
  private retryAt = Infinity;
  private events: EngineEvent[] = [];

  public constructor(private readonly options: EngineRosterOptions) {
    this.pools = [...options.pools].sort((a, b) => a.priority - b.priority);
    for (const { instanceType } of this.pools) this.billedClosed.set(instanceType, 0);
  }

  /** Billed instances: provisioning, in service or draining. */
  public get billed(): number {
    return this.live.length;
  }

  /** Instances wanted that no pool has capacity for. */
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
    this.capacity.set(instanceType, state);
  }

  /** Puts into service what is ready, and tries launches again. */
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

  /** A draining instance has finished its last request. */
  public emptied(place: number, at: EpochSeconds): void {
    const instance = this.byPlace[place];
    if (instance?.state === 'draining') this.terminate(instance, at);
  }

  /** Seconds from launch to termination or to a moment, per type; every type of a pool has an entry. */
  public billedSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    const billed = Object.fromEntries(this.billedClosed);
    for (const { pool, launchedAt } of this.live) billed[pool.instanceType] += Math.max(0, at - launchedAt);
    return billed;
  }

  /** Billed instances per type; every type of a pool has an entry. */
  public countsByType(): { [instanceType: string]: number } {
    const counts: { [instanceType: string]: number } = {};
    for (const { instanceType } of this.pools) counts[instanceType] = 0;
    for (const { pool } of this.live) counts[pool.instanceType]++;
    return counts;
  }

  public takeEvents(): EngineEvent[] {
    const { events } = this;
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
    const refusedTypes: string[] = [];
    for (const pool of this.pools) {
      if (this.capacity.get(pool.instanceType) === 'insufficient') {
        refusedTypes.push(pool.instanceType);
        continue;
      }
      for (let launch = 0; launch < count; launch++) this.launchOne(pool, refusedTypes, at, warm);
      return;
    }
    if (this.retryAt === Infinity) this.retryAt = at + this.options.capacityRetrySeconds;
    this.events.push({ kind: 'capacity-error', at, refusedTypes, missing: count });
  }

  private launchOne(pool: InstancePool, refusedTypes: readonly string[], at: EpochSeconds, warm: boolean): void {
    const seconds = warm ? 0 : checkProvisioningSeconds(this.options.provisioning());
    const place = this.freePlaces.pop() ?? this.byPlace.length;
    const instance: EngineInstance = {
      place,
      serial: ++this.launched,
      pool,
      launchedAt: at,
      readyAt: at + seconds,
      refusedTypes,
      state: 'provisioning',
    };
    this.byPlace[place] = instance;
    this.live.push(instance);
    this.provisioning++;
    this.tell('launched', instance, at);
    if (seconds === 0) this.enter(instance, at);
  }

  private enter(instance: EngineInstance, at: EpochSeconds): void {
    instance.state = 'in-service';
    this.provisioning--;
    this.inService++;
    this.tell('in-service', instance, at);
    this.options.enter(instance.place, at);
  }

  /** Provisioning first, then the lowest-priority pool, then the fewest requests, then the youngest. */
  private release(count: number, at: EpochSeconds): void {
    const { outstanding } = this.options;
    const present = this.live.filter(({ state }) => state !== 'draining');
    const load = new Map(
      present.map((instance) => [instance, instance.state === 'in-service' ? outstanding(instance.place) : 0]),
    );
    const serves = ({ state }: EngineInstance): number => (state === 'in-service' ? 1 : 0);
    present.sort(
      (a, b) =>
        serves(a) - serves(b) ||
        b.pool.priority - a.pool.priority ||
        load.get(a)! - load.get(b)! ||
        b.serial - a.serial,
    );
    for (const instance of present.slice(0, count)) {
      if (instance.state === 'provisioning') {
        this.provisioning--;
        this.end(instance, at);
        continue;
      }
      instance.state = 'draining';
      this.inService--;
      this.draining++;
      this.tell('draining', instance, at);
      this.options.leave(instance.place, at);
      if (outstanding(instance.place) === 0) this.terminate(instance, at);
    }
  }

  private terminate(instance: EngineInstance, at: EpochSeconds): void {
    this.draining--;
    this.end(instance, at);
  }

  private end(instance: EngineInstance, at: EpochSeconds): void {
    const { pool, place, launchedAt } = instance;
    this.live.splice(this.live.indexOf(instance), 1);
    this.byPlace[place] = undefined;
    this.freePlaces.push(place);
    this.billedClosed.set(pool.instanceType, (this.billedClosed.get(pool.instanceType) ?? 0) + at - launchedAt);
    this.tell('terminated', instance, at);
  }

  private schedule(): void {
    let next = this.retryAt;
    if (this.provisioning > 0) {
      for (const { state, readyAt } of this.live) if (state === 'provisioning' && readyAt < next) next = readyAt;
    }
    this.nextAt = next;
  }

  private tell(
    kind: 'launched' | 'in-service' | 'draining' | 'terminated',
    instance: EngineInstance,
    at: EpochSeconds,
  ): void {
    const { pool, refusedTypes } = instance;
    this.events.push({ kind, at, instanceType: pool.instanceType, refusedTypes });
  }
}
