import type { Random } from '../../simulation/random';
import { sageMakerArn } from '../account/arns';
import type { Driver } from '../driver';
import { parseWith } from '../http/schema-parts';
import { ServiceError, validationError } from '../http/service-error';
import type { EndpointConfigs } from '../sagemaker/endpoints/endpoint-configs';
import type { Endpoints } from '../sagemaker/endpoints/endpoints';
import type { InferenceComponents } from '../sagemaker/components/inference-components';
import type { ModelPackageGroup, ModelPackages } from '../sagemaker/model-packages';
import type { Models } from '../sagemaker/models';
import { endpointPropertiesSchema } from '../sagemaker/schemas';
import { generatedName, sameProperties } from './names';
import type { ProvisionedResource, ResourceProvider, ResourceRequest } from './resource-provider';
import type { RollbackReport } from './rollback-report';

export interface SageMakerProviderParts {
  readonly models: Models;
  readonly modelPackages: ModelPackages;
  readonly configs: EndpointConfigs;
  readonly endpoints: Endpoints;
  readonly components: InferenceComponents;
  readonly random: Random;
  readonly driver: Driver;
  readonly rollbacks: RollbackReport;
  readonly stopping: AbortSignal;
}

/** A resource that any change replaces: models and endpoint configurations. */
class ReplacedResource implements ResourceProvider {
  private readonly names = new Map<string, string>();

  public constructor(
    private readonly random: Random,
    private readonly kind: {
      readonly nameProperty: string;
      readonly createNamed: (properties: { readonly [name: string]: unknown }) => Promise<string>;
      readonly remove: (name: string) => void;
      readonly exists: (name: string) => boolean;
    },
  ) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { nameProperty, createNamed } = this.kind;
    const name = request.properties[nameProperty] ?? generatedName(request, this.random);
    const physicalId = await createNamed({ ...request.properties, [nameProperty]: name });
    this.names.set(physicalId, String(name));
    return this.resource(physicalId);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    if (this.names.has(request.physicalId) && sameProperties(request.properties, request.previousProperties)) {
      return this.resource(request.physicalId);
    }
    const { nameProperty } = this.kind;
    const name = request.properties[nameProperty];
    if (name !== undefined && name === request.previousProperties[nameProperty]) {
      throw validationError(
        `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${String(name)} and update the stack again.`,
      );
    }
    return this.create(request);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const name = this.names.get(physicalId);
    this.names.delete(physicalId);
    if (name !== undefined && this.kind.exists(name)) this.kind.remove(name);
  }

  private resource(physicalId: string): ProvisionedResource {
    return { physicalId, attributes: { [this.kind.nameProperty]: this.names.get(physicalId)!, Id: physicalId } };
  }
}

export function modelProvider({ models, random, driver }: SageMakerProviderParts): ResourceProvider {
  return new ReplacedResource(random, {
    nameProperty: 'ModelName',
    createNamed: async (properties) => (await driver.apply((at) => models.create(properties, at))).arn,
    remove: (name) => models.delete(name),
    exists: (name) => models.has(name),
  });
}

export function endpointConfigProvider({ configs, random, driver }: SageMakerProviderParts): ResourceProvider {
  return new ReplacedResource(random, {
    nameProperty: 'EndpointConfigName',
    createNamed: (properties) => Promise.resolve(driver.apply((at) => configs.create(properties, at)).arn),
    remove: (name) => configs.delete(name),
    exists: (name) => configs.list().some(({ request }) => request.EndpointConfigName === name),
  });
}

/** Groups of the model registry. A change of the name replaces a group, and one that has packages is not deleted. */
export class ModelPackageGroupProvider implements ResourceProvider {
  public constructor(private readonly parts: Pick<SageMakerProviderParts, 'modelPackages' | 'driver'>) {}

  public async create({ properties }: ResourceRequest): Promise<ProvisionedResource> {
    const { modelPackages, driver } = this.parts;
    return groupResource(driver.apply((at) => modelPackages.createGroup(properties, at)));
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const group = this.parts.modelPackages.group(request.physicalId);
    if (request.properties['ModelPackageGroupName'] !== group.name) return this.create(request);
    const { ModelPackageGroupDescription: description, Tags = [] } = request.properties;
    group.description = description === undefined ? undefined : String(description);
    group.tags = Tags as typeof group.tags;
    return groupResource(group);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { modelPackages } = this.parts;
    if (modelPackages.listGroups().some(({ arn }) => arn === physicalId)) modelPackages.deleteGroup(physicalId);
  }
}

const groupResource = ({ arn, createdAt }: ModelPackageGroup): ProvisionedResource => ({
  physicalId: arn,
  attributes: {
    ModelPackageGroupArn: arn,
    ModelPackageGroupStatus: 'Completed',
    CreationTime: new Date(createdAt * 1000).toISOString(),
  },
});

/** Endpoints: creation and update resolve once the endpoint is InService; a failed creation leaves nothing behind. */
export class EndpointProvider implements ResourceProvider {
  private readonly names = new Map<string, string>();

  public constructor(private readonly parts: SageMakerProviderParts) {}

  public async create(request: ResourceRequest): Promise<ProvisionedResource> {
    const { endpoints, random, driver, stopping } = this.parts;
    const properties = parseWith(endpointPropertiesSchema, {
      ...request.properties,
      EndpointName: request.properties['EndpointName'] ?? generatedName(request, random),
    });
    const { EndpointName, EndpointConfigName, DeploymentConfig, Tags } = properties;
    driver.apply((at) => endpoints.create({ EndpointName, EndpointConfigName, DeploymentConfig, Tags }, at));
    const endpoint = await endpoints.settled(EndpointName, stopping);
    if (endpoint?.status === 'InService' || endpoint?.status === 'Updating') return this.resource(EndpointName);
    const reason = endpoint?.failureReason ?? 'the endpoint was deleted while it was created';
    if (endpoint) driver.apply((at) => endpoints.delete(EndpointName, at));
    await endpoints.gone(EndpointName, stopping);
    throw new ServiceError('GeneralServiceException', `Endpoint ${EndpointName} failed: ${reason}`);
  }

  public async update(request: ResourceRequest): Promise<ProvisionedResource> {
    const { endpoints, driver, stopping } = this.parts;
    const name = this.names.get(request.physicalId);
    const wanted = request.properties['EndpointName'];
    if (name === undefined || (wanted !== undefined && wanted !== name)) return this.create(request);

    const properties = parseWith(endpointPropertiesSchema, { ...request.properties, EndpointName: name });
    const { Tags, ...update } = properties;
    const endpoint = endpoints.describe(name);
    endpoint.tags = Tags ?? [];
    const changes = ['EndpointConfigName', 'DeploymentConfig'].some(
      (property) => !sameProperties(request.properties[property], request.previousProperties[property]),
    );
    // SageMaker has already rolled this update back: nothing is left to do.
    const isRolledBack = endpoint.configName === update.EndpointConfigName && !endpoint.isUpdatingConfiguration;
    if (!changes || isRolledBack) return this.resource(name);
    driver.apply((at) => endpoints.update(update, at));
    const settled = await endpoints.settled(name, stopping);
    const isInService = settled !== undefined && settled.status !== 'Failed';
    const isAccepted = settled?.configName === update.EndpointConfigName || this.parts.rollbacks === 'silent';
    if (!isInService || !isAccepted) {
      throw new ServiceError(
        'GeneralServiceException',
        `Update of endpoint ${name} failed and was rolled back: ${settled?.failureReason ?? 'the endpoint was deleted'}`,
      );
    }
    return this.resource(name);
  }

  public async delete({ physicalId }: ResourceRequest): Promise<void> {
    const { endpoints, driver, stopping } = this.parts;
    const name = this.names.get(physicalId);
    this.names.delete(physicalId);
    if (name === undefined) return;
    const endpoint = await endpoints.settledOrDeleting(name, stopping);
    if (endpoint && endpoint.status !== 'Deleting') driver.apply((at) => endpoints.delete(name, at));
    await endpoints.gone(name, stopping);
  }

  private resource(name: string): ProvisionedResource {
    const physicalId = sageMakerArn('endpoint', name);
    this.names.set(physicalId, name);
    return { physicalId, attributes: { EndpointName: name, Id: physicalId } };
  }
}
