import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { SAGEMAKER_NAMESPACE } from '../../catalog/hosting-metrics';
import { acknowledgeInlinePolicy, acknowledgeWildcards } from '../../runtime/acknowledge';
import { sageMakerNetworkGrants } from '../../runtime/sagemaker-network';
import type { ModelContainer, ModelEnvironment } from '../model/model-container';
import { vpcConfig, type Network } from './network';

/** Resources of an endpoint or an inference component that its execution role has to reach. */
export interface ExecutionNeeds {
  readonly role: iam.IRole;
  /** Log group that SageMaker writes to, for example `/aws/sagemaker/Endpoints/chat`. */
  readonly logGroupName: string;
  /** Models whose images are pulled and whose files are read. */
  readonly models: readonly ModelContainer[];
  readonly encryptionKey?: kms.IKey;
  readonly inVpc?: boolean;
  /** Further permissions, for what the kind of endpoint reads and writes. */
  readonly grants?: readonly ExecutionGrant[];
}

/** Further permission of the execution role. */
export interface ExecutionGrant {
  readonly actions: string[];
  readonly resources: string[];
  /** Reason for a resource with a wildcard; needed where one has it. */
  readonly wildcardReason?: string;
}

/** Permissions to write what a key encrypts; none without a key. */
export function encryptionGrants(key: kms.IKey | undefined): ExecutionGrant[] {
  return key === undefined ? [] : [{ actions: ['kms:GenerateDataKey', 'kms:Decrypt'], resources: [key.keyArn] }];
}

/** Log group that SageMaker writes the container logs of an endpoint to. */
export function endpointLogGroup(endpointName: string): string {
  return `/aws/sagemaker/Endpoints/${endpointName}`;
}

/** Returns the given role, or creates one that SageMaker assumes. */
export function executionRole(scope: Construct, given: iam.IRole | undefined, description: string): iam.IRole {
  if (given !== undefined) return given;
  const assumedBy = new iam.ServicePrincipal('sagemaker.amazonaws.com');
  return new iam.Role(scope, 'ExecutionRole', { assumedBy, description });
}

/** Parts of an endpoint that the environment of its models depends on. */
export interface EnvironmentNeeds extends Pick<ExecutionNeeds, 'models' | 'encryptionKey' | 'grants'> {
  readonly endpointName: string;
  readonly executionRole: iam.IRole | undefined;
  readonly network: Network;
}

/** Declares role, permissions and network of the models of an endpoint. */
export function declareEnvironment(scope: Construct, needs: EnvironmentNeeds): ModelEnvironment {
  const { endpointName, network } = needs;
  const role = executionRole(scope, needs.executionRole, `Runs the model of endpoint ${endpointName}`);
  const permissions = executionPolicy(scope, {
    role,
    logGroupName: endpointLogGroup(endpointName),
    models: needs.models,
    encryptionKey: needs.encryptionKey,
    inVpc: network.vpc !== undefined,
    grants: needs.grants,
  });
  return {
    host: { kind: 'endpoint', name: endpointName },
    executionRole: role,
    permissions,
    networkIsolation: network.isolation,
    vpcConfig: vpcConfig(scope, network),
  };
}

/**
 * Allows SageMaker to run models, and nothing else: to pull their images, read their files, and write their logs and metrics.
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
  const repositoryArns = [...new Set(needs.models.map(({ server }) => server.repositoryArn))];
  const artifacts = needs.models.flatMap(({ artifact }) =>
    artifact === undefined
      ? []
      : [{ ...artifact, objects: artifact.bucket.arnForObjects(artifact.key + (artifact.isPrefix ? '*' : '')) }],
  );
  const grants = [...(needs.grants ?? []), ...(needs.inVpc === true ? sageMakerNetworkGrants(stack) : [])];
  const policy = new iam.Policy(scope, 'ExecutionPolicy', {
    statements: [
      ...(repositoryArns.length === 0
        ? []
        : [
            new iam.PolicyStatement({
              actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
              resources: repositoryArns,
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
        conditions: { StringLike: { 'cloudwatch:namespace': [SAGEMAKER_NAMESPACE, '/aws/sagemaker/*'] } },
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
    'GetAuthorizationToken and PutMetricData support no resource-level permissions; a condition limits PutMetricData to the namespaces of ' +
      'SageMaker.',
  );
  acknowledgeWildcards(
    policy,
    [logStreams],
    "SageMaker names the log streams in the endpoint's own log group as instances start.",
  );
  for (const { isPrefix, objects } of artifacts) {
    if (isPrefix) {
      acknowledgeWildcards(
        policy,
        [objects],
        'The files of the model lie below this prefix, and only they may be read.',
      );
    }
  }
  for (const { resources, wildcardReason } of grants) {
    if (wildcardReason !== undefined) acknowledgeWildcards(policy, resources, wildcardReason);
  }
  return policy;
}
