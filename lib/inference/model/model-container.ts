import { Annotations } from 'aws-cdk-lib';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { SweptHost } from '../contract';
import { keepReplaced } from '../endpoint/replaced';
import type { Resolved } from '../value-checks';
import type { ModelArtifact, ModelArtifactConfig } from './model-artifact';
import type { ModelServer, ModelServerConfig } from './model-server';
import { checkRegions, checkServer, missingModel } from './model-server-checks';
import { resolveTensorParallel } from './tensor-parallel';

/** Properties of a model: its server and its files. */
export interface ModelProps {
  /** Program that serves the model. */
  readonly modelServer: ModelServer;

  /**
   * Files of the model.
   *
   * @default - the model is in the image
   */
  readonly modelArtifact?: ModelArtifact;
}

/**
 * Server and files of a model, bound to the construct that hosts it.
 *
 * @internal
 */
export interface ModelContainer {
  readonly server: ModelServerConfig;
  readonly artifact: ModelArtifactConfig | undefined;
}

/**
 * Instances that a model runs on.
 *
 * @internal
 */
export interface ModelHost {
  /** Instance types; empty for serverless endpoints. */
  readonly instanceTypes: readonly string[];
  /** Accelerators of one copy; undefined for whole instances. */
  readonly acceleratorsPerCopy?: number;
  readonly networkIsolation: boolean;
}

/**
 * Binds a model to its host, spreads it over the accelerators and checks that it fits.
 *
 * @internal
 */
export function resolveContainer(scope: Construct, props: ModelProps, host: ModelHost): Resolved<ModelContainer> {
  const { instanceTypes, acceleratorsPerCopy } = host;
  const spread = resolveTensorParallel(props.modelServer.bind(scope), instanceTypes, acceleratorsPerCopy);
  const server = spread.value;
  const artifact = props.modelArtifact?.bind(scope);
  const missing = missingModel(server, props.modelArtifact);
  if (missing !== undefined) Annotations.of(scope).addWarningV2('tidegate:missing-model', missing);
  const checked = acceleratorsPerCopy === undefined ? server : { ...server, tensorParallelDegree: acceleratorsPerCopy };
  return {
    value: { server, artifact },
    problems: [
      ...spread.problems,
      ...checkServer(checked, instanceTypes, host.networkIsolation, props.modelArtifact),
      ...checkRegions(scope, server, artifact),
    ],
  };
}

/** Renders the container of a SageMaker model: image, environment and files. */
function containerConfig({ server, artifact }: ModelContainer): sagemaker.CfnModel.ContainerDefinitionProperty {
  const hasEnvironment = Object.keys(server.environment).length > 0;
  const base = { image: server.imageUri, ...(hasEnvironment ? { environment: server.environment } : {}) };
  if (artifact === undefined) return base;
  // The key of an asset does not end with `.tar.gz`, which `ModelDataUrl` requires; the data source states the type of the object.
  const s3DataSource = {
    s3Uri: artifact.bucket.s3UrlForObject(artifact.key),
    s3DataType: artifact.isPrefix ? 'S3Prefix' : 'S3Object',
    compressionType: artifact.isPrefix ? 'None' : 'Gzip',
  };
  return { ...base, modelDataSource: { s3DataSource } };
}

/**
 * Role, permissions and network of a model.
 *
 * @internal
 */
export interface ModelEnvironment {
  /** Endpoint or inference component that runs the model. */
  readonly host: SweptHost;
  readonly executionRole: iam.IRole;
  /** Policy that must exist before the model: it allows to read the image and the files. */
  readonly permissions: iam.Policy;
  /** Undefined for serverless endpoints, which do not support network isolation. */
  readonly networkIsolation?: boolean;
  readonly vpcConfig?: sagemaker.CfnModel.VpcConfigProperty;
}

/**
 * Declares a SageMaker model.
 *
 * @internal
 */
export function declareModel(
  scope: Construct,
  id: string,
  container: ModelContainer,
  environment: ModelEnvironment,
): sagemaker.CfnModel {
  const model = new sagemaker.CfnModel(scope, id, {
    executionRoleArn: environment.executionRole.roleArn,
    enableNetworkIsolation: environment.networkIsolation,
    primaryContainer: containerConfig(container),
    vpcConfig: environment.vpcConfig,
  });
  keepReplaced(model, environment.host);
  model.node.addDependency(environment.permissions);
  return model;
}
