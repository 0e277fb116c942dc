import * as fs from 'node:fs';
import * as path from 'node:path';
import {
  CreateStackCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
  type Stack as DeployedStack,
} from '@aws-sdk/client-cloudformation';
import { LambdaClient, paginateListEventSourceMappings } from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { App, CfnOutput, DefaultStackSynthesizer, Duration, SecretValue, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { LOCAL_ACCOUNT, LOCAL_REGION, localCredentials } from '../../../lib/emulator/credentials';
import { connectionProblem, connectMapping, proveConnection } from '../../../lib/emulator/kafka/cluster-connection';
import type { SecureBroker } from '../../../lib/emulator/kafka/kafka-broker';
import { parseMappings } from '../../../lib/emulator/kafka/kafka-mapping';
import type { SecretReply } from '../../../lib/emulator/kafka/lambda-for-kafka';
import { GpuEndpoint } from '../../../lib/inference';
import { type KafkaAuthentication, KafkaIngestion, KafkaSource } from '../../../lib/ingestion';
import { parseResultLine } from '../../../lib/ingestion/contract';
import { eventually, PROJECT } from '../engine/support/local-aws';
import { zipOf } from '../engine/support/zip';
import type { KafkaAccount } from './kafka-account';

export const OWN_TOPIC = 'requests';
export const OWN_LIMIT_MS = 240_000;

interface Texts {
  readonly [name: string]: string;
}

/** Stack with an ingestion from a cluster of one's own, whose secret is encrypted with a key. */
function ingestionTemplate(
  { bootstrapServers, certificate }: SecureBroker,
  authentication: (secret: secretsmanager.ISecret) => KafkaAuthentication,
  secret: Texts,
): object {
  const stack = new Stack(new App(), 'Own', {
    env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION },
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  const secretOf = (id: string, texts: Texts, encryptionKey?: kms.IKey): secretsmanager.Secret =>
    new secretsmanager.Secret(stack, id, {
      encryptionKey,
      secretObjectValue: Object.fromEntries(
        Object.entries(texts).map(([name, text]) => [name, SecretValue.unsafePlainText(text)]),
      ),
    });
  const key = new kms.Key(stack, 'Key');
  const identity = secretOf('Identity', secret, key);
  const authority = secretOf('Authority', { certificate });
  new KafkaIngestion(stack, 'Requests', {
    endpoint: GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main'),
    source: KafkaSource.selfManaged({
      bootstrapServers: [bootstrapServers],
      authentication: authentication(identity),
      rootCaCertificate: authority,
    }),
    topic: { topicName: OWN_TOPIC, partitions: 2 },
    consumerGroupId: 'own',
    maxRecordAge: Duration.days(1),
  });
  new CfnOutput(stack, 'IdentityArn', { value: identity.secretArn });
  new CfnOutput(stack, 'KeyArn', { value: key.keyArn });
  new CfnOutput(stack, 'AuthorityArn', { value: authority.secretArn });
  return Template.fromStack(stack).toJSON() as object;
}

/** Ingestion from a cluster of one's own, deployed to the engine with the handler's bundle. */
export class OwnIngestion {
  private readonly lambda: LambdaClient;

  public constructor(
    private readonly account: KafkaAccount,
    private readonly cluster: SecureBroker,
    private readonly authentication: (secret: secretsmanager.ISecret) => KafkaAuthentication,
  ) {
    const { url: endpoint } = account.engine;
    this.lambda = new LambdaClient({ endpoint, region: LOCAL_REGION, credentials: localCredentials });
    account.inference = (body) => ({ status: 200, body: { answered: JSON.parse(body.toString()) as object } });
  }

  public close(): void {
    this.lambda.destroy();
  }

  public async createTopic(): Promise<void> {
    const admin = (await this.account.kafka()).admin();
    await admin.createTopics({ topics: [{ topic: OWN_TOPIC, numPartitions: 2 }] });
    await admin.disconnect();
  }

  /** Deploys the ingestion with the content of its secret. */
  public async create(secret: Texts): Promise<void> {
    const { s3, cloudFormation } = this.account;
    const Bucket = `cdk-hnb659fds-assets-${LOCAL_ACCOUNT}-${LOCAL_REGION}`;
    await s3.send(new CreateBucketCommand({ Bucket }));
    const input = this.input(secret);
    const code = fs.readFileSync(path.join(PROJECT, 'assets', 'kafka-consumer', 'index.js'), 'utf8');
    const { Resources } = JSON.parse(input.TemplateBody) as { Resources: { [id: string]: Resource } };
    for (const { Type, Properties } of Object.values(Resources))
      if (Type === 'AWS::Lambda::Function' && Properties.Code.S3Key !== undefined)
        await s3.send(new PutObjectCommand({ Bucket, Key: Properties.Code.S3Key, Body: zipOf('index.js', code) }));
    await cloudFormation.send(new CreateStackCommand(input));
    await this.settled('CREATE_COMPLETE');
  }

  /** Changes the content of the secret. */
  public async update(secret: Texts): Promise<void> {
    await this.account.cloudFormation.send(new UpdateStackCommand(this.input(secret)));
    await this.settled('UPDATE_COMPLETE');
  }

  /** Sends requests by the listener in plain text. */
  public async send(ids: readonly string[]): Promise<void> {
    const producer = (await this.account.kafka()).producer();
    await producer.connect();
    const timestamp = String(Math.floor(this.account.clock.now() * 1000));
    await producer.send({
      topic: OWN_TOPIC,
      messages: ids.map((id, i) => ({ key: `user-${i % 5}`, value: JSON.stringify({ id }), timestamp })),
    });
    await producer.disconnect();
  }

  /** Waits until the consumer group has passed the records of the topic. */
  public async drained(records: number): Promise<void> {
    await eventually(
      () => this.account.emulator.kafkaBacklog(OWN_TOPIC),
      (backlog) => backlog?.put === records && backlog.queued === 0,
      OWN_LIMIT_MS,
    );
  }

  /** Ids of the results, sorted; an id with two results is there twice. */
  public async answered(): Promise<readonly string[]> {
    const { s3 } = this.account;
    const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
    const Bucket = Buckets.map(({ Name }) => Name!).find((name) => name.startsWith('own-'))!;
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'results/' }));
    const lines = await Promise.all(
      Contents.map(async ({ Key }) => {
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
        return (await Body!.transformToString()).trim().split('\n').map(parseResultLine);
      }),
    );
    return lines
      .flat()
      .map(({ response }) => (JSON.parse(response!) as { answered: { id: string } }).answered.id)
      .sort();
  }

  /** Last result of the mapping of a topic, once it is a problem. */
  public problemOf(topic = OWN_TOPIC): Promise<string | undefined> {
    return eventually(
      () => this.lastResult(topic),
      (result) => result?.startsWith('PROBLEM') === true,
      OWN_LIMIT_MS,
    );
  }

  public async output(name: string): Promise<string> {
    const { Outputs = [] } = await this.described();
    return Outputs.find(({ OutputKey }) => OutputKey === name)!.OutputValue!;
  }

  public async lastResult(topic = OWN_TOPIC): Promise<string | undefined> {
    for await (const { EventSourceMappings = [] } of paginateListEventSourceMappings({ client: this.lambda }, {})) {
      const found = EventSourceMappings.find(({ Topics }) => Topics?.includes(topic));
      if (found !== undefined) return found.LastProcessingResult;
    }
    return undefined;
  }

  private input(secret: Texts) {
    const template = ingestionTemplate(this.cluster, this.authentication, secret);
    return {
      StackName: 'Own',
      TemplateBody: JSON.stringify(template),
      Capabilities: ['CAPABILITY_IAM' as const],
    };
  }

  private async described(): Promise<DeployedStack> {
    return (await this.account.cloudFormation.send(new DescribeStacksCommand({ StackName: 'Own' }))).Stacks![0]!;
  }

  private async settled(status: string): Promise<void> {
    const { StackStatus } = await eventually(
      () => this.described(),
      (stack) => !stack.StackStatus!.endsWith('IN_PROGRESS'),
    );
    if (StackStatus !== status) throw new Error(`${StackStatus}: ${await this.account.failedResources('Own')}`);
  }
}

/**
 * Problem of a mapping that connects to a cluster; undefined where it is let in.
 *
 * @param types names of secrets by type of the source access configuration
 * @param secrets answers about secrets by name
 */
export async function problemWith(
  { bootstrapServers }: SecureBroker,
  types: Texts,
  secrets: { readonly [name: string]: SecretReply },
): Promise<string | undefined> {
  const [mapping] = parseMappings([
    {
      ...{ UUID: 'mapping', AccountId: LOCAL_ACCOUNT, Region: LOCAL_REGION, FunctionName: 'consumer' },
      ...{ Topics: [OWN_TOPIC], BatchSize: 1 },
      SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: [bootstrapServers] } },
      SourceAccessConfigurations: Object.entries(types).map(([Type, URI]) => ({ Type, URI })),
    },
  ]);
  try {
    // On a busy machine the first connection can time out; a client that is refused is never repeated.
    const settings = { brokerAddress: bootstrapServers, retries: 5 };
    const secret = (_: unknown, arn: string): Promise<SecretReply> => Promise.resolve(secrets[arn] ?? {});
    await proveConnection(await connectMapping(mapping!, { ...settings, lambda: { secret } }));
    return undefined;
  } catch (error) {
    return connectionProblem(error as Error) ?? (error as Error).stack;
  }
}

interface Resource {
  readonly Type: string;
  readonly Properties: { readonly Code: { readonly S3Key?: string } };
}
