import {
  DescribeModelPackageCommand,
  type ModelPackageContainerDefinition,
  SageMakerClient,
  UpdateModelPackageCommand,
} from '@aws-sdk/client-sagemaker';
import { awsClient } from './aws-client';

/** Version of a model in SageMaker's registry. */
export interface RegisteredVersion {
  readonly arn: string;
  /** Location of the artifact, that of a folder of files with a slash at its end; undefined for a package without one. */
  readonly modelDataUrl: string | undefined;
  readonly approvalStatus: string;
  readonly approvalDescription: string | undefined;
  readonly metadata: { readonly [name: string]: string };
}

/** Changes of a version. */
export interface VersionChange {
  readonly approvalStatus?: 'Approved' | 'Rejected';
  readonly approvalDescription?: string;
  readonly metadata?: { readonly [name: string]: string };
}

/** Client of the versions in SageMaker's registry. */
export interface ModelVersions {
  describe(arn: string): Promise<RegisteredVersion>;
  update(arn: string, change: VersionChange): Promise<void>;
}

/** Maximum lengths of a value of the metadata and of an approval's description (API reference, UpdateModelPackage). */
const MAX_VALUE_LENGTH = 256;
const MAX_DESCRIPTION_LENGTH = 1024;

/** {@link ModelVersions} of SageMaker. */
export function createModelVersions(sagemaker = awsClient(SageMakerClient)): ModelVersions {
  return {
    async describe(arn) {
      const found = await sagemaker.send(new DescribeModelPackageCommand({ ModelPackageName: arn }));
      return {
        arn: found.ModelPackageArn ?? arn,
        modelDataUrl: locationOf(found.InferenceSpecification?.Containers?.[0]),
        approvalStatus: found.ModelApprovalStatus ?? '',
        approvalDescription: found.ApprovalDescription,
        metadata: found.CustomerMetadataProperties ?? {},
      };
    },

    async update(arn, { approvalStatus, approvalDescription, metadata }) {
      await sagemaker.send(
        new UpdateModelPackageCommand({
          ModelPackageArn: arn,
          ModelApprovalStatus: approvalStatus,
          ApprovalDescription: approvalDescription?.slice(0, MAX_DESCRIPTION_LENGTH),
          CustomerMetadataProperties:
            metadata &&
            Object.fromEntries(
              Object.entries(metadata).map(([name, value]) => [name, value.slice(0, MAX_VALUE_LENGTH)]),
            ),
        }),
      );
    },
  };
}

function locationOf(container: ModelPackageContainerDefinition | undefined): string | undefined {
  const source = container?.ModelDataSource?.S3DataSource;
  if (source?.S3DataType === 'S3Prefix') return source.S3Uri?.replace(/\/*$/, '/');
  return container?.ModelDataUrl ?? source?.S3Uri;
}
