import { findInstanceType } from '../../../catalog/instance-types';
import type { EpochSeconds } from '../../../core/time';
import type { CopyNeeds, InferenceComponent } from './inference-component';
import type { Variant } from './variant';
import type { ManagedScaling } from './variant-spec';

/** SageMaker's words where the copies of a component can never run. */
const NO_ROOM =
  'There is not enough hardware resources on the instances to satisfy the ComputeResourceRequirements: every instance that ' +
  'MaxInstanceCount allows is in service';

/** What is left of one instance. */
interface Room {
  accelerators: number;
  cpuCores: number;
}

/**
 * The copies of the components on the instances of one variant, and how many instances they need.
 *
 * Copies go to the first instance with room, those of the most wanted pool and the oldest first, so that the instances that are released
 * first empty first. Instances come at once when a copy has no place; they go when they have been idle for the cooldown, as with
 * `IDLE_RELEASE`. Source: API reference, ProductionVariantManagedInstanceScaling.
 */
export class ComponentPlacement {
  public components: InferenceComponent[] = [];
  private places = new Map<string, Map<InferenceComponent, number>>();
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

  private placesOf(component: InferenceComponent): number {
    let count = 0;
    for (const onInstance of this.places.values()) count += onInstance.get(component) ?? 0;
    return count;
  }

  /** Gives every copy a place where there is room, and returns the components of those without, once for each copy. */
  private place(variant: Variant): InferenceComponent[] {
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
        this.places.get(instanceId) ?? new Map<InferenceComponent, number>(),
      ]),
    );
    const rooms = new Map(instances.map(({ instanceId, instanceType }) => [instanceId, roomOf(instanceType)]));
    for (const [instanceId, onInstance] of this.places) {
      for (const component of onInstance.keys()) if (!this.components.includes(component)) onInstance.delete(component);
      for (const [component, count] of onInstance) take(rooms.get(instanceId)!, component.needs, count);
    }
    const unplaced: InferenceComponent[] = [];
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

  private scaleInstances(variant: Variant, unplaced: readonly InferenceComponent[], at: EpochSeconds): void {
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

  /** No further instance will come. */
  private isFull(variant: Variant): boolean {
    return variant.counts().inService >= this.managed.maximum;
  }

  private failNew(unplaced: readonly InferenceComponent[], at: EpochSeconds): void {
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

/** Instances of the most wanted type that hold these copies; a copy that fits none of them counts one. */
function instancesFor(copies: readonly InferenceComponent[], variant: Variant): number {
  const type = [...variant.spec.pools].sort((a, b) => a.priority - b.priority)[0]!.instanceType;
  const rooms: Room[] = [];
  for (const { needs } of copies) {
    let room = rooms.find((one) => fits(one, needs));
    if (room === undefined) rooms.push((room = roomOf(type)));
    take(room, needs, 1);
  }
  return rooms.length;
}
