import { InferenceComponentProvider } from './component-provider';
import {
  ComponentVersionProvider,
  DeploymentProvider,
  type GreengrassProviderParts,
  RoleAliasProvider,
} from './greengrass-providers';
import { parseWith } from '../http/schema-parts';
import { ServiceError } from '../http/service-error';
import { MskClusterProvider, type MskProviderParts, MskTopicProvider } from './msk-providers';
import { type ProvisionedResource, type ResourceProvider, resourceRequestSchema } from './resource-provider';
import {
  EndpointProvider,
  endpointConfigProvider,
  modelProvider,
  ModelPackageGroupProvider,
  type SageMakerProviderParts,
} from './sagemaker-providers';
import { ScalableTargetProvider, ScalingPolicyProvider, type ScalingProviderParts } from './scaling-providers';

/** Provisions the CloudFormation resource types that the engine forwards to the emulator. */
export class Provisioner {
  private readonly providers: { readonly [type: string]: ResourceProvider };

  public constructor(
    parts: SageMakerProviderParts & ScalingProviderParts & MskProviderParts & GreengrassProviderParts,
  ) {
    this.providers = {
      'AWS::SageMaker::Model': modelProvider(parts),
      'AWS::SageMaker::ModelPackageGroup': new ModelPackageGroupProvider(parts),
      'AWS::SageMaker::EndpointConfig': endpointConfigProvider(parts),
      'AWS::SageMaker::Endpoint': new EndpointProvider(parts),
      'AWS::SageMaker::InferenceComponent': new InferenceComponentProvider(parts),
      'AWS::ApplicationAutoScaling::ScalableTarget': new ScalableTargetProvider(parts),
      'AWS::ApplicationAutoScaling::ScalingPolicy': new ScalingPolicyProvider(parts),
      'AWS::MSK::Cluster': new MskClusterProvider(parts),
      'AWS::MSK::ServerlessCluster': new MskClusterProvider(parts),
      'AWS::MSK::Topic': new MskTopicProvider(parts),
      'AWS::GreengrassV2::ComponentVersion': new ComponentVersionProvider(parts),
      'AWS::GreengrassV2::Deployment': new DeploymentProvider(parts),
      'AWS::IoT::RoleAlias': new RoleAliasProvider(parts),
    };
  }

  /** Creates, updates or deletes a resource; resolves once that is done. */
  public async provision(body: unknown): Promise<ProvisionedResource> {
    const request = parseWith(resourceRequestSchema, body);
    const provider = Object.hasOwn(this.providers, request.type) ? this.providers[request.type] : undefined;
    if (!provider) {
      throw new ServiceError(
        'UnknownResourceType',
        `${request.type} is not available in the local engine; known here: ${Object.keys(this.providers).join(', ')}`,
      );
    }
    if (request.action === 'create') return provider.create(request);
    if (request.action === 'update') return provider.update(request);
    await provider.delete(request);
    return { physicalId: request.physicalId, attributes: {} };
  }
}
