import * as fs from 'node:fs';
import * as path from 'node:path';
import { CreateStackCommand, DescribeStacksCommand, UpdateStackCommand } from '@aws-sdk/client-cloudformation';
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
import { KafkaAuthentication, KafkaIngestion, KafkaSource } from '../../../lib/ingestion';
import { parseResultLine } from '../../../lib/ingestion/contract';
import { describeWith } from '../../support/needs';
import { eventually, PROJECT } from '../engine/support/local-aws';
import { zipOf } from '../engine/support/zip';
import { KafkaAccount } from './kafka-account';
import { MISSING_KAFKA } from './local-kafka';

const LIMIT_MS = 240_000;
const TOPIC = 'requests';
const USER = { username: 'reader', password: 'right-password' };

/** Stack with an ingestion from a cluster of one's own, whose secret has a password and is encrypted with a key. */
function ingestionTemplate({ bootstrapServers, certificate }: SecureBroker, password: string): object {
  const stack = new Stack(new App(), 'Own', {
    env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION },
    synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
  });
  const text = (value: string): SecretValue => SecretValue.unsafePlainText(value);
  const login = new secretsmanager.Secret(stack, 'Login', {
    encryptionKey: new kms.Key(stack, 'Key'),
    secretObjectValue: { username: text(USER.username), password: text(password) },
  });
  const authority = new secretsmanager.Secret(stack, 'Authority', {
    secretObjectValue: { certificate: text(certificate) },
  });
  new KafkaIngestion(stack, 'Requests', {
    endpoint: GpuEndpoint.fromEndpointName(stack, 'Endpoint', 'chat', 'main'),
    source: KafkaSource.selfManaged({
      bootstrapServers: [bootstrapServers],
      authentication: KafkaAuthentication.scramSha512(login),
      rootCaCertificate: authority,
    }),
    topic: { topicName: TOPIC, partitions: 2 },
    consumerGroupId: 'own',
    maxRecordAge: Duration.days(1),
  });
  new CfnOutput(stack, 'LoginArn', { value: login.secretArn });
  new CfnOutput(stack, 'AuthorityArn', { value: authority.secretArn });
  return Template.fromStack(stack).toJSON();
}

describeWith(MISSING_KAFKA, 'a Kafka cluster of one’s own that knows its clients by a secret', () => {
  let account: KafkaAccount;
  let secure: SecureBroker;
  let lambda: LambdaClient;

  beforeAll(async () => {
    account = await KafkaAccount.start(USER);
    secure = account.broker.secure!;
    lambda = new LambdaClient({
      endpoint: account.engine.url,
      region: LOCAL_REGION,
      credentials: localCredentials,
    });
    const admin = (await account.kafka()).admin();
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 2 }] });
    await admin.disconnect();
  }, 400_000);
  afterAll(async () => {
    lambda?.destroy();
    await account?.stop();
  });

  /** Last result of the mapping of a topic. */
  const lastResult = async (topic: string): Promise<string | undefined> => {
    for await (const { EventSourceMappings = [] } of paginateListEventSourceMappings({ client: lambda }, {})) {
      const found = EventSourceMappings.find(({ Topics }) => Topics?.includes(topic));
      if (found !== undefined) return found.LastProcessingResult;
    }
    return undefined;
  };
  const problemOf = (topic: string): Promise<string | undefined> =>
    eventually(
      () => lastResult(topic),
      (result) => result?.startsWith('PROBLEM') === true,
      LIMIT_MS,
    );

  /** Problem of a client that connects with credentials and secrets by ARN; undefined where it is let in. */
  const tryWith = async (
    types: { readonly [type: string]: string },
    secrets: { readonly [arn: string]: SecretReply },
  ): Promise<string | undefined> => {
    const [mapping] = parseMappings([
      {
        ...{ UUID: 'mapping', AccountId: LOCAL_ACCOUNT, Region: LOCAL_REGION, FunctionName: 'consumer' },
        ...{ Topics: [TOPIC], BatchSize: 1 },
        SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: [secure.bootstrapServers] } },
        SourceAccessConfigurations: Object.entries(types).map(([Type, URI]) => ({ Type, URI })),
      },
    ]);
    try {
      // On a busy machine the first connection can time out; a client that is refused is never repeated.
      const settings = { brokerAddress: account.broker.bootstrapServers, retries: 5 };
      const secret = (_: unknown, arn: string): Promise<SecretReply> => Promise.resolve(secrets[arn] ?? {});
      await proveConnection(await connectMapping(mapping!, { ...settings, lambda: { secret } }));
      return undefined;
    } catch (error) {
      return connectionProblem(error as Error) ?? (error as Error).stack;
    }
  };

  test('lets in whom its secret and its certificate are known to, and names the problem of any other', async () => {
    const secrets = {
      login: { text: JSON.stringify(USER) },
      wrong: { text: JSON.stringify({ ...USER, password: 'wrong-password' }) },
      partial: { text: JSON.stringify({ username: USER.username }) },
      authority: { text: JSON.stringify({ certificate: secure.certificate }) },
      hidden: { denied: 'kms:Decrypt' },
    };
    const trusted = { SERVER_ROOT_CA_CERTIFICATE: 'authority' };
    for (const type of ['SASL_SCRAM_512_AUTH', 'SASL_SCRAM_256_AUTH', 'BASIC_AUTH']) {
      expect([type, await tryWith({ [type]: 'login', ...trusted }, secrets)]).toEqual([type, undefined]);
      for (const secret of ['wrong', 'partial'])
        expect([type, secret, await tryWith({ [type]: secret, ...trusted }, secrets)]).toEqual([
          type,
          secret,
          'PROBLEM: SASL authentication failed',
        ]);
    }
    const scram = { SASL_SCRAM_512_AUTH: 'login' };
    expect(await tryWith(scram, secrets)).toBe('PROBLEM: Lambda failed to authenticate server');
    expect(await tryWith({ SASL_SCRAM_512_AUTH: 'hidden', ...trusted }, secrets)).toBe(
      'PROBLEM: Lambda may not read the secret with the role of the function',
    );
    expect(await tryWith({ ...scram, SERVER_ROOT_CA_CERTIFICATE: 'login' }, secrets)).toBe(
      'PROBLEM: Provided certificate or private key is invalid',
    );
    expect(await tryWith({ SASL_SCRAM_512_AUTH: 'absent', ...trusted }, secrets)).toBe(
      'PROBLEM: Connection error. Please check your event source connection configuration.',
    );
  }, 120_000);

  test(
    'gives an ingestion its records once the password is right and the role may read it, and each has one result',
    async () => {
      account.inference = (body) => ({ status: 200, body: { answered: JSON.parse(body.toString()) as object } });
      const Bucket = `cdk-hnb659fds-assets-${LOCAL_ACCOUNT}-${LOCAL_REGION}`;
      await account.s3.send(new CreateBucketCommand({ Bucket }));
      const wrong = ingestionTemplate(secure, 'wrong-password');
      const code = fs.readFileSync(path.join(PROJECT, 'assets', 'kafka-consumer', 'index.js'), 'utf8');
      for (const { Type, Properties } of Object.values((wrong as { Resources: { [id: string]: Resource } }).Resources))
        if (Type === 'AWS::Lambda::Function' && Properties.Code.S3Key !== undefined)
          await account.s3.send(
            new PutObjectCommand({ Bucket, Key: Properties.Code.S3Key, Body: zipOf('index.js', code) }),
          );
      const StackName = 'Own';
      const described = async () =>
        (await account.cloudFormation.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!;
      const settled = async (status: string): Promise<void> => {
        const { StackStatus } = await eventually(described, (stack) => !stack.StackStatus!.endsWith('IN_PROGRESS'));
        if (StackStatus !== status) throw new Error(`${StackStatus}: ${await account.failedResources(StackName)}`);
      };
      const input = (template: object) => ({
        StackName,
        TemplateBody: JSON.stringify(template),
        Capabilities: ['CAPABILITY_IAM' as const],
      });
      await account.cloudFormation.send(new CreateStackCommand(input(wrong)));
      await settled('CREATE_COMPLETE');
      expect(await problemOf(TOPIC)).toBe('PROBLEM: SASL authentication failed');

      await account.cloudFormation.send(new UpdateStackCommand(input(ingestionTemplate(secure, USER.password))));
      await settled('UPDATE_COMPLETE');
      // From here on every call needs the permissions of the template.
      await account.engine.enforceIam();
      const ids = Array.from({ length: 30 }, (_, i) => `request-${String(i).padStart(2, '0')}`);
      const producer = (await account.kafka()).producer();
      await producer.connect();
      const timestamp = String(Math.floor(account.clock.now() * 1000));
      await producer.send({
        topic: TOPIC,
        messages: ids.map((id, i) => ({ key: `user-${i % 5}`, value: JSON.stringify({ id }), timestamp })),
      });
      await producer.disconnect();
      await eventually(
        () => account.emulator.kafkaBacklog(TOPIC),
        (backlog) => backlog?.put === ids.length && backlog.queued === 0,
        LIMIT_MS,
      );
      const { Buckets = [] } = await account.s3.send(new ListBucketsCommand({}));
      const results = Buckets.map(({ Name }) => Name!).find((name) => !name.startsWith('cdk-'))!;
      const { Contents = [] } = await account.s3.send(
        new ListObjectsV2Command({ Bucket: results, Prefix: 'results/' }),
      );
      const lines = await Promise.all(
        Contents.map(async ({ Key }) => {
          const { Body } = await account.s3.send(new GetObjectCommand({ Bucket: results, Key }));
          return (await Body!.transformToString()).trim().split('\n').map(parseResultLine);
        }),
      );
      const answered = lines
        .flat()
        .map(({ response }) => (JSON.parse(response!) as { answered: { id: string } }).answered.id);
      expect(answered.sort()).toEqual(ids);
      expect(await account.engine.deniedCalls()).toEqual([]);

      // A role without the permission: its mapping reads nothing, and says why.
      const { Outputs = [] } = await described();
      const arnOf = (name: string): string => Outputs.find(({ OutputKey }) => OutputKey === name)!.OutputValue!;
      await account.deploy('ungranted', {
        partitions: 1,
        statements: [{ Effect: 'Allow', Action: 's3:PutObject', Resource: '*' }],
        mapping: {
          EventSourceArn: undefined,
          AmazonManagedKafkaEventSourceConfig: undefined,
          SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: [secure.bootstrapServers] } },
          SourceAccessConfigurations: [
            { Type: 'SASL_SCRAM_512_AUTH', URI: arnOf('LoginArn') },
            { Type: 'SERVER_ROOT_CA_CERTIFICATE', URI: arnOf('AuthorityArn') },
          ],
        },
      });
      expect(await problemOf('ungranted-topic')).toBe(
        'PROBLEM: Lambda may not read the secret with the role of the function',
      );
      expect(await account.engine.deniedCalls()).toContainEqual(
        expect.objectContaining({ action: 'secretsmanager:GetSecretValue', resource: arnOf('LoginArn') }),
      );
    },
    4 * LIMIT_MS,
  );
});

interface Resource {
  readonly Type: string;
  readonly Properties: { readonly Code: { readonly S3Key?: string } };
}
