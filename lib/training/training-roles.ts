import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE, TRAINING_JOBS_NAMESPACE } from '../catalog/hosting-metrics';
import { acknowledgeGrants, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { grantKeyUse } from '../runtime/dependent-grants';
import { ANY_RESOURCE_REASON, containerStatements, sageMakerLogGroupArn } from '../runtime/sagemaker-container';
import type { PulledImage } from '../runtime/sagemaker-images';
import { sageMakerNetworkGrants } from '../runtime/sagemaker-network';
import type { PackedAsset } from './packed-asset';

/** Key prefix of models in the model bucket. */
export const MODELS_PREFIX = 'models/';

/** Key prefix of checkpoints in the model bucket. */
export const CHECKPOINTS_PREFIX = 'checkpoints/';

/** Objects that a job reads: those below a prefix of a bucket. */
interface Input {
  readonly bucket: s3.IBucket;
  readonly prefix?: string;
}

/** Creates the role of the training jobs: it may read the inputs and the source, and write models and checkpoints. */
export function trainingRole(
  scope: Construct,
  needs: {
    readonly image: PulledImage;
    readonly source: PackedAsset;
    /** True if the source is an input channel, whose object SageMaker looks up. */
    readonly sourceIsChannel: boolean;
    readonly inputs: readonly Input[];
    readonly models: s3.IBucket;
    /** Prefixes below which it writes, models and checkpoints by default. */
    readonly writtenPrefixes?: readonly string[];
    /** Permissions beside those that every job has. */
    readonly further?: readonly iam.PolicyStatement[];
    readonly outputKey?: kms.IKey;
    readonly inVpc: boolean;
  },
): iam.Role {
  const role = new iam.Role(scope, 'TrainingRole', {
    assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
    description: 'Runs training jobs',
  });
  const { inputs, models, source } = needs;
  const read = inputs.map(({ bucket, prefix = '' }) => bucket.arnForObjects(`${prefix}*`));
  const prefixes = needs.writtenPrefixes ?? [MODELS_PREFIX, CHECKPOINTS_PREFIX];
  const written = prefixes.map((prefix) => models.arnForObjects(`${prefix}*`));
  const network = needs.inVpc ? sageMakerNetworkGrants(Stack.of(scope)) : [];
  const policy = new iam.Policy(scope, 'TrainingPolicy', {
    statements: [
      ...containerStatements(scope, {
        image: needs.image,
        logGroup: 'TrainingJobs',
        metricNamespace: TRAINING_JOBS_NAMESPACE,
      }),
      ...(read.length === 0
        ? []
        : [new iam.PolicyStatement({ sid: 'ReadData', actions: ['s3:GetObject'], resources: read })]),
      new iam.PolicyStatement({ sid: 'ReadSource', actions: ['s3:GetObject'], resources: [source.objectArn] }),
      ...inputs.map(({ bucket, prefix = '' }, index) => find(`FindData${index || ''}`, bucket, `${prefix}*`)),
      ...(needs.sourceIsChannel ? [find('FindSource', source.bucket, source.objectKey)] : []),
      new iam.PolicyStatement({
        sid: 'KeepModels',
        actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
        resources: written,
      }),
      find('FindCheckpoints', models, ...prefixes.map((prefix) => `${prefix}*`)),
      ...(needs.further ?? []),
      ...network.map(({ actions, resources }) => new iam.PolicyStatement({ actions, resources })),
    ],
  });
  policy.attachToRole(role);
  for (const { bucket } of inputs) grantKeyUse(bucket.encryptionKey, role, 's3:GetObject');
  grantKeyUse(models.encryptionKey, role, 's3:GetObject', 's3:CreateMultipartUpload');
  grantKeyUse(needs.outputKey, role, 's3:GetObject', 's3:CreateMultipartUpload');
  acknowledgeGrants(role);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(
    policy,
    ['*'],
    needs.further?.some(({ resources }) => resources.includes('*')) === true
      ? `${ANY_RESOURCE_REASON} Neither do the channels of Systems Manager.`
      : ANY_RESOURCE_REASON,
  );
  acknowledgeWildcards(
    policy,
    [
      ...read,
      ...written,
      sageMakerLogGroupArn(scope, 'TrainingJobs'),
      ...(needs.further ?? []).flatMap(({ resources }) => resources.filter((arn) => arn !== '*' && arn.endsWith('*'))),
    ],
    'SageMaker names the log streams, the jobs and their output at run time; the data is below a prefix.',
  );
  for (const { resources, wildcardReason } of network) {
    if (wildcardReason !== undefined) acknowledgeWildcards(policy, resources, wildcardReason);
  }
  return role;
}

/** Permission to list the keys below prefixes of a bucket. */
function find(sid: string, bucket: s3.IBucket, ...prefixes: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    actions: ['s3:ListBucket'],
    resources: [bucket.bucketArn],
    conditions: { StringLike: { 's3:prefix': prefixes.length === 1 ? prefixes[0] : prefixes } },
  });
}

/** Creates the execution role of the trained models. */
export function modelExecutionRole(
  scope: Construct,
  needs: { readonly image: PulledImage; readonly models: s3.IBucket; readonly outputKey?: kms.IKey },
): iam.Role {
  const role = new iam.Role(scope, 'ModelRole', {
    assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
    description: 'Serves trained models',
  });
  const { models } = needs;
  const objects = models.arnForObjects(`${MODELS_PREFIX}*`);
  const policy = new iam.Policy(scope, 'ModelPolicy', {
    statements: [
      ...containerStatements(scope, {
        image: needs.image,
        logGroup: 'Endpoints',
        metricNamespace: SAGEMAKER_NAMESPACE,
      }),
      new iam.PolicyStatement({ sid: 'ReadModels', actions: ['s3:GetObject'], resources: [objects] }),
      find('FindModels', models, `${MODELS_PREFIX}*`),
    ],
  });
  policy.attachToRole(role);
  grantKeyUse(models.encryptionKey, role, 's3:GetObject');
  grantKeyUse(needs.outputKey, role, 's3:GetObject');
  acknowledgeGrants(role);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, ['*'], ANY_RESOURCE_REASON);
  acknowledgeWildcards(
    policy,
    [objects, sageMakerLogGroupArn(scope, 'Endpoints')],
    'Models and log streams are named at run time, below these prefixes.',
  );
  return role;
}
