import { COPY_PROVISIONING } from '../../../catalog/provisioning-times';
import type { EpochSeconds } from '../../../core/time';
import { EndpointFleet, lognormalProvisioning } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import { sageMakerArn } from '../../account/arns';
import { parseWith } from '../../http/schema-parts';
import { validationError } from '../../http/service-error';
import type { Endpoint } from '../endpoints/endpoint';
import type { Endpoints } from '../endpoints/endpoints';
import { EmulatedComponent } from './inference-component';
import type { Models } from '../models';
import { StatusWaiters } from '../status-waiters';
import {
  type ComponentSpecification,
  type CreateComponentRequest,
  createComponentSchema,
  updateComponentSchema,
  updateRuntimeSchema,
} from '../schemas';
import { Variant } from '../endpoints/variant';
import { VariantFleet } from '../endpoints/variant-fleet';
import { slotsPerInstance, type VariantSpec } from '../endpoints/variant-spec';

/** The inference components of the account; each lives on its endpoint. */
export class InferenceComponents {
  private readonly waiters = new StatusWaiters();
  private readonly deleteListeners: ((componentName: string) => void)[] = [];
  private number = 0;

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly models: Models;
      readonly random: Random;
      readonly queueLimitPerCopy: number;
      readonly requestTimeoutSeconds: number;
    },
  ) {
    parts.endpoints.onComponents(() => this.waiters.recheck());
  }

  /** Calls the listener when a component is about to be deleted. */
  public onDelete(listener: (componentName: string) => void): void {
    this.deleteListeners.push(listener);
  }

  public create(input: unknown, at: EpochSeconds): EmulatedComponent {
    const request = parseWith(createComponentSchema, input);
    const name = request.InferenceComponentName;
    if (this.find(name)) {
      throw validationError(`Cannot create already existing inference component "${arnOf(name)}".`);
    }
    const endpoint = this.parts.endpoints.describe(request.EndpointName);
    const { placement } = endpoint;
    const base = this.baseOf(request, endpoint);
    const variant = endpoint.variant(base?.request.VariantName ?? request.VariantName ?? '');
    if (placement === undefined || variant === undefined) {
      throw validationError(
        `The endpoint ${endpoint.name} has no variant "${request.VariantName ?? ''}" without a model, so it takes no inference components.`,
      );
    }
    if (endpoint.status === 'Creating' || endpoint.status === 'Deleting' || endpoint.status === 'Failed') {
      throw validationError(`The endpoint ${endpoint.name} is ${endpoint.status}; it has to be InService.`);
    }
    this.checkModel(request.Specification, base);
    const copies = base?.copies ?? this.makeCopies(request, variant.spec, at);
    const component = new EmulatedComponent(request, request.Specification, copies, base, at);
    if (base === undefined) copies.desired = request.RuntimeConfig?.CopyCount ?? 1;
    placement.components.push(component);
    endpoint.advanceTo(at);
    return component;
  }

  /** Changes the number of copies, the model, or both. */
  public update(input: unknown, at: EpochSeconds): EmulatedComponent {
    const request = parseWith(updateComponentSchema, input);
    const component = this.describe(request.InferenceComponentName);
    this.refuseWhileChanging(component);
    const endpoint = this.parts.endpoints.describe(component.request.EndpointName);
    if (request.Specification !== undefined) {
      this.checkModel(request.Specification, component.base);
      const spec = { ...component.copies.spec, modelName: request.Specification.ModelName ?? '' };
      if (!component.isAdapter) component.roll(request.Specification, spec, at);
      else component.specification = request.Specification;
    }
    if (request.RuntimeConfig !== undefined) this.setCopies(component, request.RuntimeConfig.CopyCount, at);
    else endpoint.advanceTo(at);
    return component;
  }

  public updateRuntimeConfig(input: unknown, at: EpochSeconds): EmulatedComponent {
    const request = parseWith(updateRuntimeSchema, input);
    const component = this.describe(request.InferenceComponentName);
    this.refuseWhileChanging(component);
    this.setCopies(component, request.DesiredRuntimeConfig.CopyCount, at);
    return component;
  }

  public setCopies(component: EmulatedComponent, count: number, at: EpochSeconds): void {
    if (component.isAdapter) throw validationError(`${component.name} is an adapter: it has the copies of its base.`);
    component.copies.desired = count;
    component.lastModifiedAt = at;
    this.parts.endpoints.describe(component.request.EndpointName).advanceTo(at);
  }

  public delete(name: string, at: EpochSeconds): void {
    const component = this.describe(name);
    const adapters = this.list().filter(({ base }) => base === component);
    if (adapters.length > 0) {
      throw validationError(
        `Cannot delete ${name}: ${adapters.map((one) => one.name).join(', ')} run inside its copies.`,
      );
    }
    component.status = 'Deleting';
    for (const listener of this.deleteListeners) listener(name);
    if (!component.isAdapter) component.copies.desired = 0;
    this.parts.endpoints.describe(component.request.EndpointName).advanceTo(at);
    this.waiters.recheck();
  }

  public describe(name: string): EmulatedComponent {
    const component = this.find(name);
    if (!component) throw validationError(`Could not find inference component "${arnOf(name)}".`);
    return component;
  }

  public find(name: string): EmulatedComponent | undefined {
    return this.list().find((component) => component.name === name);
  }

  public list(): EmulatedComponent[] {
    return this.parts.endpoints.list().flatMap(({ placement }) => placement?.components ?? []);
  }

  /** Resolves once the component is InService, has failed or is gone. */
  public settled(name: string, signal: AbortSignal): Promise<EmulatedComponent | undefined> {
    return this.when(name, ({ status }) => status === 'InService' || status === 'Failed', signal);
  }

  public async gone(name: string, signal: AbortSignal): Promise<void> {
    await this.when(name, () => false, signal);
  }

  private when(
    name: string,
    isReached: (component: EmulatedComponent) => boolean,
    signal: AbortSignal,
  ): Promise<EmulatedComponent | undefined> {
    return this.waiters.until(() => {
      const component = this.find(name);
      return { done: component === undefined || isReached(component), value: component };
    }, signal);
  }

  private refuseWhileChanging({ name, status }: EmulatedComponent): void {
    if (status === 'InService' || status === 'Updating') return;
    throw validationError(`Cannot update inference component "${arnOf(name)}" while its status is ${status}.`);
  }

  private baseOf({ Specification }: CreateComponentRequest, endpoint: Endpoint): EmulatedComponent | undefined {
    const name = Specification.BaseInferenceComponentName;
    if (name === undefined) return undefined;
    const base = this.describe(name);
    if (base.isAdapter) throw validationError(`${name} is an adapter itself; name the component that it runs in.`);
    if (base.request.EndpointName !== endpoint.name) {
      throw validationError(`The base component ${name} is not on the endpoint ${endpoint.name}.`);
    }
    return base;
  }

  private checkModel({ ModelName }: ComponentSpecification, base: EmulatedComponent | undefined): void {
    if (base !== undefined) return;
    if (ModelName !== undefined && this.parts.models.has(ModelName)) return;
    throw validationError(`Could not find model "${sageMakerArn('model', ModelName ?? '')}".`);
  }

  private makeCopies(request: CreateComponentRequest, host: VariantSpec, at: EpochSeconds): Variant {
    const { random, queueLimitPerCopy, requestTimeoutSeconds } = this.parts;
    const name = request.InferenceComponentName;
    const spec: VariantSpec = {
      ...host,
      modelName: request.Specification.ModelName ?? '',
      pools: [host.pools[0]!],
      pooled: false,
      managed: undefined,
      serverless: undefined,
      slotsPerInstance: slotsPerInstance(request.Tags),
    };
    const makeFleet = (_of: VariantSpec, generation: number, from: EpochSeconds): EndpointFleet => {
      const own = random.fork(`${name}/${generation}/${this.number++}`);
      return new EndpointFleet({
        pools: spec.pools,
        slotsPerInstance: spec.slotsPerInstance,
        provisioning: lognormalProvisioning(own.fork('provisioning'), COPY_PROVISIONING),
        random: own.fork('routing'),
        routing: spec.routing,
        prefixConcurrencyThreshold: spec.prefixAware?.concurrencyThreshold,
        queueLimitPerInstance: queueLimitPerCopy,
        requestTimeoutSeconds,
        startAt: from,
      });
    };
    return new Variant(name, new VariantFleet(makeFleet, spec, at));
  }
}

const arnOf = (name: string): string => sageMakerArn('inference-component', name);
