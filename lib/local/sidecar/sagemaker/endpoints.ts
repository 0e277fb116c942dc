import type { EpochSeconds } from '../../../core/time';
import { EndpointFleet, type FleetEvent, lognormalProvisioning } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import { sageMakerArn, variantResourceId } from '../arns';
import { costOf, type PricePerHour } from '../billing';
import type { Capacity } from '../capacity';
import type { Actor } from '../driver';
import type { PlatformEvents } from '../events';
import { parseWith } from '../parse';
import { ServiceError, validationError } from '../service-error';
import type { CapacityState, EndpointSnapshot } from '../snapshot';
import { AsyncQueue } from './async-queue';
import { ComponentPlacement } from './component-placement';
import type { EndpointConfigs, StoredEndpointConfig } from './endpoint-configs';
import { Endpoint, type EndpointListener, type EndpointStatus, type WantedVariant } from './endpoint';
import { createEndpointSchema, type UpdateEndpointRequest, updateEndpointSchema, updateWeightsSchema } from './schemas';
import type { Variant } from './variant';
import { VariantFleet } from './variant-fleet';
import type { VariantSpec } from './variant-spec';

/** What the queues of asynchronous endpoints need. */
export type QueueParts = Omit<ConstructorParameters<typeof AsyncQueue>[0], 'endpointName' | 'output' | 'variant'>;

export interface FleetSettings {
  /** Seconds from launch to in service: median and spread of a lognormal distribution. */
  readonly provisioning: { readonly medianSeconds: number; readonly sigma: number };
  /** Requests that may wait in one instance's container. */
  readonly queueLimitPerInstance: number;
  /** Seconds in which InvokeEndpoint must be answered. */
  readonly requestTimeoutSeconds: number;
}

/** A container that never passes its health check: longer than anything waits for it. */
const NEVER_SECONDS = 1e9;

/** Until a serverless endpoint is in service; an assumption. */
const SERVERLESS_CREATION = { medianSeconds: 60, sigma: 0.2 } as const;

/** EventBridge writes an endpoint's status in upper snake case, unlike the API. */
const EVENT_STATUS: { readonly [status in EndpointStatus]: string } = {
  Creating: 'CREATING',
  InService: 'IN_SERVICE',
  Updating: 'UPDATING',
  RollingBack: 'ROLLING_BACK',
  Failed: 'FAILED',
  Deleting: 'DELETING',
};

/** The endpoints of the account, moved along by the driver. */
export class Endpoints implements Actor, EndpointListener {
  private readonly live = new Map<string, Endpoint>();
  private readonly statusWaiters = new Set<() => void>();
  private endedUsd = 0;
  private fleetNumber = 0;
  private componentListener: () => void = () => undefined;

  public constructor(
    private readonly parts: {
      readonly configs: EndpointConfigs;
      readonly capacity: Capacity;
      readonly events: PlatformEvents;
      readonly priceOf: PricePerHour;
      readonly random: Random;
      readonly settings: FleetSettings;
      readonly queues: QueueParts;
      /** Whether Application Auto Scaling scales this resource. */
      readonly isScalableTarget: (resourceId: string) => boolean;
      /** The endpoint goes; what scales it goes too. */
      readonly onDelete: (endpointName: string, at: EpochSeconds) => void;
    },
  ) {
    parts.capacity.onChange((instanceType, state, at) => this.onCapacity(instanceType, state, at));
  }

  /** Calls the listener when a component of any endpoint changed its status or went. */
  public onComponents(listener: () => void): void {
    this.componentListener = listener;
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
    const makeFleet = (spec: VariantSpec, from: EpochSeconds): VariantFleet => this.makeVariantFleet(name, spec, from);
    const endpoint = new Endpoint(
      name,
      request.EndpointConfigName,
      wanted,
      request.DeploymentConfig,
      at,
      makeFleet,
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
    if (endpoint.isUpdatingConfiguration || endpoint.status === 'Failed') {
      throw validationError(
        `Cannot update in-progress endpoint "${sageMakerArn('endpoint', endpoint.name)}" (status ${endpoint.status}).`,
      );
    }
    const config = this.parts.configs.describe(request.EndpointConfigName);
    if ((config.asyncOutput === undefined) !== (endpoint.queue === undefined)) {
      throw validationError(
        `The endpoint ${endpoint.name} cannot change between real-time and asynchronous; create another endpoint.`,
      );
    }
    if (endpoint.placement !== undefined || config.specs.some(({ managed }) => managed !== undefined)) {
      throw validationError(
        `The configuration of ${endpoint.name} cannot be changed in the local engine, because inference components run on it; create another endpoint.`,
      );
    }
    this.refuseScaledChanges(endpoint, config);
    const deployment =
      request.DeploymentConfig ?? (request.RetainDeploymentConfig ? endpoint.deploymentConfig : undefined);
    endpoint.startUpdate(request.EndpointConfigName, wantedAfterUpdate(endpoint, config, request), deployment, at);
    return endpoint;
  }

  public updateWeightsAndCapacities(input: unknown, at: EpochSeconds): Endpoint {
    const request = parseWith(updateWeightsSchema, input);
    const endpoint = this.describe(request.EndpointName);
    if (endpoint.isUpdatingConfiguration || endpoint.status === 'Failed') {
      throw validationError(
        `Cannot update in-progress endpoint "${sageMakerArn('endpoint', endpoint.name)}" (status ${endpoint.status}).`,
      );
    }
    const changes = request.DesiredWeightsAndCapacities.map((change) => ({
      variant: this.variantOf(endpoint, change.VariantName),
      change,
    }));
    const least = changes.find(({ change }) => change.DesiredInstanceCount === 0);
    if (least && endpoint.queue === undefined)
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
    this.parts.onDelete(name, at);
    endpoint.startDelete(at);
    this.forgetGone();
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

  /** The variant that a scalable target's resource id names. */
  public findVariant(resourceId: string): { endpoint: Endpoint; variant: Variant } | undefined {
    const [, endpointName, variantName] = /^endpoint\/([^/]+)\/variant\/([^/]+)$/.exec(resourceId) ?? [];
    const endpoint = this.live.get(endpointName ?? '');
    const variant = endpoint?.variant(variantName ?? '');
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
    this.forgetGone();
  }

  /** An alarm went off; updates that name it go back. */
  public onAlarm(alarmName: string, at: EpochSeconds): void {
    for (const endpoint of this.live.values()) endpoint.onAlarm(alarmName, at);
  }

  /** Resolves once no change of the endpoint's configuration runs any more; undefined when it is gone. */
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

  private async when(
    name: string,
    isSo: (endpoint: Endpoint) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Endpoint | undefined> {
    for (;;) {
      const endpoint = this.live.get(name);
      if (!endpoint || isSo(endpoint)) return endpoint;
      if (signal?.aborted) throw new ServiceError('ServiceUnavailable', 'the local services are stopping', 503);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.statusWaiters.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        this.statusWaiters.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      });
    }
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
    }));
  }

  /** Everything that endpoints cost since the start, those that are gone included. */
  public billedUsd(at: EpochSeconds): number {
    const live = this.list().flatMap((endpoint) => endpoint.allVariants());
    return live.reduce((usd, variant) => usd + this.costOfVariant(variant, at), this.endedUsd);
  }

  public onStatus(endpoint: Endpoint, at: EpochSeconds): void {
    const { name, status } = endpoint;
    const arn = sageMakerArn('endpoint', name);
    this.parts.events.tell({
      kind: 'endpoint-status',
      atSeconds: at,
      endpointName: name,
      status,
      failureReason: endpoint.failureReason ?? null,
    });
    this.parts.events.emit({
      source: 'aws.sagemaker',
      detailType: 'SageMaker Endpoint State Change',
      resources: [arn],
      detail: {
        EndpointName: name,
        EndpointArn: arn,
        EndpointConfigName: endpoint.configName,
        EndpointStatus: EVENT_STATUS[status],
        ProductionVariants: endpoint.currentVariants().map((variant) => ({
          VariantName: variant.name,
          CurrentInstanceCount: variant.counts().inService,
          DesiredInstanceCount: variant.desired,
        })),
        FailureReason: endpoint.failureReason,
        CreationTime: Math.round(endpoint.createdAt * 1000),
        LastModifiedTime: Math.round(endpoint.lastModifiedAt * 1000),
        Tags: {},
      },
      atSeconds: at,
    });
    for (const wake of [...this.statusWaiters]) wake();
  }

  public onInstances(endpoint: Endpoint, variant: Variant, happened: readonly FleetEvent[]): void {
    const at = { endpointName: endpoint.name, variantName: variant.name };
    const resource = variantResourceId(endpoint.name, variant.name);
    const { events } = this.parts;
    for (const event of happened) {
      if (event.kind === 'capacity-error') {
        for (const [index, instanceType] of event.instanceTypes.entries()) {
          const fallbackInstanceType = event.instanceTypes[index + 1] ?? null;
          events.tell({ kind: 'capacity-error', atSeconds: event.at, resource, instanceType, fallbackInstanceType });
        }
        continue;
      }
      if (event.kind === 'completed' || event.kind === 'timed-out' || event.kind === 'rejected') continue;
      if (event.kind === 'instance-launched') {
        for (const [index, instanceType] of event.refusedTypes.entries()) {
          const fallbackInstanceType = event.refusedTypes[index + 1] ?? event.instanceType;
          events.tell({ kind: 'capacity-error', atSeconds: event.at, resource, instanceType, fallbackInstanceType });
        }
      }
      const { instanceId, instanceType } = event;
      const change = INSTANCE_CHANGE[event.kind];
      events.tell({ kind: 'instance', atSeconds: event.at, ...at, change, instanceId, instanceType });
    }
  }

  public onVariantGone(_endpoint: Endpoint, variant: Variant, at: EpochSeconds): void {
    this.endedUsd += this.costOfVariant(variant, at);
  }

  private costOfVariant(variant: Variant, at: EpochSeconds): number {
    return costOf(variant.billedInstanceSeconds(at), 'hosting', this.parts.priceOf);
  }

  private forgetGone(): void {
    for (const [name, endpoint] of this.live) {
      if (!endpoint.isGone) continue;
      this.live.delete(name);
      for (const wake of [...this.statusWaiters]) wake();
    }
  }

  private onCapacity(instanceType: string, state: CapacityState, at: EpochSeconds): void {
    for (const endpoint of this.live.values()) {
      for (const variant of endpoint.allVariants()) variant.setCapacity(instanceType, state, at);
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
    return new ComponentPlacement(
      () => endpoint.currentVariants()[0],
      managed,
      () => this.componentListener(),
    );
  }

  private makeVariantFleet(endpointName: string, spec: VariantSpec, from: EpochSeconds): VariantFleet {
    const { random, settings, capacity } = this.parts;
    const makeFleet = (of: VariantSpec, generation: number, at: EpochSeconds): EndpointFleet => {
      const own = random.fork(`${endpointName}/${of.variantName}/${generation}/${this.fleetNumber++}`);
      const provisioning = lognormalProvisioning(
        own.fork('provisioning'),
        of.serverless === undefined ? settings.provisioning : SERVERLESS_CREATION,
      );
      const fleet = new EndpointFleet({
        pools: of.pools,
        slotsPerInstance: of.slotsPerInstance,
        provisioning: of.fault === 'unhealthy' ? () => NEVER_SECONDS : provisioning,
        random: own.fork('routing'),
        routing: of.routing,
        queueLimitPerInstance: of.serverless === undefined ? settings.queueLimitPerInstance : 0,
        requestTimeoutSeconds: of.maxServiceSeconds ?? settings.requestTimeoutSeconds,
        startAt: at,
      });
      if (of.serverless !== undefined) return fleet;
      for (const { instanceType } of of.pools) fleet.setCapacity(instanceType, capacity.of(instanceType), at);
      return fleet;
    };
    return new VariantFleet(makeFleet, spec, from);
  }

  private variantOf(endpoint: Endpoint, name: string): Variant {
    const variant = endpoint.variant(name);
    if (!variant) throw validationError(`The variant name "${name}" was not found in the endpoint ${endpoint.name}.`);
    return variant;
  }

  /** SageMaker refuses updates that take a scaled variant away or give it other instance types. */
  private refuseScaledChanges(endpoint: Endpoint, config: StoredEndpointConfig): void {
    for (const variant of endpoint.currentVariants()) {
      if (!this.parts.isScalableTarget(variantResourceId(endpoint.name, variant.name))) continue;
      const next = config.specs.find((spec) => spec.variantName === variant.name);
      const types = (spec: VariantSpec): string => spec.pools.map((pool) => pool.instanceType).join(',');
      if (!next || types(next) !== types(variant.spec)) {
        throw validationError(
          `The variant ${variant.name} is registered as a scalable target: its instance type cannot be changed and it ` +
            'cannot be removed. Deregister the scalable target first.',
        );
      }
    }
  }
}

const INSTANCE_CHANGE = {
  'instance-launched': 'launched',
  'instance-in-service': 'in-service',
  'instance-draining': 'draining',
  'instance-terminated': 'terminated',
} as const;

/** What an update asks for: the configuration's own numbers, or those the variants have, where they are retained. */
function wantedAfterUpdate(
  endpoint: Endpoint,
  config: StoredEndpointConfig,
  request: UpdateEndpointRequest,
): WantedVariant[] {
  const excluded = new Set(request.ExcludeRetainedVariantProperties?.map((property) => property.VariantPropertyType));
  const retain = request.RetainAllVariantProperties === true;
  return config.specs.map((spec) => {
    const present = retain ? endpoint.variant(spec.variantName) : undefined;
    const count = excluded.has('DesiredInstanceCount') ? undefined : present?.desired;
    const weight = excluded.has('DesiredWeight') ? undefined : present?.weight;
    return { spec, count: count ?? spec.initialInstanceCount, weight: weight ?? spec.initialWeight };
  });
}
