import {
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeInferenceComponentCommand,
  ListTagsCommand,
  paginateListEndpointConfigs,
  paginateListModels,
  SageMakerClient,
  type DescribeEndpointConfigCommandOutput,
} from '@aws-sdk/client-sagemaker';
import { HOSTED_BY_TAG, type SweptHost } from '../../lib/inference/contract';
import type { HostingNames, StoredHostConfig, StoredHostModel } from '../../lib/inference/decide/sweep';
import { awsClient } from './aws-client';

/** Model or configuration with the host that its tag names. */
export type Tagged<Stored> = Stored & { readonly hostedBy: string };

/** Client of the configurations and models behind endpoints. */
export interface HostingConfigurations {
  /** Returns what an endpoint or inference component runs on, and whether a deployment is in progress. */
  inUse(host: SweptHost): Promise<{ readonly isSettled: boolean; readonly names: HostingNames }>;
  /** Returns all endpoint configurations that carry the tag of a host. */
  taggedConfigs(): Promise<readonly Tagged<StoredHostConfig>[]>;
  /** Returns all models that carry the tag of a host. */
  taggedModels(): Promise<readonly Tagged<StoredHostModel>[]>;
  deleteConfig(name: string): Promise<void>;
  deleteModel(name: string): Promise<void>;
}

/** {@link HostingConfigurations} of SageMaker. */
export function createHostingConfigurations(sagemaker = awsClient(SageMakerClient)): HostingConfigurations {
  const describeConfig = (name: string): Promise<DescribeEndpointConfigCommandOutput> =>
    sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: name }));

  const tagged = async (list: AsyncIterable<readonly Listed[]>): Promise<Tagged<StoredHostModel>[]> => {
    const found: Tagged<StoredHostModel>[] = [];
    for await (const page of list) {
      for (const { arn, name, createdAt } of page) {
        const { Tags = [] } = await sagemaker.send(new ListTagsCommand({ ResourceArn: arn }));
        const hostedBy = Tags.find(({ Key }) => Key === HOSTED_BY_TAG)?.Value;
        if (hostedBy !== undefined) found.push({ name, createdAt: createdAt.getTime() / 1000, hostedBy });
      }
    }
    return found;
  };

  return {
    async inUse({ kind, name }) {
      if (kind === 'inference-component') {
        const component = await sagemaker.send(new DescribeInferenceComponentCommand({ InferenceComponentName: name }));
        return {
          isSettled: component.InferenceComponentStatus === 'InService',
          names: { configNames: [], modelNames: present([component.Specification?.ModelName]) },
        };
      }
      const endpoint = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));
      const pending = endpoint.PendingDeploymentSummary?.EndpointConfigName;
      const configNames = present([endpoint.EndpointConfigName, pending]);
      const configs = await Promise.all(configNames.map(describeConfig));
      return {
        isSettled: endpoint.EndpointStatus === 'InService' && pending === undefined,
        names: { configNames, modelNames: configs.flatMap(modelNamesOf) },
      };
    },

    async taggedConfigs() {
      const configs = await tagged(listedConfigs(sagemaker));
      const described = await Promise.all(configs.map(({ name }) => describeConfig(name)));
      return configs.map((config, index) => ({ ...config, modelNames: modelNamesOf(described[index]!) }));
    },

    taggedModels: () => tagged(listedModels(sagemaker)),

    async deleteConfig(name) {
      await sagemaker.send(new DeleteEndpointConfigCommand({ EndpointConfigName: name }));
    },

    async deleteModel(name) {
      await sagemaker.send(new DeleteModelCommand({ ModelName: name }));
    },
  };
}

interface Listed {
  readonly arn: string;
  readonly name: string;
  readonly createdAt: Date;
}

async function* listedConfigs(client: SageMakerClient): AsyncGenerator<Listed[]> {
  for await (const { EndpointConfigs = [] } of paginateListEndpointConfigs({ client, pageSize: 100 }, {}))
    yield EndpointConfigs.map(({ EndpointConfigArn, EndpointConfigName, CreationTime }) => ({
      arn: EndpointConfigArn!,
      name: EndpointConfigName!,
      createdAt: CreationTime!,
    }));
}

async function* listedModels(client: SageMakerClient): AsyncGenerator<Listed[]> {
  for await (const { Models = [] } of paginateListModels({ client, pageSize: 100 }, {}))
    yield Models.map(({ ModelArn, ModelName, CreationTime }) => ({
      arn: ModelArn!,
      name: ModelName!,
      createdAt: CreationTime!,
    }));
}

function modelNamesOf({
  ProductionVariants = [],
  ShadowProductionVariants = [],
}: DescribeEndpointConfigCommandOutput): string[] {
  return present([...ProductionVariants, ...ShadowProductionVariants].map(({ ModelName }) => ModelName));
}

const present = (names: readonly (string | undefined)[]): string[] => names.filter((name) => name !== undefined);
