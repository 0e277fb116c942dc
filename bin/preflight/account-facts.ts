import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { awsClient } from '../../lambda/clients/aws-client';
import { SCALING_SERVICE_ROLE_NAME } from '../../lib/catalog/provisioning-actions';
import { SAGEMAKER_QUOTA_SERVICE } from '../../lib/catalog/service-quotas';
import type { AccountFacts, AccountNeeds, Fact, ImageNeed } from '../../lib/preflight/contract';
import { environmentRegion } from '../environment-region';
import { fact, orNull } from './fact';
import { readPermissions } from './permission-facts';
import { readHosted, readTraining } from './running-instances';
import { SignedCalls, type AwsCredentials } from './signed-call';

/** Account and region to ask. */
export interface AccountAccess {
  readonly region: string;
  /** URL of another endpoint than AWS's, such as a local engine. @default - AWS_ENDPOINT_URL, as for the SDK and the CDK */
  readonly endpointUrl?: string;
  /** @default - the SDK's chain: environment, profile, role */
  readonly credentials?: AwsCredentials;
  /** Maximum time of one attempt. @default 10000 */
  readonly timeoutMs?: number;
}

/** Returns the region of the environment or of the AWS profile, as the CDK takes it for stages that name none; undefined without one. */
export async function callerRegion(): Promise<string | undefined> {
  const named = environmentRegion();
  if (named !== undefined) return named;
  const ssm = awsClient(SSMClient);
  try {
    return await ssm.config.region();
  } catch {
    return undefined;
  } finally {
    ssm.destroy();
  }
}

/**
 * Reads from an account what a deployment needs of it; every call ends in time and changes nothing.
 *
 * @throws Error when it cannot be known whose account it is: no credentials, no connection
 */
export async function readAccountFacts(needs: AccountNeeds, access: AccountAccess): Promise<AccountFacts> {
  const { region, endpointUrl = process.env['AWS_ENDPOINT_URL'] || undefined, timeoutMs = 10_000 } = access;
  const limits = { requestTimeoutMs: timeoutMs, connectionTimeoutMs: 3_000 };
  const settings = {
    region,
    ...(endpointUrl !== undefined && { endpoint: endpointUrl }),
    ...(access.credentials !== undefined && { credentials: access.credentials }),
  };
  const iam = awsClient(IAMClient, limits, settings);
  const lambda = awsClient(LambdaClient, limits, settings);
  const ssm = awsClient(SSMClient, limits, settings);
  const sageMaker = awsClient(SageMakerClient, limits, settings);
  const credentials = (): Promise<AwsCredentials> => iam.config.credentials();
  const calls = new SignedCalls({ region, credentials, timeoutMs, ...(endpointUrl !== undefined && { endpointUrl }) });
  try {
    const caller = await calls.callerIdentity();
    const { bootstrap } = needs;
    const bootstrapVersion = await fact('ssm:GetParameter', () =>
      orNull('ParameterNotFound', async () => {
        if (bootstrap === undefined) return null;
        const { Parameter } = await ssm.send(new GetParameterCommand({ Name: bootstrap.parameterName }));
        return Number(Parameter?.Value);
      }),
    );
    return {
      accountId: caller.accountId,
      region,
      quotas: await fact('servicequotas:ListServiceQuotas', () => readQuotas(calls)),
      hosted: await fact('sagemaker:ListEndpoints, DescribeEndpoint, DescribeEndpointConfig and ListTags', () =>
        readHosted(sageMaker, needs.stackNames),
      ),
      training: await fact('sagemaker:ListTrainingJobs and DescribeTrainingJob', () =>
        needs.training.length === 0 ? Promise.resolve(new Map<string, number>()) : readTraining(sageMaker),
      ),
      lambda: await fact('lambda:GetAccountSettings', async () => {
        const { AccountLimit } = await lambda.send(new GetAccountSettingsCommand({}));
        return {
          concurrentExecutions: AccountLimit?.ConcurrentExecutions ?? 0,
          unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? 0,
        };
      }),
      bootstrapVersion,
      hasScalingRole: await fact('iam:GetRole', async () => {
        const found = await orNull('NoSuchEntityException', () =>
          iam.send(new GetRoleCommand({ RoleName: SCALING_SERVICE_ROLE_NAME })),
        );
        return found !== null;
      }),
      images: await readImages(calls, needs.images),
      permissions: await readPermissions(iam, needs, {
        ...caller,
        region,
        isBootstrapped: bootstrapVersion.kind === 'unknown' || bootstrapVersion.value !== null,
      }),
    };
  } finally {
    for (const client of [iam, lambda, ssm, sageMaker]) client.destroy();
  }
}

interface Quota {
  readonly QuotaName?: string;
  readonly Value?: number;
}

/** Quotas of the account, and the defaults of those that it does not list: it lists what was ever applied. */
async function readQuotas(calls: SignedCalls): Promise<ReadonlyMap<string, number>> {
  const quotas = new Map<string, number>();
  for (const operation of ['ListAWSDefaultServiceQuotas', 'ListServiceQuotas']) {
    let token: unknown;
    do {
      const page = await calls.call('servicequotas', 'servicequotas', `ServiceQuotasV20190624.${operation}`, {
        ServiceCode: SAGEMAKER_QUOTA_SERVICE,
        MaxResults: 100,
        ...(token !== undefined && { NextToken: token }),
      });
      for (const { QuotaName, Value } of (page['Quotas'] ?? []) as readonly Quota[])
        if (QuotaName !== undefined && Value !== undefined) quotas.set(QuotaName, Value);
      token = page['NextToken'];
    } while (token !== undefined);
  }
  return quotas;
}

async function readImages(
  calls: SignedCalls,
  images: readonly ImageNeed[],
): Promise<ReadonlyMap<string, Fact<boolean>>> {
  const facts = new Map<string, Fact<boolean>>();
  for (const { uri, account, region, repository, tag } of images) {
    const imageId = tag.startsWith('sha256:') ? { imageDigest: tag } : { imageTag: tag };
    facts.set(
      uri,
      await fact('ecr:BatchGetImage', async () => {
        const found = await orNull('RepositoryNotFoundException', () =>
          calls.in(region).call('ecr', 'api.ecr', 'AmazonEC2ContainerRegistry_V20150921.BatchGetImage', {
            registryId: account,
            repositoryName: repository,
            imageIds: [imageId],
          }),
        );
        return found !== null && ((found['images'] ?? []) as readonly unknown[]).length > 0;
      }),
    );
  }
  return facts;
}
