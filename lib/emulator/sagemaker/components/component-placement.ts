import { findInstanceType } from '../../../catalog/instance-types';
import type { EpochSeconds } from '../../../core/time';
import type { CopyNeeds, EmulatedComponent } from './inference-component';
import type { Variant } from '../endpoints/variant';
import type { ManagedScaling } from '../endpoints/variant-spec';

/** SageMaker's message when the copies of a component can never be placed. */
const NO_ROOM =
  'There is not enough hardware resources on the instances to satisfy the ComputeResourceRequirements: every instance that ' +
  'MaxInstanceCount allows is in service';

/** Free resources of one instance. */
interface Room {
  accelerators: number;
  cpuCores: number;
}

/**
 * Placement of the components' copies on the instances of one variant, and the number of instances that they need.
 *
 * A copy is placed on the first instance with room, in order of the pools' priority and of the instances' age, so that the instances that are
 * released first are emptied first. A copy without room launches an instance at once; an instance is released when it has been idle for the
 * cooldown, as with `IDLE_RELEASE`. Source: API reference, ProductionVariantManagedInstanceScaling.
 */
export class ComponentPlacement {
  public components: EmulatedComponent[] = [];
  private places = new Map<string, Map<EmulatedComponent, number>>();
  private idleSince: EpochSeconds | undefined;

  public constructor(
    private readonly variant: () => Variant | undefined,
    private readonly managed: ManagedScaling,
    private readonly onChange: () => void,
  ) {}

  public nextEventAt(): EpochSeconds | undefined {
    const moments = this.components
      .filter(({ isAdapter }) => !isAdapter)
      .map(({ copies }) => copies.fleet.nextEventAt());
    if (this.idleSince !== undefined) moments.push(this.idleSince + this.managed.cooldownSeconds);
    return moments.reduce(
      (first, at) => (at !== undefined && (first === undefined || at < first) ? at : first),
      undefined,
    );
  }

  public advanceTo(at: EpochSeconds): void {
    const variant = this.variant();
    if (variant === undefined) return;
    const owners = this.components.filter(({ isAdapter }) => !isAdapter);
    for (const { copies } of owners) copies.advanceTo(at);
    const unplaced = this.place(variant);
    for (const component of owners) component.place(this.placesOf(component), at);
    this.scaleInstances(variant, unplaced, at);
    if (unplaced.length > 0 && this.isFull(variant)) this.failNew(unplaced, at);
    const gone = owners.filter(({ status, copies }) => status === 'Deleting' && copies.fleet.isEmpty());
    const left = this.components.filter((one) => !gone.includes(one) && (one.status !== 'Deleting' || !one.isAdapter));
    const changed = this.components.filter((component) => component.settle(at));
    const isFewer = left.length < this.components.length;
    this.components = left;
    if (changed.length > 0 || isFewer) this.onChange();
  }

  private placesOf(component: EmulatedComponent): number {
    let count = 0;
    for (const onInstance of this.places.values()) count += onInstance.get(component) ?? 0;
    return count;
  }

  /** Places every copy for which there is room, and returns the components of the others, once for each copy. */
  private place(variant: Variant): EmulatedComponent[] {
    const priority = new Map(variant.spec.pools.map((pool) => [pool.instanceType, pool.priority]));
    const instances = variant.fleet
      .instances()
      .filter(({ state }) => state === 'in-service')
      .sort(
        (a, b) =>
          (priority.get(a.instanceType) ?? 0) - (priority.get(b.instanceType) ?? 0) || a.launchedAt - b.launchedAt,
      );
    this.places = new Map(
      instances.map(({ instanceId }) => [
        instanceId,
        this.places.get(instanceId) ?? new Map<EmulatedComponent, number>(),
      ]),
    );
    const rooms = new Map(instances.map(({ instanceId, instanceType }) => [instanceId, roomOf(instanceType)]));
    for (const [instanceId, onInstance] of this.places) {
      for (const component of onInstance.keys()) if (!this.components.includes(component)) onInstance.delete(component);
      for (const [component, count] of onInstance) take(rooms.get(instanceId)!, component.needs, count);
    }
    const unplaced: EmulatedComponent[] = [];
    for (const component of this.components.filter(({ isAdapter }) => !isAdapter)) {
      let missing = component.copies.desired - this.placesOf(component);
      for (const onInstance of [...this.places.values()].reverse()) {
        const present = onInstance.get(component) ?? 0;
        const leaving = Math.min(present, Math.max(0, -missing));
        if (leaving === present) onInstance.delete(component);
        else onInstance.set(component, present - leaving);
        missing += leaving;
      }
      for (const [instanceId, onInstance] of this.places) {
        const room = rooms.get(instanceId)!;
        while (missing > 0 && fits(room, component.needs)) {
          take(room, component.needs, 1);
          onInstance.set(component, (onInstance.get(component) ?? 0) + 1);
          missing--;
        }
      }
      for (; missing > 0; missing--) unplaced.push(component);
    }
    return unplaced;
  }

  private scaleInstances(variant: Variant, unplaced: readonly EmulatedComponent[], at: EpochSeconds): void {
    const { minimum, maximum, cooldownSeconds } = this.managed;
    const inService = this.places.size;
    const wanted = Math.min(maximum, Math.max(minimum, inService + instancesFor(unplaced, variant)));
    if (wanted > variant.desired) variant.setDesired(wanted, at);
    const idle = [...this.places.values()].reverse().findIndex((onInstance) => onInstance.size > 0);
    const releasable = Math.min(
      idle === -1 ? inService : idle,
      variant.desired - Math.max(minimum, wanted - inService),
    );
    if (releasable <= 0 || unplaced.length > 0 || variant.counts().provisioning > 0) {
      this.idleSince = undefined;
    } else if (this.idleSince === undefined) {
      this.idleSince = at;
    } else if (at >= this.idleSince + cooldownSeconds) {
      this.idleSince = undefined;
      variant.setDesired(Math.max(minimum, variant.desired - releasable), at);
    }
  }

  /** True if no further instance can be launched. */
  private isFull(variant: Variant): boolean {
    return variant.counts().inService >= this.managed.maximum;
  }

  private failNew(unplaced: readonly EmulatedComponent[], at: EpochSeconds): void {
    for (const component of unplaced) {
      if (component.status !== 'Creating') continue;
      component.status = 'Failed';
      component.failureReason = NO_ROOM;
      component.lastModifiedAt = at;
      this.onChange();
    }
  }
}

function roomOf(instanceType: string): Room {
  const type = findInstanceType(instanceType);
  return { accelerators: type?.accelerator?.count ?? 0, cpuCores: type?.vcpus ?? 0 };
}

const fits = (room: Room, needs: CopyNeeds): boolean =>
  room.accelerators >= needs.accelerators && room.cpuCores >= needs.cpuCores;

function take(room: Room, needs: CopyNeeds, copies: number): void {
  room.accelerators -= copies * needs.accelerators;
  room.cpuCores -= copies * needs.cpuCores;
}

/** Number of instances of the first pool's type that hold these copies; a copy too large for one counts one. */
function instancesFor(copies: readonly EmulatedComponent[], variant: Variant): number {
  const type = [...variant.spec.pools].sort((a, b) => a.priority - b.priority)[0]!.instanceType;
  const rooms: Room[] = [];
  for (const { needs } of copies) {
    let room = rooms.find((one) => fits(one, needs));
    if (room === undefined) rooms.push((room = roomOf(type)));
    take(room, needs, 1);
  }
  return rooms.length;
}
