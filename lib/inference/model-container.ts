import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { ModelArtifactConfig } from './model-artifact';
import type { ModelServerConfig } from './model-server';

/** The container of a SageMaker model: image, environment and the model's files. */
export function modelContainer(
  server: ModelServerConfig,
  artifact: ModelArtifactConfig | undefined,
): sagemaker.CfnModel.ContainerDefinitionProperty {
  const hasEnvironment = Object.keys(server.environment).length > 0;
  const base = { image: server.imageUri, ...(hasEnvironment ? { environment: server.environment } : {}) };
  if (artifact === undefined) return base;
  // Assets keep no `.tar.gz` in their key, which `ModelDataUrl` insists on; the data source says what the object is.
  const s3DataSource = {
    s3Uri: artifact.bucket.s3UrlForObject(artifact.key),
    s3DataType: artifact.isPrefix ? 'S3Prefix' : 'S3Object',
    compressionType: artifact.isPrefix ? 'None' : 'Gzip',
  };
  return { ...base, modelDataSource: { s3DataSource } };
}
