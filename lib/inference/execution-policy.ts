import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { acknowledgeWildcards } from '../runtime/acknowledge';
import type { ModelArtifactConfig } from './model-artifact';

/** What the execution role needs to know of an endpoint. */
export interface ExecutionNeeds {
  readonly role: iam.IRole;
  readonly endpointName: string;
  readonly repositoryArn: string;
  readonly artifact?: ModelArtifactConfig;
  readonly encryptionKey?: kms.IKey;
}

/**
 * What SageMaker needs to run the model, and nothing else: its image, its files, its logs and metrics.
 *
 * Source: "SageMaker AI execution roles, CreateModel API" in the developer guide.
 */
export function executionPolicy(scope: Construct, needs: ExecutionNeeds): iam.Policy {
  const stack = Stack.of(scope);
  const logGroup = stack.formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `/aws/sagemaker/Endpoints/${needs.endpointName}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const logStreams = `${logGroup}:log-stream:*`;
  const { artifact } = needs;
  const objects =
    artifact === undefined ? undefined : artifact.bucket.arnForObjects(artifact.key + (artifact.isPrefix ? '*' : ''));
  const policy = new iam.Policy(scope, 'ExecutionPolicy', {
    statements: [
      new iam.PolicyStatement({
        actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        resources: [needs.repositoryArn],
      }),
      new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
      new iam.PolicyStatement({ actions: ['logs:CreateLogGroup', 'logs:DescribeLogStreams'], resources: [logGroup] }),
      new iam.PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup, logStreams],
      }),
      new iam.PolicyStatement({
        actions: ['cloudwatch:PutMetricData'],
        resources: ['*'],
        conditions: { StringLike: { 'cloudwatch:namespace': ['AWS/SageMaker', '/aws/sagemaker/*'] } },
      }),
      ...(artifact === undefined || objects === undefined
        ? []
        : [
            new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: [objects] }),
            new iam.PolicyStatement({
              actions: ['s3:ListBucket'],
              resources: [artifact.bucket.bucketArn],
              conditions: { StringLike: { 's3:prefix': artifact.isPrefix ? `${artifact.key}*` : artifact.key } },
            }),
          ]),
    ],
  });
  policy.attachToRole(needs.role);
  artifact?.bucket.encryptionKey?.grantDecrypt(needs.role);
  needs.encryptionKey?.grant(
    needs.role,
    'kms:CreateGrant',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:GenerateDataKeyWithoutPlaintext',
  );
  acknowledgeWildcards(
    policy,
    ['*'],
    'GetAuthorizationToken and PutMetricData know no resources; PutMetricData is held to the namespaces of SageMaker by a condition.',
  );
  acknowledgeWildcards(
    policy,
    [logStreams],
    "The log streams of the endpoint's own log group are named by SageMaker as instances start.",
  );
  if (objects !== undefined && artifact?.isPrefix === true) {
    acknowledgeWildcards(policy, [objects], "The model's files lie below this prefix, and only they may be read.");
  }
  return policy;
}
