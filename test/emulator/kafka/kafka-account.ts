import * as fs from 'node:fs';
import { createServer, type IncomingMessage, request as forward, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import { startEmulator, type RunningEmulator } from '../../../lib/emulator';
import { LocalClock } from '../../../lib/emulator/clock';
import { LOCAL_REGION, localCredentials } from '../../../lib/emulator/credentials';
import { startEngine, type Engine } from '../../../lib/emulator/engine/engine';
import { ensurePythonEnvironment } from '../../../lib/emulator/engine/python-environment';
import { startKafkaBroker, type KafkaBroker, type KafkaBrokerOptions } from '../../../lib/emulator/kafka/kafka-broker';
import { connectKafka } from '../../../lib/emulator/kafka/kafka-client';
import { ensureKafka } from '../../../lib/emulator/kafka/kafka-jars';
import { projectDirectory } from '../../architecture/imports';
import { eventually } from '../engine/support/local-aws';

const SPEED = 60;

/** Records of one invocation, as the handler reports them before it responds. */
export interface Invocation {
  readonly pid: number;
  readonly partition: string;
  readonly records: readonly { readonly offset: number; readonly key: string; readonly value: string }[];
}

/**
 * Handler that reports the records of a batch. It fails while `poison` is among them; records that begin with `flaky` are reported as failed the
 * first time.
 */
const HANDLER = `
const seen = new Set();
exports.handler = async (event) => {
  const failures = [];
  for (const [partition, list] of Object.entries(event.records)) {
    const text = (base64) => Buffer.from(base64 ?? '', 'base64').toString();
    const records = list.map(({ offset, key, value }) => ({ offset, key: text(key), value: text(value) }));
    if (records.some(({ value }) => value === 'poison')) throw new Error('a poison record');
    const flaky = records.findIndex(({ value }) => value.startsWith('flaky') && !seen.has(value));
    const done = flaky === -1 ? records : records.slice(0, flaky);
    if (flaky !== -1) {
      seen.add(records[flaky].value);
      failures.push({ itemIdentifier: { partition, offset: records[flaky].offset } });
    }
    await fetch(process.env.OBSERVER_URL, { method: 'POST', body: JSON.stringify({ pid: process.pid, partition, records: done, event: { ...event, records: undefined } }) });
  }
  return { batchItemFailures: failures };
};`;

/** Account with a real Kafka broker, and a place to which handlers report. */
export class KafkaAccount {
  public readonly invocations: Invocation[] = [];
  /** Answers the invocations of every SageMaker endpoint. */
  public inference: (body: Buffer) => InferenceReply = () => ({ status: 503, body: {} });
  /** Called before an invocation counts; while it does not resolve, the handler waits. */
  public onInvocation: (invocation: Invocation) => Promise<void> | void = () => undefined;
  public readonly cloudFormation: CloudFormationClient;
  public readonly s3: S3Client;

  private constructor(
    private readonly directory: string,
    private readonly observer: Server,
    private readonly endpoints: Server,
    public broker: KafkaBroker,
    public emulator: RunningEmulator,
    public readonly engine: Engine,
    public readonly clock: LocalClock,
    /** Messages of the services. */
    public readonly logged: readonly string[],
    private readonly startBroker: () => Promise<KafkaBroker>,
    private readonly startServices: (port: number) => Promise<RunningEmulator>,
  ) {
    const config = { endpoint: engine.url, region: LOCAL_REGION, credentials: localCredentials };
    this.cloudFormation = new CloudFormationClient(config);
    this.s3 = new S3Client({ ...config, forcePathStyle: true });
  }

  /** @param listeners further listeners of the broker, beside the one in plain text */
  public static async start(
    listeners: Pick<KafkaBrokerOptions, 'user' | 'clientAuthority'> = {},
  ): Promise<KafkaAccount> {
    const python = await ensurePythonEnvironment({ projectDirectory });
    const installation = await ensureKafka({ projectDirectory });
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-kafka-account-'));
    const startBroker = (): Promise<KafkaBroker> =>
      startKafkaBroker({ projectDirectory, directory: path.join(directory, 'kafka'), installation, ...listeners });
    const broker = await startBroker();
    const clock = LocalClock.startingNow(SPEED);
    const started: { engine?: Engine } = {};
    const logged: string[] = [];
    const startServices = (port: number): Promise<RunningEmulator> =>
      startEmulator({
        port,
        clock,
        seed: 1,
        engineUrl: () => started.engine?.url ?? '',
        kafkaBroker: broker.bootstrapServers,
        log: (message) => void logged.push(message),
      });
    const emulator = await startServices(0);
    const observer = createServer();
    await new Promise<void>((resolve) => observer.listen(0, '127.0.0.1', resolve));
    const endpoints = createServer();
    await new Promise<void>((resolve) => endpoints.listen(0, '127.0.0.1', resolve));
    const engine = await startEngine({
      port: 0,
      clock,
      emulatorUrl: `http://127.0.0.1:${(endpoints.address() as AddressInfo).port}`,
      dataDirectory: directory,
      python,
      projectDirectory,
    });
    started.engine = engine;
    const account = new KafkaAccount(
      directory,
      observer,
      endpoints,
      broker,
      emulator,
      engine,
      clock,
      logged,
      startBroker,
      startServices,
    );
    endpoints.on('request', (request, response) => account.answer(request, response));
    observer.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const invocation = JSON.parse(Buffer.concat(chunks).toString()) as Invocation;
        void Promise.resolve(account.onInvocation(invocation)).then(() => {
          // A handler that was killed meanwhile has processed nothing.
          if (response.destroyed || request.socket.destroyed) return;
          account.invocations.push(invocation);
          response.end();
        });
      });
    });
    return account;
  }

  public async stop(): Promise<void> {
    this.cloudFormation.destroy();
    this.s3.destroy();
    await this.emulator.stop();
    await this.engine.stop();
    await this.broker.stop();
    this.endpoints.closeAllConnections();
    this.endpoints.close();
    this.observer.closeAllConnections();
    this.observer.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  /**
   * Kills the broker and starts it again with its data.
   *
   * @param change returns the settings of the broker after the restart
   */
  public async restartBroker(change = (settings: string): string => settings): Promise<void> {
    process.kill(-this.broker.pid, 'SIGKILL');
    await this.broker.failed;
    const file = path.join(this.directory, 'kafka', 'server.properties');
    fs.writeFileSync(file, change(fs.readFileSync(file, 'utf8')));
    this.broker = await this.startBroker();
  }

  /** Ends the emulator, and with it the consumers, and starts another one in its place. */
  public async restartServices(): Promise<void> {
    const { port } = this.emulator;
    await this.emulator.stop();
    this.emulator = await this.startServices(port);
  }

  /** Deploys a stack with a topic and a consumer, or changes it. */
  public async deploy(stackName: string, stack: TopicStack, action: 'create' | 'update' = 'create'): Promise<void> {
    const TemplateBody = JSON.stringify(topicTemplate(stackName, stack, this.observerUrl()));
    const input = { StackName: stackName, TemplateBody, Capabilities: ['CAPABILITY_NAMED_IAM' as const] };
    if (action === 'create') await this.cloudFormation.send(new CreateStackCommand(input));
    else await this.cloudFormation.send(new UpdateStackCommand(input));
    const status = await eventually(
      async () => {
        const { Stacks } = await this.cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }));
        return Stacks![0]!;
      },
      ({ StackStatus }) => !StackStatus!.endsWith('IN_PROGRESS'),
    );
    if (status.StackStatus === `${action.toUpperCase()}_COMPLETE`) return;
    throw new Error(`${status.StackStatus}: ${await this.failedResources(stackName)}`);
  }

  /** Resources of a stack that could not be made, with the reasons. */
  public async failedResources(StackName: string): Promise<string> {
    const { StackEvents = [] } = await this.cloudFormation.send(new DescribeStackEventsCommand({ StackName }));
    const failed = StackEvents.filter(({ ResourceStatus }) => ResourceStatus!.endsWith('_FAILED'));
    return failed.map((one) => `${one.LogicalResourceId}: ${one.ResourceStatusReason}`).join('\n');
  }

  /** Records of the failure destination of a stack, by value. */
  public async failures(stackName: string): Promise<{ readonly notices: Notice[]; readonly records: FailedRecord[] }> {
    const Bucket = `${stackName}-failures`;
    const notices: Notice[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.s3 }, { Bucket })) {
      for (const { Key } of Contents) {
        const { Body } = await this.s3.send(new GetObjectCommand({ Bucket, Key }));
        notices.push({ key: Key!, ...(JSON.parse(await Body!.transformToString()) as Omit<Notice, 'key'>) });
      }
    }
    const records = notices.flatMap(({ payload }) =>
      Object.values((JSON.parse(payload) as { records: { [partition: string]: FailedRecord[] } }).records).flat(),
    );
    return { notices, records };
  }

  /** Records at failure destinations, as CloudWatch has counted them. */
  public async failuresCounted(): Promise<number> {
    const client = new CloudWatchClient({
      endpoint: this.engine.url,
      region: LOCAL_REGION,
      credentials: localCredentials,
    });
    try {
      const name = { Namespace: 'AWS/Lambda', MetricName: 'OnFailureDestinationDeliveredEventCount' };
      const { Metrics = [] } = await client.send(new ListMetricsCommand(name));
      const sums = await Promise.all(
        Metrics.map(async ({ Dimensions }) => {
          const now = this.clock.now() * 1000;
          const { Datapoints = [] } = await client.send(
            new GetMetricStatisticsCommand({
              ...name,
              Dimensions,
              StartTime: new Date(now - 86_400_000),
              EndTime: new Date(now + 60_000),
              Period: 60,
              Statistics: ['Sum'],
            }),
          );
          return Datapoints.reduce((sum, { Sum = 0 }) => sum + Sum, 0);
        }),
      );
      return sums.reduce((sum, one) => sum + one, 0);
    } finally {
      client.destroy();
    }
  }

  public kafka() {
    return connectKafka(this.broker.bootstrapServers, { retries: 60 });
  }

  /** Answers an invocation of an endpoint, and forwards every other call to the services. */
  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (!/^\/endpoints\/[^/]+\/invocations$/.test(request.url ?? '')) {
      const { hostname, port } = new URL(this.emulator.url);
      const { method, url: path, headers } = request;
      const forwarded = forward({ hostname, port, method, path, headers, agent: false }, (reply) => {
        response.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(response);
      });
      forwarded.on('error', () => response.destroy());
      request.pipe(forwarded);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { status, body } = this.inference(Buffer.concat(chunks));
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  }

  private observerUrl(): string {
    return `http://127.0.0.1:${(this.observer.address() as AddressInfo).port}/`;
  }
}

/** Reply of an endpoint to an invocation. */
export interface InferenceReply {
  readonly status: number;
  readonly body: object;
}

export interface Notice {
  readonly key: string;
  readonly requestContext: { readonly condition: string; readonly approximateInvokeCount: number };
  readonly KafkaBatchInfo: { readonly batchSize: number; readonly recordsInfo: object };
  readonly payload: string;
}

export interface FailedRecord {
  readonly offset: number;
  readonly partition: number;
  readonly value: string;
}

export interface TopicStack {
  readonly partitions: number;
  readonly mapping: { readonly [name: string]: unknown };
  /** Statements of the function's role. @default - all that a Kafka event source needs */
  readonly statements?: readonly object[];
}

function topicTemplate(name: string, { partitions, mapping, statements }: TopicStack, observerUrl: string): object {
  const allowed = [
    {
      Effect: 'Allow',
      Action: ['kafka:*', 'kafka-cluster:*', 's3:PutObject', 's3:ListBucket', 'ec2:*', 'logs:*'],
      Resource: '*',
    },
  ];
  return {
    Resources: {
      Cluster: { Type: 'AWS::MSK::ServerlessCluster', Properties: { ClusterName: `${name}-cluster` } },
      Topic: {
        Type: 'AWS::MSK::Topic',
        Properties: {
          ClusterArn: { 'Fn::GetAtt': ['Cluster', 'Arn'] },
          TopicName: `${name}-topic`,
          PartitionCount: partitions,
          ReplicationFactor: 3,
          Configs: { 'Fn::Base64': '{"retention.ms":"604800000","min.insync.replicas":"2"}' },
        },
      },
      Failures: { Type: 'AWS::S3::Bucket', Properties: { BucketName: `${name}-failures` } },
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          RoleName: `${name}-role`,
          AssumeRolePolicyDocument: {
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
          },
          Policies: [
            { PolicyName: 'source', PolicyDocument: { Version: '2012-10-17', Statement: statements ?? allowed } },
          ],
        },
      },
      Consumer: {
        Type: 'AWS::Lambda::Function',
        Properties: {
          FunctionName: `${name}-consumer`,
          Runtime: 'nodejs22.x',
          Handler: 'index.handler',
          Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
          Code: { ZipFile: HANDLER },
          Timeout: 60,
          Environment: { Variables: { OBSERVER_URL: observerUrl } },
        },
      },
      Mapping: {
        Type: 'AWS::Lambda::EventSourceMapping',
        DependsOn: 'Topic',
        Properties: {
          EventSourceArn: { 'Fn::GetAtt': ['Cluster', 'Arn'] },
          FunctionName: { Ref: 'Consumer' },
          Topics: [`${name}-topic`],
          AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId: `${name}-group` },
          StartingPosition: 'TRIM_HORIZON',
          DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['Failures', 'Arn'] } } },
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          ...mapping,
        },
      },
    },
  };
}
