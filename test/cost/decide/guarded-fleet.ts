import type { FleetSeen, GuardAction, GuardedFleet } from '../../../lib/cost/decide';
import type { CapacityLimits } from '../../../lib/scaling/decide/limits';

/**
 * A fleet minute by minute, as a service keeps it: the capacity follows the demand within the limits, launched instances are billed at
 * once, and instances that leave are billed for a minute more.
 */
export class SimulatedFleet {
  public limits: CapacityLimits;
  /** Cost of all instances so far. */
  public billedUsd = 0;
  /** Cost that the demand had without a guard, at the dearest price, never below the floor. */
  public demandUsd = 0;
  public current: number;
  private desired: number;

  /** @param priceUsd price of the type that the instances have, one of the fleet's */
  public constructor(
    private readonly fleet: GuardedFleet,
    private readonly instanceType: string,
  ) {
    this.limits = { minCapacity: fleet.minCapacity, maxCapacity: fleet.maxCapacity };
    this.desired = fleet.minCapacity;
    this.current = fleet.minCapacity;
  }

  /** Passes a minute with a demand for instances. */
  public passMinute(demand: number): void {
    const { minCapacity, maxCapacity } = this.limits;
    const before = this.desired;
    this.desired = Math.min(maxCapacity, Math.max(minCapacity, demand));
    this.current = Math.max(before, this.desired);
    this.billedUsd += (this.current * this.fleet.pricesPerHourUsd[this.instanceType]!) / 60;
    const wanted = Math.min(
      this.fleet.maxCapacity,
      Math.max(this.fleet.minCapacity, this.fleet.protectedFloor, demand),
    );
    this.demandUsd += (wanted * Math.max(...Object.values(this.fleet.pricesPerHourUsd))) / 60;
  }

  /** True if no instance is above the floor. */
  public get isAtFloor(): boolean {
    return this.current <= this.fleet.protectedFloor;
  }

  public seen(): FleetSeen {
    return {
      resourceId: this.fleet.resourceId,
      capacity: {
        currentByType: { [this.instanceType]: this.current },
        currentCapacity: this.current,
        desiredCapacity: this.desired,
      },
      limits: { kind: 'in-force', ...this.limits },
    };
  }

  public apply(actions: readonly GuardAction[]): void {
    for (const { resourceId, minCapacity, maxCapacity } of actions)
      if (resourceId === this.fleet.resourceId) this.limits = { minCapacity, maxCapacity };
  }
}
