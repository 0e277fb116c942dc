import { z } from 'zod';
import type { Json } from '../../core/parse';
import { parseWith } from '../http/schema-parts';
import { ServiceError } from '../http/service-error';

const batchGetSchema = z.object({
  registryId: z.string(),
  repositoryName: z.string(),
  imageIds: z.array(z.object({ imageTag: z.string().optional(), imageDigest: z.string().optional() })),
});

/** Repositories of AWS's own accounts, from which everyone may pull. */
const REPOSITORY =
  /^(sagemaker-|djl-|huggingface-|vllm|autogluon-|pytorch-|tensorflow-|mxnet-|stabilityai-|xgboost$|[a-z-]+-inference)/;

/**
 * Images in the registries of other accounts, which are those of AWS here. Every tag exists that looks like one of AWS's: framework
 * and version, such as `26.05-py3`.
 */
export function callPublicRegistry(operation: string, input: Json): Json {
  if (operation !== 'BatchGetImage') {
    throw new ServiceError(
      'AccessDeniedException',
      `ecr:${operation} is not allowed on the registry of another account; only images can be pulled`,
    );
  }
  const { registryId, repositoryName, imageIds } = parseWith(batchGetSchema, input);
  if (!REPOSITORY.test(repositoryName)) {
    throw new ServiceError(
      'RepositoryNotFoundException',
      `The repository with name '${repositoryName}' does not exist in the registry with id '${registryId}'`,
    );
  }
  const exists = ({ imageTag }: { readonly imageTag?: string }): boolean => /\d/.test(imageTag ?? '');
  return {
    images: imageIds.filter(exists).map((imageId) => ({ registryId, repositoryName, imageId, imageManifest: '{}' })),
    failures: imageIds
      .filter((imageId) => !exists(imageId))
      .map((imageId) => ({ imageId, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' })),
  };
}
