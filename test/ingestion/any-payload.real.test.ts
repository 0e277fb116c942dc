import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { LocalClock } from '../../lib/emulator/clock';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { PayloadMapping, RecordField, StreamIngestion } from '../../lib/ingestion';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { PackedAsset } from '../../lib/training';
import { projectDirectory } from '../architecture/imports';
import { playStream } from '../bench/stream/stream-load';
import { startLocalAccount, type LocalAccount } from '../emulator/engine/support/local-account';
import { eventually } from '../emulator/engine/support/local-aws';

const SPEED = 10;
const LIMIT_MS = 240_000;
/** Records that a producer aggregates, of which `npm run bench:stream` plays more. */
const MANY = { records: 2_000, shards: 2 };

function synthesize(outdir: string): string {
  const app = new App({ outdir });
  const stack = new Stack(app, 'Chat', { env: { account: LOCAL_ACCOUNT, region: LOCAL_REGION } });
  const packed = new PackedAsset(stack, 'Model', { path: PackedAsset.initialModelPath() });
  const endpoint = new GpuEndpoint(stack, 'Endpoint', {
    modelServer: ModelServer.triton(),
    modelArtifact: ModelArtifact.fromBucket(packed.bucket, packed.objectKey),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
  });
  const ingestion = new StreamIngestion(stack, 'Requests', {
    endpoint,
    shardCount: 1,
    removalPolicy: RemovalPolicy.DESTROY,
    autoDeleteObjects: true,
  });
  stack.exportValue(ingestion.stream.streamName, { name: 'Stream' });
  stack.exportValue(ingestion.resultsBucket.bucketName, { name: 'Results' });
  const answerOf = new lambda.Function(stack, 'AnswerOf', {
    runtime: lambda.Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: lambda.Code.fromInline(ANSWER_OF),
  });
  const mapped = new StreamIngestion(stack, 'Mapped', {
    endpoint,
    shardCount: 1,
    requestMapping: PayloadMapping.jmesPath(
      "{model: 'm', messages: [{role: 'user', content: join(' ', words)}], max_tokens: most}",
    ),
    responseMapping: PayloadMapping.lambdaFunction(answerOf),
    removalPolicy: RemovalPolicy.DESTROY,
    autoDeleteObjects: true,
  });
  stack.exportValue(mapped.stream.streamName, { name: 'MappedStream' });
  stack.exportValue(mapped.resultsBucket.bucketName, { name: 'MappedResults' });
  const many = new StreamIngestion(stack, 'Many', {
    endpoint,
    shardCount: MANY.shards,
    concurrency: 16,
    recordId: RecordField.jsonPath('$.id'),
    removalPolicy: RemovalPolicy.DESTROY,
    autoDeleteObjects: true,
  });
  stack.exportValue(many.stream.streamName, { name: 'ManyStream' });
  stack.exportValue(many.resultsBucket.bucketName, { name: 'ManyResults' });
  return app.synth().directory;
}

/** Chats and completions in OpenAI's form, as any client of a language model sends them. */
const CHATS = {
  first: { model: 'm', messages: [{ role: 'user', content: 'name a tide' }], max_tokens: 6 },
  second: { prompt: 'spring neap', max_tokens: 4 },
};

/** Function of a user: the text of a chat's answer. */
const ANSWER_OF = `exports.handler = async ({ body }) => ({ body: JSON.parse(body).choices[0].message.content });`;

describe('any payload on the local engine', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-payload-'));
  let account: LocalAccount;
  let bucket: S3Client;
  let outputs: { readonly [name: string]: string };

  beforeAll(async () => {
    account = await startLocalAccount(LocalClock.startingNow(SPEED));
    const { config, engine } = account;
    bucket = new S3Client({ ...config, forcePathStyle: true });
    const assembly = synthesize(path.join(folder, 'assembly'));
    const signal = AbortSignal.timeout(LIMIT_MS);
    const cdk = new CdkCommand({ projectDirectory, engineUrl: engine.url, signal, dataDirectory: folder });
    await cdk.bootstrap(assembly);
    await cdk.deploy(assembly, () => undefined);
    const cloudFormation = new CloudFormationClient(config);
    const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Chat' }));
    cloudFormation.destroy();
    outputs = Object.fromEntries(
      Stacks![0]!.Outputs!.map(({ ExportName, OutputValue }) => [ExportName ?? '', OutputValue ?? '']),
    );
    await engine.enforceIam();
  }, LIMIT_MS);

  afterAll(async () => {
    bucket?.destroy();
    await account?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }, LIMIT_MS);

  /** Lines of all objects with results. */
  async function results(name: string): Promise<readonly { readonly [member: string]: unknown }[]> {
    const { Contents = [] } = await bucket.send(new ListObjectsV2Command({ Bucket: outputs[name] }));
    const lines: { readonly [member: string]: unknown }[] = [];
    for (const { Key } of Contents.filter((one) => one.Key!.startsWith('results/'))) {
      const { Body } = await bucket.send(new GetObjectCommand({ Bucket: outputs[name], Key }));
      const text = await Body!.transformToString();
      lines.push(
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as { [member: string]: unknown }),
      );
    }
    return lines;
  }

  test(
    'the answer to a chat is found in the results as the model gave it, with its tokens',
    async () => {
      const kinesis = new KinesisClient(account.config);
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: outputs['Stream'],
          Records: Object.entries(CHATS).map(([PartitionKey, chat]) => ({
            PartitionKey,
            Data: Buffer.from(JSON.stringify(chat)),
          })),
        }),
      );
      kinesis.destroy();
      const found = await eventually(
        () => results('Results'),
        (lines) => lines.length >= 2,
        LIMIT_MS,
      );
      expect(found).toHaveLength(2);
      const byKey = new Map(found.map((line) => [line['key'], line]));
      const response = (key: string): unknown => JSON.parse(byKey.get(key)!['response'] as string);
      expect(response('first')).toMatchObject({
        object: 'chat.completion',
        choices: [{ message: { role: 'assistant', content: 'name a tide name a tide' } }],
      });
      expect(response('second')).toMatchObject({
        object: 'text_completion',
        choices: [{ text: 'spring neap spring neap' }],
      });
      expect(byKey.get('first')).toMatchObject({ status: 200, model: 'm', output_tokens: 6, error: null });
      expect(byKey.get('second')).toMatchObject({ status: 200, output_tokens: 4, error: null });
    },
    LIMIT_MS,
  );

  test(
    'a mapping changes the request by an expression and adds to the result what a function makes of the response',
    async () => {
      const kinesis = new KinesisClient(account.config);
      const records = { first: { words: ['name', 'a', 'tide'], most: 6 }, second: { words: 'no list', most: 4 } };
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: outputs['MappedStream'],
          Records: Object.entries(records).map(([PartitionKey, record]) => ({
            PartitionKey,
            Data: Buffer.from(JSON.stringify(record)),
          })),
        }),
      );
      kinesis.destroy();
      const found = await eventually(
        () => results('MappedResults'),
        (lines) => lines.length >= 2,
        LIMIT_MS,
      );
      const byKey = new Map(found.map((line) => [line['key'], line]));
      expect(byKey.get('first')).toMatchObject({
        status: 200,
        error: null,
        mapped: 'name a tide name a tide',
        mapping_error: null,
      });
      expect(JSON.parse(byKey.get('first')!['response'] as string)).toMatchObject({ object: 'chat.completion' });
      expect(byKey.get('second')!['error']).toContain(
        'requestMapping: the expression failed: Invalid argument type for function join()',
      );
      expect(byKey.get('second')).toMatchObject({ status: null, response: null });
    },
    LIMIT_MS,
  );

  test(
    'of aggregated records each part has one outcome, an answer or a dead letter',
    async () => {
      const kinesis = new KinesisClient(account.config);
      const counts = await playStream({
        kinesis,
        s3: bucket,
        streamName: outputs['ManyStream']!,
        bucketName: outputs['ManyResults']!,
        ...MANY,
        signal: AbortSignal.timeout(LIMIT_MS - 10_000),
      });
      kinesis.destroy();
      // One in a thousand is one that no container takes.
      expect(counts).toEqual({ in: 2_000, answered: 1_998, deadLettered: 2, twice: 0, unknown: 0 });
    },
    LIMIT_MS,
  );
});
