import type { EpochSeconds } from '../../../core/time';
import type { RequestId } from './fleet-events';
import { Fifo } from './timer-queue';

/** Lifecycle state of an instance; it only moves forward. */
export type InstanceState = 'provisioning' | 'in-service' | 'draining' | 'terminated';

/** Request in a fleet. */
export class FleetRequest {
  public readonly timer = 'request';
  /** `abandoned`: timed out, but occupying its slot until its service ends. */
  public state: 'queued' | 'in-flight' | 'abandoned' | 'done' = 'queued';
  public startedAt: EpochSeconds = -1;
  public finishAt: EpochSeconds = -1;

  public constructor(
    public readonly id: RequestId,
    public readonly arrivedAt: EpochSeconds,
    public readonly serviceSeconds: number,
    public readonly instance: FleetInstance,
    public readonly timeoutSeconds: number,
    public readonly onStart: ((at: EpochSeconds, instanceId: string) => void) | undefined,
  ) {}
}

/** Properties of an instance at its launch. */
export interface InstanceLaunch {
  /** Order of launch in its fleet, from 1. */
  readonly serial: number;
  readonly instanceType: string;
  /** Priority number of its pool. */
  readonly priority: number;
  readonly slots: number;
  readonly queueLimit: number;
  /** Number of roll-overs of the fleet before its launch. */
  readonly generation: number;
  readonly launchedAt: EpochSeconds;
  readonly provisioningSeconds: number;
}

/** Instance of a fleet: slots, the container's queue, and its measurements since the last call of {@link drainMeasurements}. */
export class FleetInstance {
  public readonly timer = 'instance';
  public readonly id: string;
  public readonly serial: number;
  public readonly instanceType: string;
  public readonly priority: number;
  public readonly slots: number;
  public readonly queueLimit: number;
  public readonly generation: number;
  public readonly launchedAt: EpochSeconds;
  public readonly provisioningSeconds: number;
  public state: InstanceState = 'provisioning';
  public inServiceAt: EpochSeconds = -1;
  /** Slots in use, also by abandoned requests. */
  public busySlots = 0;
  /** Requests waiting for a slot. */
  public readonly queue = new Fifo<FleetRequest>();
  /** Requests in flight (abandoned ones included) and queued. */
  public outstanding = 0;
  /** Requests whose callers have given up, and that occupy a slot until their service ends. */
  public abandoned = 0;

  private measuredFrom: EpochSeconds = 0;
  private touchedAt: EpochSeconds = 0;
  private outstandingIntegral = 0;
  private busyIntegral = 0;
  private lowest = 0;
  private highest = 0;

  public constructor(launch: InstanceLaunch) {
    this.serial = launch.serial;
    this.id = `i-${String(launch.serial).padStart(5, '0')}`;
    this.instanceType = launch.instanceType;
    this.priority = launch.priority;
    this.slots = launch.slots;
    this.queueLimit = launch.queueLimit;
    this.generation = launch.generation;
    this.launchedAt = launch.launchedAt;
    this.provisioningSeconds = launch.provisioningSeconds;
  }

  /** Puts the instance into service and starts its measurements. */
  public enterService(at: EpochSeconds): void {
    this.state = 'in-service';
    this.inServiceAt = at;
    this.measuredFrom = at;
    this.touchedAt = at;
  }

  /** Changes the number of requests present and of slots in use, and updates the measurements. */
  public change(at: EpochSeconds, outstandingChange: number, busyChange: number): void {
    this.touch(at);
    this.busySlots += busyChange;
    const outstanding = (this.outstanding += outstandingChange);
    if (outstanding > this.highest) this.highest = outstanding;
    if (outstanding < this.lowest) this.lowest = outstanding;
  }

  /** Returns the time-weighted means and the extremes since the last call, and starts new ones. */
  public drainMeasurements(at: EpochSeconds): {
    readonly meanOutstanding: number;
    readonly lowestOutstanding: number;
    readonly highestOutstanding: number;
    readonly busyShare: number;
  } {
    this.touch(at);
    const seconds = at - this.measuredFrom;
    const measured = {
      meanOutstanding: seconds > 0 ? this.outstandingIntegral / seconds : this.outstanding,
      lowestOutstanding: this.lowest,
      highestOutstanding: this.highest,
      busyShare: (seconds > 0 ? this.busyIntegral / seconds : this.busySlots) / this.slots,
    };
    this.measuredFrom = at;
    this.outstandingIntegral = 0;
    this.busyIntegral = 0;
    this.lowest = this.outstanding;
    this.highest = this.outstanding;
    return measured;
  }

  private touch(at: EpochSeconds): void {
    const seconds = at - this.touchedAt;
    if (seconds > 0) {
      this.outstandingIntegral += seconds * this.outstanding;
      this.busyIntegral += seconds * this.busySlots;
      this.touchedAt = at;
    }
  }
}
