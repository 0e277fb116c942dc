import type { EpochSeconds } from '../../../core/time';
import { quantilesOf } from '../endpoints/recent-sketch';
import type { ComponentSnapshot } from '../../snapshot';
import { RollOver } from '../endpoints/roll-over';
import type { ComponentSpecification, CreateComponentRequest } from '../schemas';
import type { Variant } from '../endpoints/variant';
import type { VariantSpec } from '../endpoints/variant-spec';

export type ComponentStatus = 'Creating' | 'InService' | 'Updating' | 'Failed' | 'Deleting';

/** Resources of an instance that one copy needs. */
export interface CopyNeeds {
  readonly accelerators: number;
  readonly cpuCores: number;
}

/** A model on a shared endpoint, or an adapter that runs inside the copies of one. */
export class EmulatedComponent {
  public status: ComponentStatus = 'Creating';
  public failureReason: string | undefined;
  public lastModifiedAt: EpochSeconds;
  private rollOver: RollOver | undefined;

  public constructor(
    public readonly request: CreateComponentRequest,
    public specification: ComponentSpecification,
    /** Its copies, as the instances of a fleet; those of the base component for an adapter. */
    public readonly copies: Variant,
    public readonly base: EmulatedComponent | undefined,
    public readonly createdAt: EpochSeconds,
  ) {
    this.lastModifiedAt = createdAt;
  }

  public get name(): string {
    return this.request.InferenceComponentName;
  }

  public get isAdapter(): boolean {
    return this.base !== undefined;
  }

  public get needs(): CopyNeeds {
    const resources = this.specification.ComputeResourceRequirements;
    const accelerators = resources?.NumberOfAcceleratorDevicesRequired ?? 0;
    return { accelerators, cpuCores: resources?.NumberOfCpuCoresRequired ?? (accelerators === 0 ? 1 : 0) };
  }

  /** Runs the copies that are placed; the others wait. */
  public place(copies: number, at: EpochSeconds): void {
    this.rollOver?.advanceTo(at);
    if (this.rollOver?.isDone === true) this.rollOver = undefined;
    if (this.rollOver === undefined && this.copies.counts().desired !== copies)
      this.copies.fleet.setDesired(copies, at);
  }

  /** Replaces the copies by those of another specification, one at a time. */
  public roll(specification: ComponentSpecification, spec: VariantSpec, at: EpochSeconds): void {
    this.specification = specification;
    const running = this.copies.counts().desired;
    this.rollOver = new RollOver(this.copies.fleet, spec, running, { batch: 1, waitSeconds: 0 }, () => true, at);
  }

  public get isRolling(): boolean {
    return this.rollOver !== undefined;
  }

  /** Updates the status from the copies in service; returns true if it changed. */
  public settle(at: EpochSeconds): boolean {
    const before = this.status;
    if (before === 'Failed' || before === 'Deleting') return false;
    const isSettled = !this.isRolling && this.copies.counts().inService === this.copies.desired;
    if (isSettled) this.status = 'InService';
    else if (before === 'InService') this.status = 'Updating';
    if (this.status !== before) this.lastModifiedAt = at;
    return this.status !== before;
  }

  public snapshot(): ComponentSnapshot {
    const counts = this.copies.counts();
    const snapshot = this.copies.invocations();
    return {
      name: this.name,
      status: this.status,
      desiredCopies: this.copies.desired,
      inServiceCopies: counts.inService,
      startingCopies: counts.provisioning,
      invocations: snapshot,
      latencySeconds: quantilesOf(this.copies.latency),
    };
  }
}
