import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import type { PulledImage } from './images';
import type { PackedAsset } from './packed-asset';

/** Where models land in the model bucket. */
export const MODELS_PREFIX = 'models/';

/** Where checkpoints land in the model bucket. */
export const CHECKPOINTS_PREFIX = 'checkpoints/';

interface RunNeeds {
  readonly image: PulledImage;
  /** The log group below `/aws/sagemaker/`. */
  readonly logGroup: string;
  readonly metricNamespace: string;
}

/** What every SageMaker container needs: its image, its logs, its metrics. */
function runStatements(scope: Construct, needs: RunNeeds): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'PullImage',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      resources: [needs.image.repositoryArn],
    }),
    new iam.PolicyStatement({ sid: 'LogIn', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
    new iam.PolicyStatement({
      sid: 'Log',
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: [logGroupArn(scope, needs.logGroup)],
    }),
    new iam.PolicyStatement({
      sid: 'Count',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringEquals: { 'cloudwatch:namespace': needs.metricNamespace } },
    }),
  ];
}

function logGroupArn(scope: Construct, name: string): string {
  return Stack.of(scope).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `/aws/sagemaker/${name}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

const ANY_RESOURCE =
  'GetAuthorizationToken and PutMetricData know no resources; PutMetricData is held to one namespace by a condition.';

/** The role of the training jobs: reads the data and the source, writes models and checkpoints. */
export function trainingRole(
  scope: Construct,
  needs: {
    readonly image: PulledImage;
    readonly source: PackedAsset;
    readonly data: s3.IBucket;
    readonly dataPrefix: string;
    readonly models: s3.IBucket;
  },
): iam.Role {
  const role = new iam.Role(scope, 'TrainingRole', {
    assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
    description: 'Runs training jobs',
  });
  const { data, models, dataPrefix } = needs;
  const dataObjects = data.arnForObjects(`${dataPrefix}*`);
  const written = [MODELS_PREFIX, CHECKPOINTS_PREFIX].map((prefix) => models.arnForObjects(`${prefix}*`));
  const policy = new iam.Policy(scope, 'TrainingPolicy', {
    statements: [
      ...runStatements(scope, {
        image: needs.image,
        logGroup: 'TrainingJobs',
        metricNamespace: '/aws/sagemaker/TrainingJobs',
      }),
      new iam.PolicyStatement({ sid: 'ReadData', actions: ['s3:GetObject'], resources: [dataObjects] }),
      new iam.PolicyStatement({ sid: 'ReadSource', actions: ['s3:GetObject'], resources: [needs.source.objectArn] }),
      new iam.PolicyStatement({
        sid: 'FindData',
        actions: ['s3:ListBucket'],
        resources: [data.bucketArn],
        conditions: { StringLike: { 's3:prefix': `${dataPrefix}*` } },
      }),
      new iam.PolicyStatement({
        sid: 'KeepModels',
        actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
        resources: written,
      }),
      new iam.PolicyStatement({
        sid: 'FindCheckpoints',
        actions: ['s3:ListBucket'],
        resources: [models.bucketArn],
        conditions: { StringLike: { 's3:prefix': [`${MODELS_PREFIX}*`, `${CHECKPOINTS_PREFIX}*`] } },
      }),
    ],
  });
  policy.attachToRole(role);
  data.encryptionKey?.grantDecrypt(role);
  models.encryptionKey?.grantEncryptDecrypt(role);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, ['*'], ANY_RESOURCE);
  acknowledgeWildcards(
    policy,
    [dataObjects, ...written, logGroupArn(scope, 'TrainingJobs')],
    'SageMaker names the log streams, the jobs and what they write as it goes; the data lies below a prefix.',
  );
  return role;
}

/** The role of the endpoints that serve the trained models. */
export function modelExecutionRole(
  scope: Construct,
  needs: { readonly image: PulledImage; readonly models: s3.IBucket },
): iam.Role {
  const role = new iam.Role(scope, 'ModelRole', {
    assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
    description: 'Serves trained models',
  });
  const { models } = needs;
  const objects = models.arnForObjects(`${MODELS_PREFIX}*`);
  const policy = new iam.Policy(scope, 'ModelPolicy', {
    statements: [
      ...runStatements(scope, { image: needs.image, logGroup: 'Endpoints', metricNamespace: 'AWS/SageMaker' }),
      new iam.PolicyStatement({ sid: 'ReadModels', actions: ['s3:GetObject'], resources: [objects] }),
      new iam.PolicyStatement({
        sid: 'FindModels',
        actions: ['s3:ListBucket'],
        resources: [models.bucketArn],
        conditions: { StringLike: { 's3:prefix': `${MODELS_PREFIX}*` } },
      }),
    ],
  });
  policy.attachToRole(role);
  models.encryptionKey?.grantDecrypt(role);
  acknowledgeInlinePolicy(policy);
  acknowledgeWildcards(policy, ['*'], ANY_RESOURCE);
  acknowledgeWildcards(
    policy,
    [objects, logGroupArn(scope, 'Endpoints')],
    'Models and log streams get their names when they are made, below these prefixes.',
  );
  return role;
}
