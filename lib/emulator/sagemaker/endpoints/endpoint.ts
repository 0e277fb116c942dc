import type { EpochSeconds } from '../../../core/time';
import type { FleetEvent } from '../../../simulation/fleet';
import type { AsyncQueue } from '../invocations/async-queue';
import type { ComponentPlacement } from '../components/component-placement';
import { Environments } from './environments';
import { healthFailure, paceOf, RollOver, UPDATE_CAPACITY_FAILURE } from './roll-over';
import type { DeploymentConfig } from '../schemas';
import { Variant } from './variant';
import type { VariantFleet } from './variant-fleet';
import type { VariantSpec } from './variant-spec';

export type EndpointStatus = 'Creating' | 'InService' | 'Updating' | 'RollingBack' | 'Failed' | 'Deleting';

/** SageMaker's message when no instance is available. */
export const CAPACITY_FAILURE =
  'Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. Please retry using a ' +
  'different ML instance type or after some time. Consider configuring InstancePools to fall back to other types.';

/** Receives the events of an endpoint. */
export interface EndpointListener {
  onStatus(endpoint: Endpoint, at: EpochSeconds): void;
  onInstances(endpoint: Endpoint, variant: Variant, events: readonly FleetEvent[]): void;
  /** A variant has ended; its costs are final. */
  onVariantGone(endpoint: Endpoint, variant: Variant, at: EpochSeconds): void;
}

interface Update {
  readonly sinceSeconds: EpochSeconds;
  /** Reason for which a variant that it adds cannot come into service. */
  failureReason?: string;
  readonly configName: string;
  readonly previousConfigName: string;
  readonly rollOvers: readonly RollOver[];
  readonly added: readonly Variant[];
  readonly removed: readonly Variant[];
  readonly weights: ReadonlyMap<string, number>;
  readonly desired: ReadonlyMap<string, number>;
}

/** Requested state of a variant of a configuration. */
export interface WantedVariant {
  readonly spec: VariantSpec;
  readonly count: number;
  readonly weight: number;
}

/** One endpoint: its variants, its status, and the update of its configuration in progress. */
export class Endpoint {
  public status: EndpointStatus = 'Creating';
  public failureReason: string | undefined;
  public lastModifiedAt: EpochSeconds;
  public tags: readonly { readonly Key: string; readonly Value: string }[] = [];
  /** Queue of an asynchronous endpoint. */
  public queue: AsyncQueue | undefined;
  /** Placement of the copies of a shared endpoint's components. */
  public placement: ComponentPlacement | undefined;
  private variants: Variant[];
  /** Variants that are no longer part of the endpoint and complete their requests. */
  private leaving: Variant[] = [];
  private update: Update | undefined;

  public constructor(
    public readonly name: string,
    public configName: string,
    wanted: readonly WantedVariant[],
    public deploymentConfig: DeploymentConfig | undefined,
    public readonly createdAt: EpochSeconds,
    private readonly makeFleet: (spec: VariantSpec, at: EpochSeconds) => VariantFleet,
    private readonly listener: EndpointListener,
  ) {
    this.lastModifiedAt = createdAt;
    this.variants = wanted.map((variant) => this.makeVariant(variant, createdAt));
  }

  /** True if the configuration changes; the capacity cannot be changed meanwhile. */
  public get isUpdatingConfiguration(): boolean {
    return this.update !== undefined || this.status === 'Creating' || this.status === 'Deleting';
  }

  public get isGone(): boolean {
    return this.status === 'Deleting' && this.leaving.length === 0;
  }

  /** True if it accepts requests. */
  public get takesRequests(): boolean {
    return this.status === 'InService' || this.status === 'Updating' || this.status === 'RollingBack';
  }

  /** Production variants; those that an update removes are included until it is complete. */
  public currentVariants(): readonly Variant[] {
    return this.variants.filter((variant) => !variant.spec.isShadow);
  }

  /** Shadow variants: they receive copies of requests, and their responses are discarded. */
  public shadowVariants(): readonly Variant[] {
    return this.variants.filter((variant) => variant.spec.isShadow);
  }

  /** Production variant of a name. */
  public variant(name: string): Variant | undefined {
    return this.currentVariants().find((variant) => variant.name === name);
  }

  /** Variant of the same name and role, which the configuration would change. */
  public variantLike(spec: VariantSpec): Variant | undefined {
    return this.variants.find((variant) => roleOf(variant.spec) === roleOf(spec));
  }

  public allVariants(): readonly Variant[] {
    return [...this.variants, ...this.leaving];
  }

  /** Launches the first instances. */
  public begin(at: EpochSeconds): void {
    this.listener.onStatus(this, at);
    this.advanceTo(at);
  }

  public nextEventAt(): EpochSeconds | undefined {
    const moments = this.allVariants().map((variant) => variant.nextEventAt());
    for (const rollOver of this.update?.rollOvers ?? []) moments.push(rollOver.nextEventAt());
    if (this.update?.failureReason === undefined) {
      for (const { at } of this.update === undefined ? [] : deadlines(this.update)) moments.push(at);
    }
    if (this.status === 'Creating' && this.lacksCapacity()) moments.push(this.provisionDeadline());
    if (this.status === 'Creating') moments.push(this.unhealthy()?.deadline);
    moments.push(this.queue?.nextEventAt(), this.placement?.nextEventAt());
    return moments.reduce(
      (first, at) => (at !== undefined && (first === undefined || at < first) ? at : first),
      undefined,
    );
  }

  public advanceTo(at: EpochSeconds): void {
    for (const variant of this.allVariants()) {
      const events = variant.advanceTo(at);
      if (events.length > 0) this.listener.onInstances(this, variant, events);
    }
    if (this.update) this.advanceUpdate(this.update, at);
    this.placement?.advanceTo(at);
    this.removeEmpty(at);
    this.settleStatus(at);
    this.queue?.pump(at);
  }

  /** Sets the desired number of instances of a variant; the latest call is effective. */
  public setDesired(variant: Variant, count: number, at: EpochSeconds): void {
    variant.setDesired(count, at);
    this.lastModifiedAt = at;
    this.advanceTo(at);
  }

  /** Starts the update to another configuration. */
  public startUpdate(
    configName: string,
    wanted: readonly WantedVariant[],
    deploymentConfig: DeploymentConfig | undefined,
    at: EpochSeconds,
  ): void {
    this.failureReason = undefined;
    const rollOvers: RollOver[] = [];
    const added: Variant[] = [];
    for (const want of wanted) {
      const variant = this.variantLike(want.spec);
      if (variant) {
        const pace = paceOf(deploymentConfig, variant.desired);
        rollOvers.push(new RollOver(variant.fleet, want.spec, want.count, pace, () => areInService(added), at));
      } else {
        added.push(this.makeVariant(want, at));
      }
    }
    const roles = new Set(wanted.map(({ spec }) => roleOf(spec)));
    this.update = {
      sinceSeconds: at,
      configName,
      previousConfigName: this.configName,
      rollOvers,
      added,
      removed: this.variants.filter((variant) => !roles.has(roleOf(variant.spec))),
      weights: new Map(wanted.map(({ spec, weight }) => [roleOf(spec), weight])),
      desired: new Map(wanted.map(({ spec, count }) => [roleOf(spec), count])),
    };
    this.variants = [...this.variants, ...added];
    this.deploymentConfig = deploymentConfig;
    this.configName = configName;
    this.setStatus('Updating', at);
    this.advanceTo(at);
  }

  /** Rolls back an update that names an alarm, which is in ALARM. */
  public onAlarm(alarmName: string, at: EpochSeconds): void {
    const alarms = this.deploymentConfig?.AutoRollbackConfiguration?.Alarms ?? [];
    if (!this.update || !alarms.some((alarm) => alarm.AlarmName === alarmName)) return;
    for (const rollOver of this.update.rollOvers) {
      rollOver.rollBack(`the alarm ${alarmName} of the auto-rollback configuration is in ALARM`, at);
    }
    this.advanceTo(at);
  }

  public startDelete(at: EpochSeconds): void {
    this.queue?.close();
    this.leaving = [...this.leaving, ...this.variants];
    this.variants = [];
    this.update = undefined;
    for (const variant of this.leaving) variant.fleet.end(at);
    this.setStatus('Deleting', at);
    this.advanceTo(at);
  }

  private makeVariant({ spec, count, weight }: WantedVariant, at: EpochSeconds): Variant {
    const environments = spec.serverless === undefined ? undefined : new Environments(spec.serverless, at);
    const variant = new Variant(spec.variantName, this.makeFleet(spec, at), environments);
    variant.weight = weight;
    variant.setDesired(count, at);
    return variant;
  }

  private advanceUpdate(update: Update, at: EpochSeconds): void {
    for (const rollOver of update.rollOvers) rollOver.advanceTo(at);
    update.failureReason ??= failureOf(update, at);
    const failed = update.rollOvers.find((rollOver) => rollOver.isRollingBack);
    if (failed !== undefined || update.failureReason !== undefined) {
      this.setStatus('RollingBack', at);
      const reason = update.failureReason ?? 'another variant of the endpoint was rolled back';
      for (const rollOver of update.rollOvers) rollOver.rollBack(reason, at);
      if (update.rollOvers.every((rollOver) => rollOver.isDone || rollOver.rollbackReason !== undefined)) {
        this.failureReason = update.failureReason ?? failed?.rollbackReason;
        this.configName = update.previousConfigName;
        this.endUpdate(update.added, at);
      }
      return;
    }
    if (!areInService(update.added) || !update.rollOvers.every((rollOver) => rollOver.isDone)) return;
    for (const variant of this.variants) {
      variant.weight = update.weights.get(roleOf(variant.spec)) ?? variant.weight;
      variant.desired = update.desired.get(roleOf(variant.spec)) ?? variant.desired;
    }
    this.endUpdate(update.removed, at);
  }

  private endUpdate(removed: readonly Variant[], at: EpochSeconds): void {
    for (const variant of removed) variant.fleet.end(at);
    this.leaving = [...this.leaving, ...removed];
    this.variants = this.variants.filter((variant) => !removed.includes(variant));
    this.update = undefined;
    this.setStatus('InService', at);
  }

  private removeEmpty(at: EpochSeconds): void {
    const gone = this.leaving.filter((variant) => variant.fleet.isEmpty());
    if (gone.length === 0) return;
    this.leaving = this.leaving.filter((variant) => !gone.includes(variant));
    for (const variant of gone) this.listener.onVariantGone(this, variant, at);
  }

  private settleStatus(at: EpochSeconds): void {
    if (this.status === 'Creating') {
      if (this.variants.every((variant) => variant.counts().inService >= variant.desired)) {
        this.setStatus('InService', at);
      } else if (at >= (this.unhealthy()?.deadline ?? Infinity)) {
        this.fail(healthFailure(this.unhealthy()!.variant.name), at);
      } else if (this.lacksCapacity() && at >= this.provisionDeadline()) {
        this.fail(CAPACITY_FAILURE, at);
      }
    } else if (!this.update && (this.status === 'InService' || this.status === 'Updating')) {
      this.setStatus(this.isChangingCapacity() ? 'Updating' : 'InService', at);
    }
  }

  private fail(reason: string, at: EpochSeconds): void {
    this.failureReason = reason;
    for (const variant of this.variants) variant.fleet.end(at);
    this.setStatus('Failed', at);
  }

  /** A variant whose containers never pass their health check, and the end of its time-out. */
  private unhealthy(): { readonly variant: Variant; readonly deadline: EpochSeconds } | undefined {
    const variant = this.variants.find(({ spec }) => spec.fault === 'unhealthy');
    return variant && { variant, deadline: this.createdAt + variant.spec.startupSeconds };
  }

  /** True while instances launch: the status is then Updating, as on AWS. A lack of capacity leaves the endpoint InService. */
  private isChangingCapacity(): boolean {
    return this.variants.some((variant) => variant.counts().provisioning > 0);
  }

  private lacksCapacity(): boolean {
    return this.variants.some((variant) => variant.counts().missing > 0);
  }

  private provisionDeadline(): EpochSeconds {
    return this.createdAt + Math.max(...this.variants.map((variant) => variant.spec.provisionTimeoutSeconds));
  }

  private setStatus(status: EndpointStatus, at: EpochSeconds): void {
    if (status === this.status) return;
    this.status = status;
    this.lastModifiedAt = at;
    this.listener.onStatus(this, at);
  }
}

/** Identity of a variant within an endpoint: a shadow variant may have the name of a former production variant. */
const roleOf = ({ variantName, isShadow }: VariantSpec): string => (isShadow ? `shadow/${variantName}` : variantName);

const areInService = (variants: readonly Variant[]): boolean =>
  variants.every((variant) => variant.counts().inService >= variant.desired);

/** Deadlines of the variants that an update adds, for those without a healthy container or without capacity. */
function deadlines({ added, sinceSeconds }: Update): { readonly at: EpochSeconds; readonly reason: string }[] {
  return added.flatMap((variant) => [
    ...(variant.spec.fault === 'unhealthy'
      ? [{ at: sinceSeconds + variant.spec.startupSeconds, reason: healthFailure(variant.name) }]
      : []),
    ...(variant.counts().missing > 0
      ? [{ at: sinceSeconds + variant.spec.provisionTimeoutSeconds, reason: UPDATE_CAPACITY_FAILURE }]
      : []),
  ]);
}

const failureOf = (update: Update, now: EpochSeconds): string | undefined =>
  deadlines(update).find(({ at }) => now >= at)?.reason;
