import type { EpochSeconds } from '../../core/time';
import type { FleetEvent } from './fleet-events';
import { FleetInstance } from './fleet-instance';
import { checkProvisioningSeconds, type CapacityState, type InstancePool, type RollOverOptions } from './fleet-options';

/** The timer that tries again to launch what no pool had capacity for. */
export const CAPACITY_RETRY = { timer: 'capacity-retry' } as const;

/** What the instances need from their fleet. */
export interface InstanceRosterOptions extends Required<RollOverOptions> {
  readonly capacityRetrySeconds: number;
  /** How many instances can be launched beside the live ones. */
  readonly room: () => number;
  /** The instances that take requests; the roster adds and removes them. */
  readonly serving: FleetInstance[];
  /** Sets a timer that comes back through {@link InstanceRoster.enterService} or {@link InstanceRoster.retry}. */
  readonly setTimer: (at: EpochSeconds, subject: FleetInstance | typeof CAPACITY_RETRY) => void;
  readonly emit: (event: FleetEvent) => void;
}

/** The instances of a fleet: launched from pools, put into service, drained, terminated, billed. */
export class InstanceRoster {
  /** Every billed instance, oldest first. */
  public readonly live: FleetInstance[] = [];
  public desired = 0;
  public configuration: Required<RollOverOptions>;

  private readonly options: InstanceRosterOptions;
  private readonly capacity = new Map<string, CapacityState>();
  private readonly billedClosed = new Map<string, number>();
  private generation = 0;
  private launched = 0;
  private retryAt: EpochSeconds | undefined;

  public constructor(options: InstanceRosterOptions) {
    this.options = options;
    this.configuration = this.use(options);
  }

  /** True while an instance of an earlier configuration takes requests. */
  public get isRollingOver(): boolean {
    return this.options.serving.some((instance) => instance.generation < this.generation);
  }

  /** Instances wanted that no pool has capacity for. */
  public get missing(): number {
    return Math.max(0, this.desired - this.current().length);
  }

  public setDesired(count: number, at: EpochSeconds, warm: boolean): void {
    if (count === this.desired) return;
    this.desired = count;
    this.reconcile(at, warm);
  }

  public setCapacity(instanceType: string, state: CapacityState): void {
    this.capacity.set(instanceType, state);
  }

  /** Begins to replace every instance by new ones of another configuration. */
  public rollOver(configuration: Required<RollOverOptions>, at: EpochSeconds): void {
    for (const instance of [...this.live]) {
      if (instance.state === 'provisioning') this.release(instance, at);
    }
    this.configuration = this.use(configuration);
    this.generation++;
    this.reconcile(at, false);
  }

  /** The end of an instance's provisioning; nothing happens when it was released meanwhile. */
  public enterService(instance: FleetInstance, at: EpochSeconds): void {
    if (instance.state !== 'provisioning') return;
    instance.enterService(at);
    this.options.serving.push(instance);
    const { id, instanceType, provisioningSeconds } = instance;
    this.options.emit({ kind: 'instance-in-service', at, instanceId: id, instanceType, provisioningSeconds });
    this.reconcile(at, false);
  }

  /** Another attempt to launch what is missing. */
  public retry(at: EpochSeconds): void {
    this.retryAt = undefined;
    this.reconcile(at, false);
  }

  /** Terminates an instance that drains and has nothing left to finish. */
  public settle(instance: FleetInstance, at: EpochSeconds): void {
    if (instance.state === 'draining' && instance.outstanding === 0) this.terminate(instance, at, false);
  }

  /** Seconds from launch to termination or to the present, per type. */
  public billedSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    const billed = Object.fromEntries(this.billedClosed);
    for (const instance of this.live) billed[instance.instanceType] += at - instance.launchedAt;
    return billed;
  }

  /** Launches what is missing and releases what is too much. */
  private reconcile(at: EpochSeconds, warm: boolean): void {
    const current = this.current();
    if (current.length < this.desired) this.launch(this.desired - current.length, at, warm);
    else this.releaseFirst(current, current.length - this.desired, at);
    if (this.generation === 0) return;
    const inService = current.filter((instance) => instance.state === 'in-service').length;
    const old = this.options.serving.filter((instance) => instance.generation < this.generation);
    this.releaseFirst(old, old.length - Math.max(0, this.desired - inService), at);
  }

  /** Instances of the present configuration that serve or will. */
  private current(): FleetInstance[] {
    return this.live.filter((instance) => instance.generation === this.generation && instance.state !== 'draining');
  }

  private launch(count: number, at: EpochSeconds, warm: boolean): void {
    const { pools } = this.configuration;
    const refusedTypes: string[] = [];
    let missing = count;
    for (const pool of pools) {
      if (this.capacity.get(pool.instanceType) !== 'insufficient') {
        const launches = Math.min(missing, this.options.room());
        for (let launch = 0; launch < launches; launch++) this.launchOne(pool, refusedTypes, at, warm);
        missing -= launches;
      }
      if (missing === 0) return;
      refusedTypes.push(pool.instanceType);
    }
    if (this.retryAt === undefined) {
      this.retryAt = at + this.options.capacityRetrySeconds;
      this.options.setTimer(this.retryAt, CAPACITY_RETRY);
    }
    const { retryAt } = this;
    this.options.emit({ kind: 'capacity-error', at, instanceTypes: refusedTypes, missing, retryAt });
  }

  private launchOne(pool: InstancePool, refusedTypes: readonly string[], at: EpochSeconds, warm: boolean): void {
    const { slotsPerInstance, queueLimitPerInstance, provisioning } = this.configuration;
    const provisioningSeconds = warm ? 0 : checkProvisioningSeconds(provisioning());
    const { instanceType, priority } = pool;
    const instance = new FleetInstance({
      serial: ++this.launched,
      instanceType,
      priority,
      slots: slotsPerInstance,
      queueLimit: queueLimitPerInstance,
      generation: this.generation,
      launchedAt: at,
      provisioningSeconds,
    });
    this.live.push(instance);
    this.options.setTimer(at + provisioningSeconds, instance);
    this.options.emit({ kind: 'instance-launched', at, instanceId: instance.id, instanceType, refusedTypes });
  }

  private releaseFirst(candidates: readonly FleetInstance[], count: number, at: EpochSeconds): void {
    if (count <= 0) return;
    for (const instance of [...candidates].sort(byReleaseOrder).slice(0, count)) this.release(instance, at);
  }

  private release(instance: FleetInstance, at: EpochSeconds): void {
    if (instance.state === 'provisioning') {
      this.terminate(instance, at, true);
      return;
    }
    const { serving } = this.options;
    instance.state = 'draining';
    serving.splice(serving.indexOf(instance), 1);
    const { id, instanceType, outstanding } = instance;
    this.options.emit({ kind: 'instance-draining', at, instanceId: id, instanceType, outstanding });
    this.settle(instance, at);
  }

  private terminate(instance: FleetInstance, at: EpochSeconds, whileProvisioning: boolean): void {
    const { id, instanceType } = instance;
    const billedSeconds = at - instance.launchedAt;
    instance.state = 'terminated';
    this.live.splice(this.live.indexOf(instance), 1);
    this.billedClosed.set(instanceType, (this.billedClosed.get(instanceType) ?? 0) + billedSeconds);
    this.options.emit({
      kind: 'instance-terminated',
      at,
      instanceId: id,
      instanceType,
      billedSeconds,
      whileProvisioning,
    });
  }

  /** A configuration with its pools in order of priority; each type has an entry in the bill from now on. */
  private use(configuration: Required<RollOverOptions>): Required<RollOverOptions> {
    const pools = [...configuration.pools].sort((a, b) => a.priority - b.priority);
    for (const { instanceType } of pools) {
      if (!this.billedClosed.has(instanceType)) this.billedClosed.set(instanceType, 0);
    }
    const { slotsPerInstance, queueLimitPerInstance, provisioning } = configuration;
    return { pools, slotsPerInstance, queueLimitPerInstance, provisioning };
  }
}

/** Provisioning first, then the lowest-priority pool, then the fewest requests, then the youngest. */
function byReleaseOrder(a: FleetInstance, b: FleetInstance): number {
  const aServes = a.state === 'in-service' ? 1 : 0;
  const bServes = b.state === 'in-service' ? 1 : 0;
  return aServes - bServes || b.priority - a.priority || a.outstanding - b.outstanding || b.serial - a.serial;
}
