import {
  CreateStackCommand,
  CloudFormationClient,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateEndpointConfigCommand,
  DescribeEndpointCommand,
  ListEndpointConfigsCommand,
  ListModelsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { createHandler } from '../../../lambda/configuration-sweeper/handler';
import { createHostingConfigurations } from '../../../lambda/clients/hosting-configurations';
import { parseSweeperConfiguration } from '../../../lib/inference/contract';
import { LocalClock } from '../../../lib/emulator/clock';
import { LOCAL_REGION } from '../../../lib/emulator/credentials';
import { GpuEndpoint, ModelArtifact, ModelServer, RolloutStrategy } from '../../../lib/inference';
import { startLocalAccount, type LocalAccount } from '../engine/support/local-account';
import { eventually } from '../engine/support/local-aws';

const SPEED = 120;
const DAY = 86_400;

/** Template of one version of an endpoint, as an engineer deploys it; `kept` overrides the policy of what is replaced. */
function version(number: string, environment: { readonly [name: string]: string }, kept?: 'Delete'): string {
  const stack = new Stack(new App(), 'Chat', { env: { account: '123456789012', region: LOCAL_REGION } });
  new GpuEndpoint(stack, 'Endpoint', {
    endpointName: 'chat',
    modelServer: ModelServer.triton({ environment: { MODEL_VERSION: number, ...environment } }),
    modelArtifact: ModelArtifact.fromBucket(s3.Bucket.fromBucketName(stack, 'Models', 'artifacts'), 'model.tar.gz'),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    startupTimeout: Duration.minutes(2),
    rollout: { strategy: RolloutStrategy.CANARY, batchPercent: 50, waitInterval: Duration.minutes(1) },
  });
  const template = Template.fromStack(stack).toJSON() as {
    Resources: { [id: string]: { Type: string; UpdateReplacePolicy?: string } };
    Parameters?: unknown;
    Rules?: unknown;
  };
  if (kept !== undefined) {
    for (const resource of Object.values(template.Resources))
      if (resource.UpdateReplacePolicy !== undefined) resource.UpdateReplacePolicy = kept;
  }
  delete template.Parameters;
  delete template.Rules;
  return JSON.stringify(template);
}

describe('a version that SageMaker takes back while the deployment is reported as a success', () => {
  const clock = LocalClock.startingNow(SPEED);
  let account: LocalAccount;
  let cloudFormation: CloudFormationClient;
  let sageMaker: SageMakerClient;

  beforeAll(async () => {
    account = await startLocalAccount(clock, 'silent');
    const { config } = account;
    cloudFormation = new CloudFormationClient(config);
    sageMaker = new SageMakerClient(config);
    const bucket = new S3Client({ ...config, forcePathStyle: true });
    await bucket.send(new CreateBucketCommand({ Bucket: 'artifacts' }));
    await bucket.send(new PutObjectCommand({ Bucket: 'artifacts', Key: 'model.tar.gz', Body: 'weights' }));
    bucket.destroy();
  });

  afterAll(async () => {
    cloudFormation?.destroy();
    sageMaker?.destroy();
    await account?.stop();
  });

  const settled = (StackName: string): Promise<string> =>
    eventually(
      async () =>
        (await cloudFormation.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!.StackStatus as string,
      (status) => !status.endsWith('_IN_PROGRESS'),
      60_000,
    );
  const create = async (StackName: string, TemplateBody: string): Promise<string> => {
    await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody }));
    return settled(StackName);
  };
  const update = async (StackName: string, TemplateBody: string): Promise<string> => {
    await cloudFormation.send(new UpdateStackCommand({ StackName, TemplateBody }));
    return settled(StackName);
  };
  const configInUse = async (EndpointName = 'chat'): Promise<string> =>
    (await sageMaker.send(new DescribeEndpointCommand({ EndpointName }))).EndpointConfigName!;
  const configNames = async (): Promise<string[]> =>
    (await sageMaker.send(new ListEndpointConfigsCommand({}))).EndpointConfigs!.map(
      ({ EndpointConfigName }) => EndpointConfigName!,
    );

  test('keeps its configuration, so that deploying the version before works, and the sweeper removes the rest a week later', async () => {
    expect(await create('Chat', version('1', {}))).toBe('CREATE_COMPLETE');
    const first = await configInUse();
    expect(await update('Chat', version('2', { TIDEGATE_LOCAL_FAULT: 'unhealthy' }))).toBe('UPDATE_COMPLETE');
    expect(await configInUse()).toBe(first);
    expect(await configNames()).toHaveLength(2);
    expect(await configNames()).toContain(first);

    // The runbook: deploy the version before.
    expect(await update('Chat', version('1', {}))).toBe('UPDATE_COMPLETE');
    const third = await configInUse();
    expect(third).not.toBe(first);
    expect(await configNames()).toHaveLength(3);

    const { Models } = await sageMaker.send(new ListModelsCommand({ SortOrder: 'Ascending' }));
    const sweep = (now: number) =>
      createHandler({
        configuration: parseSweeperConfiguration(
          JSON.stringify({
            hosts: [{ kind: 'endpoint', name: 'chat' }],
            declaredConfigNames: [third],
            declaredModelNames: [Models!.at(-1)!.ModelName],
            retentionSeconds: 7 * DAY,
          }),
        ),
        hosting: createHostingConfigurations(sageMaker),
        clock: { now: () => now },
        logger: { info: () => undefined } as never,
      })();
    expect(await sweep(clock.now() + 6 * DAY)).toEqual({ configNames: [], modelNames: [] });
    const swept = await sweep(clock.now() + 8 * DAY);
    expect(swept.configNames).toHaveLength(2);
    expect(swept.modelNames).toEqual([]);
    expect(await configNames()).toEqual([third]);
    expect((await sweep(clock.now() + 9 * DAY)).modelNames).toHaveLength(2);
    expect((await sageMaker.send(new ListModelsCommand({}))).Models).toHaveLength(1);
    expect(await update('Chat', version('3', {}))).toBe('UPDATE_COMPLETE');
  }, 240_000);

  test('ends with an endpoint that takes no update any more where the replaced configuration is deleted', async () => {
    const rename = (text: string): string => text.replaceAll('"chat"', '"doomed"').replaceAll('/chat', '/doomed');
    expect(await create('Doomed', rename(version('1', {}, 'Delete')))).toBe('CREATE_COMPLETE');
    const first = await configInUse('doomed');
    expect(await update('Doomed', rename(version('2', { TIDEGATE_LOCAL_FAULT: 'unhealthy' }, 'Delete')))).toBe(
      'UPDATE_COMPLETE',
    );
    expect(await configInUse('doomed')).toBe(first);
    expect(await configNames()).not.toContain(first);
    expect(await update('Doomed', rename(version('1', {}, 'Delete')))).toMatch(/ROLLBACK/);
    const { StackEvents } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: 'Doomed' }));
    expect(StackEvents!.map(({ ResourceStatusReason }) => ResourceStatusReason).join('\n')).toContain(
      'Could not find endpoint configuration',
    );
  }, 240_000);

  test('lets a role delete only what carries the tag that its policy names', async () => {
    const settings = account.config;
    const iam = new IAMClient(settings);
    await iam.send(new CreateUserCommand({ UserName: 'sweeper' }));
    const statement = {
      Effect: 'Allow',
      Action: ['sagemaker:DeleteEndpointConfig'],
      Resource: `arn:aws:sagemaker:${LOCAL_REGION}:123456789012:endpoint-config/*`,
      Condition: { StringEquals: { 'aws:ResourceTag/tidegate:hosted-by': ['endpoint/mine'] } },
    };
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await iam.send(new PutUserPolicyCommand({ UserName: 'sweeper', PolicyName: 'sweep', PolicyDocument }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'sweeper' }));
    iam.destroy();
    for (const owner of ['mine', 'yours']) {
      await sageMaker.send(
        new CreateEndpointConfigCommand({
          EndpointConfigName: `made-for-${owner}`,
          ExecutionRoleArn: 'arn:aws:iam::123456789012:role/r',
          ProductionVariants: [{ VariantName: 'gpu', InitialInstanceCount: 1, InstanceType: 'ml.g5.xlarge' }],
          Tags: [{ Key: 'tidegate:hosted-by', Value: `endpoint/${owner}` }],
        }),
      );
    }
    await account.engine.enforceIam();
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const hosting = createHostingConfigurations(new SageMakerClient({ ...settings, credentials, maxAttempts: 1 }));
    await expect(hosting.deleteConfig('made-for-yours')).rejects.toThrow('not authorized');
    await hosting.deleteConfig('made-for-mine');
    expect(await configNames()).toContain('made-for-yours');
    expect(await configNames()).not.toContain('made-for-mine');
  });
});
