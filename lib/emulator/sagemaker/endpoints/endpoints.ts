import { parseResourceId } from '../../../catalog/scalable-resource';
import type { EpochSeconds } from '../../../core/time';
import type { FleetEvent, CapacityState } from '../../../simulation/fleet';
import { sageMakerArn } from '../../account/arns';
import { costOf, type PricePerHour } from '../../account/billing';
import type { Capacity } from '../../account/capacity';
import type { Actor } from '../../actor';
import type { AccountEvents } from '../../events';
import { parseWith } from '../../http/schema-parts';
import { validationError } from '../../http/service-error';
import type { EndpointSnapshot } from '../../snapshot';
import { AsyncQueue } from '../invocations/async-queue';
import { ComponentPlacement } from '../components/component-placement';
import type { EndpointConfigs, StoredEndpointConfig } from './endpoint-configs';
import { Endpoint, type EndpointListener } from './endpoint';
import { publishInstances, publishStatus } from './endpoint-events';
import { refuseUpdate, refuseWhileChanging, wantedAfterUpdate } from './endpoint-update';
import type { FleetFactory } from './fleet-factory';
import { createEndpointSchema, updateEndpointSchema, updateWeightsSchema } from '../schemas';
import { StatusWaiters } from '../status-waiters';
import type { Variant } from './variant';

/** Throws to refuse an update to a configuration. */
export type UpdateCheck = (endpoint: Endpoint, config: StoredEndpointConfig) => void;

/** Parts shared by the queues of asynchronous endpoints. */
export type QueueParts = Omit<ConstructorParameters<typeof AsyncQueue>[0], 'endpointName' | 'output' | 'variant'>;

/** The endpoints of the account. */
export class Endpoints implements Actor, EndpointListener {
  private readonly live = new Map<string, Endpoint>();
  private readonly waiters = new StatusWaiters();
  private endedUsd = 0;
  private readonly updateChecks: UpdateCheck[] = [];
  private readonly deleteListeners: ((endpointName: string) => void)[] = [];
  private readonly componentListeners: (() => void)[] = [];

  public constructor(
    private readonly parts: {
      readonly configs: EndpointConfigs;
      readonly capacity: Capacity;
      readonly events: AccountEvents;
      readonly priceOf: PricePerHour;
      readonly fleets: FleetFactory;
      readonly queues: QueueParts;
    },
  ) {
    parts.capacity.onChange((instanceType, state, at) => this.onCapacity(instanceType, state, at));
  }

  /** Applies a further check to every update of an endpoint; the check throws to refuse it. */
  public checkUpdates(check: UpdateCheck): void {
    this.updateChecks.push(check);
  }

  /** Calls the listener before an endpoint is deleted. */
  public onDelete(listener: (endpointName: string) => void): void {
    this.deleteListeners.push(listener);
  }

  /** Calls the listener when a component of any endpoint has changed its status or is gone. */
  public onComponents(listener: () => void): void {
    this.componentListeners.push(listener);
  }

  public create(input: unknown, at: EpochSeconds): Endpoint {
    const request = parseWith(createEndpointSchema, input);
    const name = request.EndpointName;
    if (this.live.has(name)) {
      throw validationError(`Cannot create already existing endpoint "${sageMakerArn('endpoint', name)}".`);
    }
    const config = this.parts.configs.describe(request.EndpointConfigName);
    const wanted = config.specs.map((spec) => ({
      spec,
      count: spec.initialInstanceCount,
      weight: spec.initialWeight,
    }));
    const endpoint = new Endpoint(
      name,
      request.EndpointConfigName,
      wanted,
      request.DeploymentConfig,
      at,
      (spec, from) => this.parts.fleets.make(name, spec, from),
      this,
    );
    endpoint.tags = request.Tags ?? [];
    endpoint.queue = this.makeQueue(endpoint, config);
    endpoint.placement = this.makePlacement(endpoint, config);
    this.live.set(name, endpoint);
    endpoint.begin(at);
    return endpoint;
  }

  public update(input: unknown, at: EpochSeconds): Endpoint {
    const request = parseWith(updateEndpointSchema, input);
    const endpoint = this.describe(request.EndpointName);
    refuseWhileChanging(endpoint);
    const config = this.parts.configs.describe(request.EndpointConfigName);
    this.checkConfigInUse(endpoint);
    refuseUpdate(endpoint, config);
    for (const check of this.updateChecks) check(endpoint, config);
    const deployment =
      request.DeploymentConfig ?? (request.RetainDeploymentConfig ? endpoint.deploymentConfig : undefined);
    endpoint.startUpdate(request.EndpointConfigName, wantedAfterUpdate(endpoint, config, request), deployment, at);
    return endpoint;
  }

  public updateWeightsAndCapacities(input: unknown, at: EpochSeconds): Endpoint {
    const request = parseWith(updateWeightsSchema, input);
    const endpoint = this.describe(request.EndpointName);
    refuseWhileChanging(endpoint);
    const changes = request.DesiredWeightsAndCapacities.map((change) => ({
      variant: this.variantOf(endpoint, change.VariantName),
      change,
    }));
    const toZero = changes.find(({ change }) => change.DesiredInstanceCount === 0);
    if (toZero && endpoint.queue === undefined)
      throw validationError('DesiredInstanceCount must be at least 1: only asynchronous endpoints scale to 0');
    for (const { variant, change } of changes) {
      const limits = change.ServerlessUpdateConfig;
      if ((limits !== undefined) !== (variant.environments !== undefined) && change.DesiredWeight === undefined) {
        const takes = variant.environments === undefined ? 'DesiredInstanceCount' : 'ServerlessUpdateConfig';
        throw validationError(`The variant ${variant.name} takes ${takes} only.`);
      }
      this.setServerless(variant, limits, at);
      variant.weight = change.DesiredWeight ?? variant.weight;
      if (change.DesiredInstanceCount !== undefined) endpoint.setDesired(variant, change.DesiredInstanceCount, at);
    }
    return endpoint;
  }

  public delete(name: string, at: EpochSeconds): void {
    const endpoint = this.describe(name);
    if (endpoint.status === 'Creating' || endpoint.status === 'Deleting') {
      throw validationError(
        `Cannot delete endpoint "${sageMakerArn('endpoint', name)}" while its status is ${endpoint.status}.`,
      );
    }
    const components = endpoint.placement?.components ?? [];
    if (components.length > 0) {
      throw validationError(
        `Cannot delete endpoint "${name}": delete its inference components first (${components.map((one) => one.name).join(', ')}).`,
      );
    }
    for (const listener of this.deleteListeners) listener(name);
    endpoint.startDelete(at);
    this.removeGone();
  }

  public describe(name: string): Endpoint {
    const endpoint = this.live.get(name);
    if (!endpoint) throw validationError(`Could not find endpoint "${sageMakerArn('endpoint', name)}".`);
    return endpoint;
  }

  public find(name: string): Endpoint | undefined {
    return this.live.get(name);
  }

  public list(): Endpoint[] {
    return [...this.live.values()];
  }

  /** Variant that a scalable target's resource id names. */
  public findVariant(resourceId: string): { endpoint: Endpoint; variant: Variant } | undefined {
    const resource = parseResourceId(resourceId);
    if (resource?.kind !== 'variant') return undefined;
    const endpoint = this.live.get(resource.endpointName);
    const variant = endpoint?.variant(resource.variantName);
    return endpoint && variant ? { endpoint, variant } : undefined;
  }

  public nextEventAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const endpoint of this.live.values()) {
      const at = endpoint.nextEventAt();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  public advanceTo(at: EpochSeconds): void {
    for (const endpoint of this.live.values()) endpoint.advanceTo(at);
    this.removeGone();
  }

  /** Rolls back the updates that name an alarm, which is in ALARM. */
  public onAlarm(alarmName: string, at: EpochSeconds): void {
    for (const endpoint of this.live.values()) endpoint.onAlarm(alarmName, at);
  }

  /** Resolves once no change of the endpoint's configuration is in progress; with undefined when it is gone. */
  public settled(name: string, signal?: AbortSignal): Promise<Endpoint | undefined> {
    return this.when(name, (endpoint) => endpoint.status === 'Failed' || !endpoint.isUpdatingConfiguration, signal);
  }

  /** Like {@link settled}, and also once the endpoint is being deleted. */
  public settledOrDeleting(name: string, signal?: AbortSignal): Promise<Endpoint | undefined> {
    return this.when(
      name,
      (endpoint) => ['Failed', 'Deleting'].includes(endpoint.status) || !endpoint.isUpdatingConfiguration,
      signal,
    );
  }

  /** Resolves once the endpoint is gone. */
  public async gone(name: string, signal?: AbortSignal): Promise<void> {
    await this.when(name, () => false, signal);
  }

  private when(
    name: string,
    isReached: (endpoint: Endpoint) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Endpoint | undefined> {
    return this.waiters.until(() => {
      const endpoint = this.live.get(name);
      return { done: endpoint === undefined || isReached(endpoint), value: endpoint };
    }, signal);
  }

  public snapshot(at: EpochSeconds): EndpointSnapshot[] {
    return this.list().map((endpoint) => ({
      name: endpoint.name,
      status: endpoint.status,
      failureReason: endpoint.failureReason ?? null,
      configName: endpoint.configName,
      queue: endpoint.queue?.snapshot(at) ?? null,
      components: (endpoint.placement?.components ?? [])
        .filter(({ isAdapter }) => !isAdapter)
        .map((component) => component.snapshot()),
      variants: endpoint.currentVariants().map((variant) => variant.snapshot(at, this.parts.priceOf)),
      shadows: endpoint.shadowVariants().map((variant) => variant.snapshot(at, this.parts.priceOf)),
    }));
  }

  /** Costs of the endpoints since the start, deleted ones included, USD. */
  public billedUsd(at: EpochSeconds): number {
    const live = this.list().flatMap((endpoint) => endpoint.allVariants());
    return live.reduce((usd, variant) => usd + this.costOfVariant(variant, at), this.endedUsd);
  }

  public onStatus(endpoint: Endpoint, at: EpochSeconds): void {
    publishStatus(this.parts.events, endpoint, at);
    this.waiters.recheck();
  }

  public onInstances(endpoint: Endpoint, variant: Variant, happened: readonly FleetEvent[]): void {
    publishInstances(this.parts.events, endpoint, variant, happened);
  }

  public onVariantGone(_endpoint: Endpoint, variant: Variant, at: EpochSeconds): void {
    this.endedUsd += this.costOfVariant(variant, at);
  }

  /**
   * An endpoint whose configuration was deleted beneath it takes no update any more; only deleting the endpoint is left.
   *
   * Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpointConfig.html (a configuration in use must not be
   * deleted), https://github.com/hashicorp/terraform-provider-aws/issues/48997 (the error of the update afterwards).
   */
  private checkConfigInUse({ configName }: Endpoint): void {
    this.parts.configs.describe(configName);
  }

  private costOfVariant(variant: Variant, at: EpochSeconds): number {
    return costOf(variant.billedInstanceSeconds(at), 'hosting', this.parts.priceOf);
  }

  private removeGone(): void {
    for (const [name, endpoint] of this.live) {
      if (!endpoint.isGone) continue;
      this.live.delete(name);
      this.waiters.recheck();
    }
  }

  private onCapacity(instanceType: string, state: CapacityState, at: EpochSeconds): void {
    const { fleets } = this.parts;
    for (const { fleet } of [...this.live.values()].flatMap((endpoint) => endpoint.allVariants())) {
      fleet.setCapacity(instanceType, state, at, (spec) => fleets.dependsOnCapacity(spec));
    }
  }

  private setServerless(
    { environments }: Variant,
    limits: { readonly MaxConcurrency?: number; readonly ProvisionedConcurrency?: number } | undefined,
    at: EpochSeconds,
  ): void {
    if (environments === undefined || limits === undefined) return;
    const maxConcurrency = limits.MaxConcurrency ?? environments.maxConcurrency;
    const provisioned = limits.ProvisionedConcurrency ?? environments.desired;
    if (provisioned > maxConcurrency) {
      throw validationError(
        `ProvisionedConcurrency (${provisioned}) must not be above MaxConcurrency (${maxConcurrency})`,
      );
    }
    environments.maxConcurrency = maxConcurrency;
    environments.setProvisioned(provisioned, at);
  }

  private makeQueue(endpoint: Endpoint, { asyncOutput }: StoredEndpointConfig): AsyncQueue | undefined {
    if (asyncOutput === undefined) return undefined;
    return new AsyncQueue({
      ...this.parts.queues,
      endpointName: endpoint.name,
      output: asyncOutput,
      variant: () => endpoint.currentVariants()[0],
    });
  }

  private makePlacement(endpoint: Endpoint, { specs }: StoredEndpointConfig): ComponentPlacement | undefined {
    const managed = specs[0]?.managed;
    if (managed === undefined) return undefined;
    const onChange = (): void => {
      for (const listener of this.componentListeners) listener();
    };
    return new ComponentPlacement(() => endpoint.currentVariants()[0], managed, onChange);
  }

  private variantOf(endpoint: Endpoint, name: string): Variant {
    const variant = endpoint.variant(name) ?? endpoint.shadowVariants().find((shadow) => shadow.name === name);
    if (!variant) throw validationError(`The variant name "${name}" was not found in the endpoint ${endpoint.name}.`);
    return variant;
  }
}
