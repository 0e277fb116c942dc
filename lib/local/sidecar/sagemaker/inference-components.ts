import { COPY_PROVISIONING } from '../../../catalog/provisioning-times';
import type { EpochSeconds } from '../../../core/time';
import { EndpointFleet, lognormalProvisioning } from '../../../simulation/fleet';
import type { Random } from '../../../simulation/random';
import { sageMakerArn } from '../arns';
import { parseWith } from '../parse';
import { ServiceError, validationError } from '../service-error';
import type { Endpoint } from './endpoint';
import type { Endpoints } from './endpoints';
import { InferenceComponent } from './inference-component';
import type { Models } from './models';
import {
  type ComponentSpecification,
  type CreateComponentRequest,
  createComponentSchema,
  updateComponentSchema,
  updateRuntimeSchema,
} from './schemas';
import { Variant } from './variant';
import { VariantFleet } from './variant-fleet';
import { slotsPerInstance, type VariantSpec } from './variant-spec';

/** The inference components of the account; each lives on its endpoint. */
export class InferenceComponents {
  private readonly waiters = new Set<() => void>();
  private number = 0;

  public constructor(
    private readonly parts: {
      readonly endpoints: Endpoints;
      readonly models: Models;
      readonly random: Random;
      readonly queueLimitPerCopy: number;
      readonly requestTimeoutSeconds: number;
      /** The component goes; what scales it goes too. */
      readonly onDelete: (componentName: string) => void;
    },
  ) {
    parts.endpoints.onComponents(() => this.wake());
  }

  public create(input: unknown, at: EpochSeconds): InferenceComponent {
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
    const component = new InferenceComponent(request, request.Specification, copies, base, at);
    if (base === undefined) copies.desired = request.RuntimeConfig?.CopyCount ?? 1;
    placement.components.push(component);
    endpoint.advanceTo(at);
    return component;
  }

  /** Changes the number of copies, the model, or both. */
  public update(input: unknown, at: EpochSeconds): InferenceComponent {
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

  public updateRuntimeConfig(input: unknown, at: EpochSeconds): InferenceComponent {
    const request = parseWith(updateRuntimeSchema, input);
    const component = this.describe(request.InferenceComponentName);
    this.refuseWhileChanging(component);
    this.setCopies(component, request.DesiredRuntimeConfig.CopyCount, at);
    return component;
  }

  public setCopies(component: InferenceComponent, count: number, at: EpochSeconds): void {
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
    this.parts.onDelete(name);
    if (!component.isAdapter) component.copies.desired = 0;
    this.parts.endpoints.describe(component.request.EndpointName).advanceTo(at);
    this.wake();
  }

  public describe(name: string): InferenceComponent {
    const component = this.find(name);
    if (!component) throw validationError(`Could not find inference component "${arnOf(name)}".`);
    return component;
  }

  public find(name: string): InferenceComponent | undefined {
    return this.list().find((component) => component.name === name);
  }

  public list(): InferenceComponent[] {
    return this.parts.endpoints.list().flatMap(({ placement }) => placement?.components ?? []);
  }

  /** Resolves once the component is as it should be, has failed or is gone. */
  public settled(name: string, signal: AbortSignal): Promise<InferenceComponent | undefined> {
    return this.when(name, ({ status }) => status === 'InService' || status === 'Failed', signal);
  }

  public async gone(name: string, signal: AbortSignal): Promise<void> {
    await this.when(name, () => false, signal);
  }

  private async when(
    name: string,
    isSo: (component: InferenceComponent) => boolean,
    signal: AbortSignal,
  ): Promise<InferenceComponent | undefined> {
    for (;;) {
      const component = this.find(name);
      if (component === undefined || isSo(component)) return component;
      if (signal.aborted) throw new ServiceError('ServiceUnavailable', 'the local services are stopping', 503);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.waiters.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.waiters.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  private wake(): void {
    for (const wake of [...this.waiters]) wake();
  }

  private refuseWhileChanging({ name, status }: InferenceComponent): void {
    if (status === 'InService' || status === 'Updating') return;
    throw validationError(`Cannot update inference component "${arnOf(name)}" while its status is ${status}.`);
  }

  private baseOf({ Specification }: CreateComponentRequest, endpoint: Endpoint): InferenceComponent | undefined {
    const name = Specification.BaseInferenceComponentName;
    if (name === undefined) return undefined;
    const base = this.describe(name);
    if (base.isAdapter) throw validationError(`${name} is an adapter itself; name the component that it runs in.`);
    if (base.request.EndpointName !== endpoint.name) {
      throw validationError(`The base component ${name} is not on the endpoint ${endpoint.name}.`);
    }
    return base;
  }

  private checkModel({ ModelName }: ComponentSpecification, base: InferenceComponent | undefined): void {
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
