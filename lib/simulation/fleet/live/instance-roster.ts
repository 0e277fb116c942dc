import type { EpochSeconds } from '../../../core/time';
import type { FleetEvent } from './fleet-events';
import { FleetInstance } from './fleet-instance';
import { BilledTime } from '../billed-time';
import { checkProvisioningSeconds, type CapacityState, type FleetPool, type RollOverOptions } from '../fleet-options';
import { byPriority, LaunchOrder } from '../launch-order';
import { inReleaseOrder } from '../release-order';

/** Timer of the next attempt to launch instances that no pool had capacity for. */
export const CAPACITY_RETRY = { timer: 'capacity-retry' } as const;

/** Settings of the roster, and its access to the fleet. */
export interface InstanceRosterOptions extends Required<RollOverOptions> {
  readonly capacityRetrySeconds: number;
  /** Returns the maximum number of further instances. */
  readonly room: () => number;
  /** Instances in service; the roster adds and removes them. */
  readonly serving: FleetInstance[];
  /** Sets a timer that ends with {@link InstanceRoster.enterService} or {@link InstanceRoster.retry}. */
  readonly setTimer: (at: EpochSeconds, subject: FleetInstance | typeof CAPACITY_RETRY) => void;
  readonly emit: (event: FleetEvent) => void;
}

/** Instances of a fleet: launched from pools, put into service, drained, terminated, billed. */
export class InstanceRoster {
  /** Billed instances, oldest first. */
  public readonly live: FleetInstance[] = [];
  public desired = 0;
  public configuration: Required<RollOverOptions>;

  private readonly options: InstanceRosterOptions;
  private readonly launches = new LaunchOrder();
  private readonly billed = new BilledTime();
  private generation = 0;
  private launched = 0;
  private retryAt: EpochSeconds | undefined;

  public constructor(options: InstanceRosterOptions) {
    this.options = options;
    this.configuration = this.use(options);
  }

  /** True while an instance of an earlier configuration is in service. */
  public get isRollingOver(): boolean {
    return this.options.serving.some((instance) => instance.generation < this.generation);
  }

  /** Number of desired instances that no pool has capacity for. */
  public get missing(): number {
    return Math.max(0, this.desired - this.current().length);
  }

  public setDesired(count: number, at: EpochSeconds, warm: boolean): void {
    if (count === this.desired) return;
    this.desired = count;
    this.reconcile(at, warm);
  }

  public setCapacity(instanceType: string, state: CapacityState): void {
    this.launches.setCapacity(instanceType, state);
  }

  /** Starts to replace every instance by one of another configuration. */
  public rollOver(configuration: Required<RollOverOptions>, at: EpochSeconds): void {
    for (const instance of [...this.live]) {
      if (instance.state === 'provisioning') this.release(instance, at);
    }
    this.configuration = this.use(configuration);
    this.generation++;
    this.reconcile(at, false);
  }

  /** Puts a provisioned instance into service, unless it was released meanwhile. */
  public enterService(instance: FleetInstance, at: EpochSeconds): void {
    if (instance.state !== 'provisioning') return;
    instance.enterService(at);
    this.options.serving.push(instance);
    const { id, instanceType, provisioningSeconds } = instance;
    this.options.emit({ kind: 'instance-in-service', at, instanceId: id, instanceType, provisioningSeconds });
    this.reconcile(at, false);
  }

  /** Retries the launch of missing instances. */
  public retry(at: EpochSeconds): void {
    this.retryAt = undefined;
    this.reconcile(at, false);
  }

  /** Terminates a draining instance that no caller waits for. */
  public settle(instance: FleetInstance, at: EpochSeconds): void {
    if (instance.state === 'draining' && instance.outstanding === instance.abandoned)
      this.terminate(instance, at, false);
  }

  /** Returns the billed seconds per type up to a moment. */
  public billedSeconds(at: EpochSeconds): { [instanceType: string]: number } {
    return this.billed.until(at, this.live);
  }

  /** Launches missing instances and releases surplus ones. */
  private reconcile(at: EpochSeconds, warm: boolean): void {
    const current = this.current();
    if (current.length < this.desired) this.launch(this.desired - current.length, at, warm);
    else this.releaseFirst(current, current.length - this.desired, at);
    if (this.generation === 0) return;
    const inService = current.filter((instance) => instance.state === 'in-service').length;
    const old = this.options.serving.filter((instance) => instance.generation < this.generation);
    this.releaseFirst(old, old.length - Math.max(0, this.desired - inService), at);
  }

  /** Returns the instances of the current configuration, in service or provisioning. */
  private current(): FleetInstance[] {
    return this.live.filter((instance) => instance.generation === this.generation && instance.state !== 'draining');
  }

  private launch(count: number, at: EpochSeconds, warm: boolean): void {
    const shortfall = this.launches.launch(this.configuration.pools, count, this.options.room, (pool, refusedTypes) =>
      this.launchOne(pool, refusedTypes, at, warm),
    );
    if (shortfall === undefined) return;
    if (this.retryAt === undefined) {
      this.retryAt = at + this.options.capacityRetrySeconds;
      this.options.setTimer(this.retryAt, CAPACITY_RETRY);
    }
    const { retryAt } = this;
    const { refusedTypes, missing } = shortfall;
    this.options.emit({ kind: 'capacity-error', at, instanceTypes: refusedTypes, missing, retryAt });
  }

  private launchOne(pool: FleetPool, refusedTypes: readonly string[], at: EpochSeconds, warm: boolean): void {
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
    const ordered = inReleaseOrder(candidates, ({ outstanding }) => outstanding);
    for (const instance of ordered.slice(0, count)) this.release(instance, at);
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
    this.billed.close(instanceType, billedSeconds);
    this.options.emit({
      kind: 'instance-terminated',
      at,
      instanceId: id,
      instanceType,
      billedSeconds,
      whileProvisioning,
    });
  }

  /** Returns a configuration with its pools in order of priority, and adds its types to the bill. */
  private use(configuration: Required<RollOverOptions>): Required<RollOverOptions> {
    const pools = byPriority(configuration.pools);
    for (const { instanceType } of pools) this.billed.cover(instanceType);
    const { slotsPerInstance, queueLimitPerInstance, provisioning } = configuration;
    return { pools, slotsPerInstance, queueLimitPerInstance, provisioning };
  }
}
