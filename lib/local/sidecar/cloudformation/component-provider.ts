import { sageMakerArn } from '../arns';
import { ServiceError } from '../service-error';
import { generatedName, sameProperties } from './names';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';
import type { SageMakerProviderParts } from './sagemaker-providers';

/** What takes another component instead of a change. */
const REPLACED_BY = ['InferenceComponentName', 'EndpointName', 'VariantName'] as const;

/** Inference components: creation and update answer once the component is InService; a failed creation leaves nothing behind. */
export class InferenceComponentProvider implements ResourceProvider {
  private readonly names = new Map<string, string>();

  public constructor(private readonly parts: SageMakerProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { components, random, catchUp, rearm, stopping } = this.parts;
    const name = String(request.properties['InferenceComponentName'] ?? generatedName(request, random));
    components.create({ ...request.properties, InferenceComponentName: name }, catchUp());
    rearm();
    const component = await components.settled(name, stopping);
    if (component?.status === 'InService') return this.resource(name);
    const reason = component?.failureReason ?? 'the component was deleted while it was created';
    if (component) components.delete(name, catchUp());
    rearm();
    throw new ServiceError('GeneralServiceException', `Inference component ${name} failed: ${reason}`);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const { components, catchUp, rearm, stopping } = this.parts;
    const name = this.names.get(request.physicalId);
    const changed = (property: string): boolean =>
      !sameProperties(request.properties[property], request.previousProperties[property]);
    if (name === undefined || REPLACED_BY.some(changed)) return this.create(request);
    const { Specification, RuntimeConfig } = request.properties;
    const change = {
      ...(changed('Specification') ? { Specification } : {}),
      ...(changed('RuntimeConfig') ? { RuntimeConfig } : {}),
    };
    if (Object.keys(change).length === 0) return this.resource(name);
    components.update({ InferenceComponentName: name, ...change }, catchUp());
    rearm();
    await components.settled(name, stopping);
    return this.resource(name);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { components, catchUp, rearm, stopping } = this.parts;
    const name = this.names.get(physicalId);
    this.names.delete(physicalId);
    if (name === undefined || components.find(name) === undefined) return;
    if (components.describe(name).status !== 'Deleting') components.delete(name, catchUp());
    rearm();
    await components.gone(name, stopping);
  }

  private resource(name: string): ProvisionedResource {
    const physicalId = sageMakerArn('inference-component', name);
    this.names.set(physicalId, name);
    return {
      physicalId,
      attributes: {
        InferenceComponentArn: physicalId,
        InferenceComponentStatus: 'InService',
        InferenceComponentName: name,
      },
    };
  }
}
