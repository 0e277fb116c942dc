import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { CreateStreamCommand, KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  InvokeCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { SFNClient } from '@aws-sdk/client-sfn';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { LocalClock } from '../../../../lib/emulator/clock';
import { LOCAL_REGION, localCredentials } from '../../../../lib/emulator/credentials';
import { startEngine, type Engine } from '../../../../lib/emulator/engine/engine';
import { ensurePythonEnvironment } from '../../../../lib/emulator/engine/python-environment';
import { FakeEmulator, type Json } from './fake-emulator';
import { zipOf } from './zip';

export const PROJECT = path.join(__dirname, '../../../..');
export const SPEED = 60;

/** Returns the first value that a condition accepts, read again until a real deadline. */
export async function eventually<T>(
  read: () => Promise<T> | T,
  accepts: (value: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (accepts(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A running engine with a fake emulator, its clients, and a few resources in one call each. */
export class LocalAws {
  public readonly cloudFormation;
  public readonly cloudWatch;
  public readonly dynamoDb;
  public readonly events;
  public readonly iam;
  public readonly kinesis;
  public readonly lambda;
  public readonly runtime;
  public readonly s3;
  public readonly stepFunctions;

  private constructor(
    public readonly engine: Engine,
    public readonly emulator: FakeEmulator,
    public readonly clock: LocalClock,
    private readonly directory: string,
  ) {
    const config = { endpoint: engine.url, region: LOCAL_REGION, credentials: localCredentials, maxAttempts: 2 };
    const requestHandler = new NodeHttpHandler({ httpAgent: { maxSockets: 400, keepAlive: true } as never });
    this.cloudFormation = new CloudFormationClient(config);
    this.cloudWatch = new CloudWatchClient(config);
    this.dynamoDb = new DynamoDBClient(config);
    this.events = new EventBridgeClient(config);
    this.iam = new IAMClient(config);
    this.kinesis = new KinesisClient({ ...config, requestHandler });
    this.lambda = new LambdaClient(config);
    this.runtime = new SageMakerRuntimeClient({ ...config, requestHandler });
    this.s3 = new S3Client({ ...config, forcePathStyle: true });
    this.stepFunctions = new SFNClient(config);
  }

  public static async start(): Promise<LocalAws> {
    const python = await ensurePythonEnvironment({ projectDirectory: PROJECT });
    const emulator = await FakeEmulator.start();
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-engine-'));
    const clock = LocalClock.startingNow(SPEED);
    const engine = await startEngine({
      port: 0,
      clock,
      emulatorUrl: emulator.url,
      dataDirectory: directory,
      python,
      projectDirectory: PROJECT,
    });
    return new LocalAws(engine, emulator, clock, directory);
  }

  public async stop(): Promise<void> {
    for (const client of [this.cloudFormation, this.cloudWatch, this.dynamoDb, this.events, this.iam]) client.destroy();
    for (const client of [this.kinesis, this.lambda, this.runtime, this.s3, this.stepFunctions]) client.destroy();
    await this.engine.stop();
    await this.emulator.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  public async createRole(name: string, service: string, statements: object[]): Promise<string> {
    const { Role } = await this.iam.send(
      new CreateRoleCommand({
        RoleName: name,
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
        }),
      }),
    );
    if (statements.length > 0) await this.putRolePolicy(name, statements);
    return Role!.Arn!;
  }

  /** Replaces the statements of a role. */
  public async putRolePolicy(roleName: string, statements: readonly object[]): Promise<void> {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await this.iam.send(new PutRolePolicyCommand({ RoleName: roleName, PolicyName: 'inline', PolicyDocument }));
  }

  public async createFunction(name: string, code: string, statements: object[] = [], env = {}): Promise<void> {
    await this.lambda.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Role: await this.createRole(`${name}-role`, 'lambda.amazonaws.com', statements),
        Code: { ZipFile: zipOf('index.js', code) },
        Timeout: 20,
        Environment: { Variables: { OBSERVER_URL: this.emulator.url, ...env } },
      }),
    );
  }

  public async invoke(name: string, payload: object): Promise<Json> {
    const { Payload } = await this.lambda.send(
      new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload) }),
    );
    return JSON.parse(Buffer.from(Payload!).toString());
  }

  public async createStream(name: string, shards: number): Promise<string> {
    await this.kinesis.send(new CreateStreamCommand({ StreamName: name, ShardCount: shards }));
    return `arn:aws:kinesis:${LOCAL_REGION}:${localCredentials.accessKeyId}:stream/${name}`;
  }

  public async mapStream(streamArn: string, functionName: string, settings: object): Promise<string> {
    const { UUID } = await this.lambda.send(
      new CreateEventSourceMappingCommand({
        EventSourceArn: streamArn,
        FunctionName: functionName,
        StartingPosition: 'TRIM_HORIZON',
        ...settings,
      }),
    );
    return UUID!;
  }

  public async put(streamName: string, records: readonly { key: string; data: string }[]): Promise<void> {
    await this.kinesis.send(
      new PutRecordsCommand({
        StreamName: streamName,
        Records: records.map(({ key, data }) => ({ PartitionKey: key, Data: Buffer.from(data) })),
      }),
    );
  }

  /** Records of a stream handler, invocation by invocation. */
  public observed(functionName: string): { records: { key: string; data: string }[]; succeeded: number }[] {
    return this.emulator.at(`/observed/${functionName}`);
  }
}
