import {
  GetRoleCommand,
  IAMClient,
  paginateSimulatePrincipalPolicy,
  type ContextEntry,
  type EvaluationResult,
} from '@aws-sdk/client-iam';
import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  ListTagsCommand,
  paginateListEndpoints,
  SageMakerClient,
  type ProductionVariantSummary,
} from '@aws-sdk/client-sagemaker';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { awsClient } from '../../lambda/clients/aws-client';
import { SCALING_SERVICE_ROLE_NAME } from '../../lib/catalog/provisioning-actions';
import { SAGEMAKER_QUOTA_SERVICE } from '../../lib/catalog/service-quotas';
import type {
  AccountFacts,
  AccountNeeds,
  Denial,
  Fact,
  ImageNeed,
  RolePermissions,
} from '../../lib/preflight/contract';
import { deploymentActions } from '../../lib/preflight/decide/check-account';
import { SignedCalls, type AwsCredentials } from './signed-call';

/** Actions in one simulation; the request has to stay below the limit of IAM's query protocol. */
const ACTIONS_PER_SIMULATION = 50;

/** Endpoints beyond which what runs already is not counted: each takes three calls. */
const MAX_ENDPOINTS = 100;

/** Tag that CloudFormation gives to the resources of a stack. */
const STACK_NAME_TAG = 'aws:cloudformation:stack-name';

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

/** Reads one fact. A refusal or a silent service makes it unknown, with the permission that was needed. */
async function fact<Value>(action: string, read: () => Promise<Value>): Promise<Fact<Value>> {
  try {
    return { kind: 'known', value: await read() };
  } catch (error) {
    const { name, message } = error as Error;
    return { kind: 'unknown', action, reason: `${action} could not be read: ${name}: ${message.split('\n')[0]}` };
  }
}

/** Returns null for an error of a name, which says that there is no such thing. */
async function orNull<Value>(errorName: string, read: () => Promise<Value>): Promise<Value | null> {
  try {
    return await read();
  } catch (error) {
    if ((error as Error).name === errorName) return null;
    throw error;
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

/** Counts the instances of the account's endpoints by type, without those of some stacks. */
async function readHosted(
  sageMaker: SageMakerClient,
  ownStacks: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const endpoints: { readonly name: string; readonly arn: string }[] = [];
  for await (const { Endpoints = [] } of paginateListEndpoints({ client: sageMaker, pageSize: 100 }, {}))
    for (const { EndpointName, EndpointArn } of Endpoints) endpoints.push({ name: EndpointName!, arn: EndpointArn! });
  if (endpoints.length > MAX_ENDPOINTS)
    throw new Error(`${endpoints.length} endpoints are too many to count; compare with Service Quotas by hand`);
  const hosted = new Map<string, number>();
  for (const { name, arn } of endpoints) {
    const { Tags = [] } = await sageMaker.send(new ListTagsCommand({ ResourceArn: arn }));
    const stack = Tags.find(({ Key }) => Key === STACK_NAME_TAG)?.Value;
    if (stack !== undefined && ownStacks.includes(stack)) continue;
    const {
      EndpointConfigName,
      ProductionVariants = [],
      ShadowProductionVariants = [],
    } = await sageMaker.send(new DescribeEndpointCommand({ EndpointName: name }));
    const config = await sageMaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName }));
    const declared = [...(config.ProductionVariants ?? []), ...(config.ShadowProductionVariants ?? [])];
    for (const variant of [...ProductionVariants, ...ShadowProductionVariants]) {
      const { InstanceType } = declared.find(({ VariantName }) => VariantName === variant.VariantName) ?? {};
      for (const [type, count] of instancesOf(variant, InstanceType)) hosted.set(type, (hosted.get(type) ?? 0) + count);
    }
  }
  return hosted;
}

/** Instances of a variant by type; none of a serverless one. */
function instancesOf(
  { InstancePools = [], CurrentInstanceCount = 0, DesiredInstanceCount = 0 }: ProductionVariantSummary,
  instanceType: string | undefined,
): [instanceType: string, count: number][] {
  if (InstancePools.length > 0)
    return InstancePools.map((pool) => [pool.InstanceType!, pool.CurrentInstanceCount ?? 0]);
  return instanceType === undefined ? [] : [[instanceType, Math.max(CurrentInstanceCount, DesiredInstanceCount)]];
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

/** Simulates the policies of the role that CloudFormation acts with, and of the caller who has to hand over to it. */
async function readPermissions(
  iam: IAMClient,
  { bootstrap, resourceTypes }: AccountNeeds,
  caller: {
    readonly accountId: string;
    readonly arn: string;
    readonly region: string;
    readonly isBootstrapped: boolean;
  },
): Promise<RolePermissions[]> {
  const { accountId, arn, region } = caller;
  const partition = arn.split(':')[1]!;
  const { actions } = deploymentActions(resourceTypes);
  const me = callerEntity(arn);
  const own = (wanted: Wanted): Promise<RolePermissions> =>
    me === undefined
      ? Promise.resolve({ role: 'the root user', denied: { kind: 'known', value: [] } })
      : simulate(iam, arn, me, wanted, region);
  if (bootstrap === undefined) return [await own({ actions })];
  const nameOf = (role: string): string => `cdk-${bootstrap.qualifier}-${role}-${accountId}-${region}`;
  const arnOf = (role: string): string => `arn:${partition}:iam::${accountId}:role/${nameOf(role)}`;
  const assuming = await own({
    actions: ['sts:AssumeRole'],
    resources: ['deploy-role', 'file-publishing-role'].map(arnOf),
  });
  // The role comes with the bootstrap.
  if (!caller.isBootstrapped) return [assuming];
  const execution = (): Promise<string> => Promise.resolve(arnOf('cfn-exec-role'));
  return [assuming, await simulate(iam, nameOf('cfn-exec-role'), execution, { actions }, region)];

  /** Reads the ARN of the caller's user or role, which has a path that the session's ARN lacks. */
  function callerEntity(callerArn: string): (() => Promise<string>) | undefined {
    if (callerArn.endsWith(':root')) return undefined;
    const assumed = /:assumed-role\/([^/]+)\//.exec(callerArn)?.[1];
    if (assumed === undefined) return () => Promise.resolve(callerArn);
    return async () => (await iam.send(new GetRoleCommand({ RoleName: assumed }))).Role!.Arn!;
  }
}

/** Actions to simulate, on each of some resources; on any where their names are not known. */
interface Wanted {
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
}

async function simulate(
  iam: IAMClient,
  role: string,
  arn: () => Promise<string>,
  { actions, resources }: Wanted,
  region: string,
): Promise<RolePermissions> {
  // A statement on the region of the request would otherwise be judged without one.
  const ContextEntries: ContextEntry[] = [
    { ContextKeyName: 'aws:RequestedRegion', ContextKeyType: 'string', ContextKeyValues: [region] },
  ];
  const denied = await fact('iam:SimulatePrincipalPolicy', async () => {
    const refused: Denial[] = [];
    const PolicySourceArn = await arn();
    for (const resource of resources ?? [undefined]) {
      for (let first = 0; first < actions.length; first += ACTIONS_PER_SIMULATION) {
        const ActionNames = actions.slice(first, first + ACTIONS_PER_SIMULATION);
        const input = { PolicySourceArn, ActionNames, ContextEntries, ...(resource && { ResourceArns: [resource] }) };
        for await (const page of paginateSimulatePrincipalPolicy({ client: iam }, input))
          for (const result of page.EvaluationResults ?? [])
            if (result.EvalDecision !== 'allowed') refused.push(denialOf(result, resource));
      }
    }
    return refused;
  });
  return { role, denied };
}

/**
 * An explicit denial of any resource holds for every one, and a missing statement only for a resource that was named. Neither is certain
 * where a condition asks for what the simulation does not know, such as the presence of MFA.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
 */
function denialOf(result: EvaluationResult, resource: string | undefined): Denial {
  const missing = [result, ...(result.ResourceSpecificResults ?? [])].flatMap(
    ({ MissingContextValues }) => MissingContextValues ?? [],
  );
  const isDecided = resource !== undefined || result.EvalDecision === 'explicitDeny';
  return {
    action: result.EvalActionName!,
    ...(resource !== undefined && { resource: resource.split('/').at(-1)! }),
    isCertain: isDecided && missing.length === 0,
  };
}
