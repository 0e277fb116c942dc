import type { EpochSeconds } from '../../../core/time';
import type { DeploymentConfig } from '../schemas';
import type { VariantFleet } from './variant-fleet';
import type { VariantSpec } from './variant-spec';

type CapacitySize = { readonly Type: 'INSTANCE_COUNT' | 'CAPACITY_PERCENT'; readonly Value: number };

/** Pace at which an update replaces the old instances. */
export interface RollOverPace {
  /** Number of instances replaced at a time. */
  readonly batch: number;
  /** Seconds for which a batch is monitored before the old instances of the batch terminate. */
  readonly waitSeconds: number;
}

/** Pace of a deployment: rolling updates replace a batch at a time, blue/green ones launch the whole new fleet first. */
export function paceOf(config: DeploymentConfig | undefined, instances: number): RollOverPace {
  const rolling = config?.RollingUpdatePolicy;
  if (rolling) {
    return { batch: sizeOf(rolling.MaximumBatchSize, instances), waitSeconds: rolling.WaitIntervalInSeconds };
  }
  const routing = config?.BlueGreenUpdatePolicy?.TrafficRoutingConfiguration;
  const step = routing?.Type === 'CANARY' ? routing.CanarySize : routing?.LinearStepSize;
  const batch = step === undefined ? Math.max(1, instances) : sizeOf(step, instances);
  return { batch, waitSeconds: routing?.WaitIntervalInSeconds ?? 0 };
}

/** Number of instances of a batch; percentages round up, so that it is at least 1. */
function sizeOf(size: CapacitySize, instances: number): number {
  const count = size.Type === 'INSTANCE_COUNT' ? size.Value : Math.ceil((size.Value / 100) * instances);
  return Math.min(Math.max(1, count), Math.max(1, instances));
}

/** SageMaker's message when a container does not become healthy. */
export const healthFailure = (variantName: string): string =>
  `The primary container for production variant ${variantName} did not pass the ping health check. Please check CloudWatch logs for this endpoint.`;

/** SageMaker's message when no new instance is available during an update. */
export const UPDATE_CAPACITY_FAILURE =
  'Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error';

type Phase =
  | { readonly kind: 'launching'; readonly target: number; readonly sinceSeconds: EpochSeconds }
  | { readonly kind: 'baking'; readonly target: number; readonly untilSeconds: EpochSeconds }
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done' }
  | { readonly kind: 'rolling-back'; readonly reason: string }
  | { readonly kind: 'rolled-back'; readonly reason: string };

/** Replacement of one variant's instances by those of another configuration, batch by batch, with rollback. */
export class RollOver {
  private phase: Phase;

  public constructor(
    private readonly fleet: VariantFleet,
    spec: VariantSpec,
    private readonly total: number,
    private readonly pace: RollOverPace,
    /** True once the variants that the update adds are in service; until then the old instances of the last batch stay. */
    private readonly mayFinish: () => boolean,
    at: EpochSeconds,
  ) {
    fleet.begin(spec, at);
    this.phase = this.launch(Math.min(pace.batch, total), at);
  }

  public get isDone(): boolean {
    return this.phase.kind === 'done';
  }

  /** Reason of the rollback, once it is complete. */
  public get rollbackReason(): string | undefined {
    return this.phase.kind === 'rolled-back' ? this.phase.reason : undefined;
  }

  public get isRollingBack(): boolean {
    return this.phase.kind === 'rolling-back' || this.phase.kind === 'rolled-back';
  }

  /** End of the monitoring of the present batch, or the deadline of its instances. */
  public nextEventAt(): EpochSeconds | undefined {
    if (this.phase.kind === 'baking') return this.phase.untilSeconds;
    if (this.phase.kind === 'launching' && this.isUnhealthy()) return this.healthDeadline(this.phase.sinceSeconds);
    if (this.phase.kind === 'launching' && this.lacksCapacity()) return this.deadline(this.phase.sinceSeconds);
    return undefined;
  }

  /** Carries out the steps that are due; to be called after every event of the fleet. */
  public advanceTo(at: EpochSeconds): void {
    const { phase, fleet } = this;
    const previous = fleet.previous;
    if (phase.kind === 'launching') {
      if (fleet.newest.fleet.counts().inService >= phase.target) {
        this.phase = { kind: 'baking', target: phase.target, untilSeconds: at + this.pace.waitSeconds };
        this.advanceTo(at);
      } else if (this.isUnhealthy() && at >= this.healthDeadline(phase.sinceSeconds)) {
        this.rollBack(healthFailure(fleet.spec.variantName), at);
      } else if (this.lacksCapacity() && at >= this.deadline(phase.sinceSeconds)) {
        this.rollBack(UPDATE_CAPACITY_FAILURE, at);
      }
    } else if (phase.kind === 'baking' && at >= phase.untilSeconds) {
      if (phase.target >= this.total) {
        this.phase = { kind: 'waiting' };
        this.advanceTo(at);
        return;
      }
      previous?.fleet.setDesired(this.total - phase.target, at);
      this.phase = this.launch(Math.min(this.total, phase.target + this.pace.batch), at);
    } else if (phase.kind === 'waiting' && this.mayFinish()) {
      if (previous) fleet.retire(previous, at);
      this.phase = { kind: 'done' };
    } else if (phase.kind === 'rolling-back' && previous === undefined) {
      if (fleet.newest.fleet.counts().inService >= this.total) this.phase = { ...phase, kind: 'rolled-back' };
    }
  }

  /** Rolls back to the previous configuration. */
  public rollBack(reason: string, at: EpochSeconds): void {
    if (!['launching', 'baking', 'waiting'].includes(this.phase.kind)) return;
    this.phase = { kind: 'rolling-back', reason };
    this.fleet.rollBack(this.total, at);
    this.advanceTo(at);
  }

  private launch(target: number, at: EpochSeconds): Phase {
    this.fleet.newest.fleet.setDesired(target, at);
    return { kind: 'launching', target, sinceSeconds: at };
  }

  private isUnhealthy(): boolean {
    return this.fleet.spec.fault === 'unhealthy' && this.total > 0;
  }

  private healthDeadline(sinceSeconds: EpochSeconds): EpochSeconds {
    return sinceSeconds + this.fleet.spec.startupSeconds;
  }

  private lacksCapacity(): boolean {
    return this.fleet.newest.fleet.counts().missing > 0;
  }

  private deadline(sinceSeconds: EpochSeconds): EpochSeconds {
    return sinceSeconds + this.fleet.spec.provisionTimeoutSeconds;
  }
}
