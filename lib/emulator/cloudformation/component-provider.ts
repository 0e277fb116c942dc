import { sageMakerArn } from '../account/arns';
import { ServiceError } from '../http/service-error';
import { generatedName, sameProperties } from './names';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';
import type { SageMakerProviderParts } from './sagemaker-providers';

/** Properties whose change replaces the component. */
const REPLACING_PROPERTIES = ['InferenceComponentName', 'EndpointName', 'VariantName'] as const;

/** Inference components: creation and update resolve once the component is InService; a failed creation leaves nothing behind. */
export class InferenceComponentProvider implements ResourceProvider {
  private readonly names = new Map<string, string>();

  public constructor(private readonly parts: SageMakerProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { components, random, driver, stopping } = this.parts;
    const name = String(request.properties['InferenceComponentName'] ?? generatedName(request, random));
    driver.apply((at) => components.create({ ...request.properties, InferenceComponentName: name }, at));
    const component = await components.settled(name, stopping);
    if (component?.status === 'InService') return this.resource(name);
    const reason = component?.failureReason ?? 'the component was deleted while it was created';
    if (component) driver.apply((at) => components.delete(name, at));
    throw new ServiceError('GeneralServiceException', `Inference component ${name} failed: ${reason}`);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const { components, driver, stopping } = this.parts;
    const name = this.names.get(request.physicalId);
    const changed = (property: string): boolean =>
      !sameProperties(request.properties[property], request.previousProperties[property]);
    if (name === undefined || REPLACING_PROPERTIES.some(changed)) return this.create(request);
    const { Specification, RuntimeConfig } = request.properties;
    const change = {
      ...(changed('Specification') ? { Specification } : {}),
      ...(changed('RuntimeConfig') ? { RuntimeConfig } : {}),
    };
    if (Object.keys(change).length === 0) return this.resource(name);
    driver.apply((at) => components.update({ InferenceComponentName: name, ...change }, at));
    await components.settled(name, stopping);
    return this.resource(name);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { components, driver, stopping } = this.parts;
    const name = this.names.get(physicalId);
    this.names.delete(physicalId);
    if (name === undefined || components.find(name) === undefined) return;
    if (components.describe(name).status !== 'Deleting') driver.apply((at) => components.delete(name, at));
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
