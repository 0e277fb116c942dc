import { KinesisClient, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { GpuEndpoint, ModelArtifact, ModelServer } from '../../lib/inference';
import { PayloadMapping, RecordField, StreamIngestion } from '../../lib/ingestion';
import { PackedAsset } from '../../lib/training';
import { playStream } from '../bench/stream/stream-load';
import { DeployedApp } from '../emulator/engine/support/deployed-app';
import { eventually } from '../emulator/engine/support/local-aws';

const SPEED = 10;
const LIMIT_MS = 240_000;
/** Records that a producer aggregates, of which `npm run bench:stream` plays more. */
const MANY = { records: 2_000, shards: 2 };

function build(stack: Stack): void {
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
}

/** Chats and completions in OpenAI's form, as any client of a language model sends them. */
const CHATS = {
  first: { model: 'm', messages: [{ role: 'user', content: 'name a tide' }], max_tokens: 6 },
  second: { prompt: 'spring neap', max_tokens: 4 },
};

/** Function of a user: the text of a chat's answer. */
const ANSWER_OF = `exports.handler = async ({ body }) => ({ body: JSON.parse(body).choices[0].message.content });`;

describe('any payload on the local engine', () => {
  let app: DeployedApp;

  beforeAll(async () => {
    app = await DeployedApp.start({ build, speed: SPEED, limitMs: LIMIT_MS });
  }, LIMIT_MS);
  afterAll(() => app?.stop(), LIMIT_MS);

  test(
    'the answer to a chat is found in the results as the model gave it, with its tokens',
    async () => {
      const kinesis = new KinesisClient(app.account.config);
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: app.outputs['Stream'],
          Records: Object.entries(CHATS).map(([PartitionKey, chat]) => ({
            PartitionKey,
            Data: Buffer.from(JSON.stringify(chat)),
          })),
        }),
      );
      kinesis.destroy();
      const found = await eventually(
        () => app.results('Results'),
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
      const kinesis = new KinesisClient(app.account.config);
      const records = { first: { words: ['name', 'a', 'tide'], most: 6 }, second: { words: 'no list', most: 4 } };
      await kinesis.send(
        new PutRecordsCommand({
          StreamName: app.outputs['MappedStream'],
          Records: Object.entries(records).map(([PartitionKey, record]) => ({
            PartitionKey,
            Data: Buffer.from(JSON.stringify(record)),
          })),
        }),
      );
      kinesis.destroy();
      const found = await eventually(
        () => app.results('MappedResults'),
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
      const kinesis = new KinesisClient(app.account.config);
      const counts = await playStream({
        kinesis,
        s3: app.s3,
        streamName: app.outputs['ManyStream']!,
        bucketName: app.outputs['ManyResults']!,
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
