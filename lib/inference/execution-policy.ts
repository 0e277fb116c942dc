import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import type { ModelArtifactConfig } from './model-artifact';

/** What the execution role needs to know of an endpoint or a component. */
export interface ExecutionNeeds {
  readonly role: iam.IRole;
  /** The log group that SageMaker writes to, for example `/aws/sagemaker/Endpoints/chat`. */
  readonly logGroupName: string;
  readonly repositoryArns: readonly string[];
  readonly artifacts: readonly ModelArtifactConfig[];
  readonly encryptionKey?: kms.IKey;
  readonly inVpc?: boolean;
  /** What else it may do: what the kind of endpoint reads and writes. */
  readonly grants?: readonly ExecutionGrant[];
}

/** One more thing the role may do. */
export interface ExecutionGrant {
  readonly actions: string[];
  readonly resources: string[];
  /** Why a resource ends with a wildcard; needed where one does. */
  readonly wildcardReason?: string;
}

/** What it takes to write what a key encrypts; nothing where there is no key. */
export function encryptionGrants(key: kms.IKey | undefined): ExecutionGrant[] {
  return key === undefined ? [] : [{ actions: ['kms:GenerateDataKey', 'kms:Decrypt'], resources: [key.keyArn] }];
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
    resourceName: needs.logGroupName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const logStreams = `${logGroup}:log-stream:*`;
  const artifacts = needs.artifacts.map((artifact) => ({
    ...artifact,
    objects: artifact.bucket.arnForObjects(artifact.key + (artifact.isPrefix ? '*' : '')),
  }));
  const grants = [...(needs.grants ?? []), ...(needs.inVpc === true ? networkGrants(stack) : [])];
  const policy = new iam.Policy(scope, 'ExecutionPolicy', {
    statements: [
      ...(needs.repositoryArns.length === 0
        ? []
        : [
            new iam.PolicyStatement({
              actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
              resources: [...new Set(needs.repositoryArns)],
            }),
            new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
          ]),
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
      ...artifacts.flatMap(({ bucket, key, isPrefix, objects }) => [
        new iam.PolicyStatement({ actions: ['s3:GetObject'], resources: [objects] }),
        new iam.PolicyStatement({
          actions: ['s3:ListBucket'],
          resources: [bucket.bucketArn],
          conditions: { StringLike: { 's3:prefix': isPrefix ? `${key}*` : key } },
        }),
      ]),
      ...grants.map(({ actions, resources }) => new iam.PolicyStatement({ actions, resources })),
    ],
  });
  policy.attachToRole(needs.role);
  for (const { bucket } of artifacts) bucket.encryptionKey?.grantDecrypt(needs.role);
  needs.encryptionKey?.grant(
    needs.role,
    'kms:CreateGrant',
    'kms:Decrypt',
    'kms:DescribeKey',
    'kms:GenerateDataKeyWithoutPlaintext',
  );
  acknowledgeInlinePolicy(policy);
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
  for (const { isPrefix, objects } of artifacts) {
    if (isPrefix) {
      acknowledgeWildcards(policy, [objects], "The model's files lie below this prefix, and only they may be read.");
    }
  }
  for (const { resources, wildcardReason } of grants) {
    if (wildcardReason !== undefined) acknowledgeWildcards(policy, resources, wildcardReason);
  }
  return policy;
}

/** The network interfaces of instances in a VPC. Source: the page of the execution roles, "CreateModel API". */
function networkGrants(stack: Stack): ExecutionGrant[] {
  const ec2 = (resource: string): string => stack.formatArn({ service: 'ec2', resource, resourceName: '*' });
  return [
    {
      actions: [
        'ec2:CreateNetworkInterface',
        'ec2:CreateNetworkInterfacePermission',
        'ec2:DeleteNetworkInterface',
        'ec2:DeleteNetworkInterfacePermission',
      ],
      resources: [ec2('network-interface'), ec2('subnet'), ec2('security-group')],
      wildcardReason: 'SageMaker makes the network interfaces of its instances and names them itself.',
    },
    {
      actions: [
        'ec2:DescribeDhcpOptions',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
      ],
      resources: ['*'],
    },
  ];
}
