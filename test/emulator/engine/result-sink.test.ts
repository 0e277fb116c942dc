import { CfnOutput, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { LOCAL_REGION, localCredentials } from '../../../lib/emulator/credentials';
import { ResultSink } from '../../../lib/ingestion';
import { deployStack, localStack } from './support/deployed-stack';
import { eventually, LocalAws } from './support/local-aws';

const KEY = 'results/requests/shardId-000000000000/2-0.jsonl';
const LARGE = 'x'.repeat(300_000);

function lineOf(index: number, response: string): string {
  const result = { id: `r-${index}`, key: `user-${index % 2}`, sequence_number: String(index), response, error: null };
  return JSON.stringify(result);
}

/** Results on a stream, and on an event bus whose events a queue gets. */
function resultStack(): Stack {
  const stack = localStack('Sinks');
  const resultsBucket = new s3.Bucket(stack, 'Results', { removalPolicy: RemovalPolicy.DESTROY });
  const stream = new kinesis.Stream(stack, 'Stream', { shardCount: 2 });
  const eventBus = new events.EventBus(stack, 'Bus');
  const seen = new sqs.Queue(stack, 'Seen');
  new events.Rule(stack, 'All', {
    eventBus,
    eventPattern: { source: ['tidegate.ingestion'], detailType: ['Inference Result'] },
    targets: [new targets.SqsQueue(seen)],
  });
  new ResultSink(stack, 'OnStream', { resultsBucket, stream });
  new ResultSink(stack, 'OnBus', { resultsBucket, eventBus });
  new CfnOutput(stack, 'BucketName', { value: resultsBucket.bucketName });
  new CfnOutput(stack, 'StreamName', { value: stream.streamName });
  new CfnOutput(stack, 'QueueUrl', { value: seen.queueUrl });
  return stack;
}

describe('result sinks in the local engine', () => {
  let aws: LocalAws;
  let queues: SQSClient;
  let outputs: Map<string, string>;

  beforeAll(async () => {
    aws = await LocalAws.start();
    queues = new SQSClient({ endpoint: aws.engine.url, region: LOCAL_REGION, credentials: localCredentials });
    outputs = await deployStack(aws, resultStack());
    // The start of an engine, and a stack on it, on a busy machine.
  }, 240_000);
  afterAll(async () => {
    queues?.destroy();
    await aws?.stop();
  });

  async function onStream(): Promise<{ key: string; fields: Record<string, unknown> }[]> {
    const StreamName = outputs.get('StreamName')!;
    const { Shards } = await aws.kinesis.send(new ListShardsCommand({ StreamName }));
    const found = [];
    for (const { ShardId } of Shards!) {
      const { ShardIterator } = await aws.kinesis.send(
        new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      );
      const { Records } = await aws.kinesis.send(new GetRecordsCommand({ ShardIterator }));
      for (const { PartitionKey, Data } of Records!)
        found.push({
          key: PartitionKey!,
          fields: JSON.parse(Buffer.from(Data!).toString()) as Record<string, unknown>,
        });
    }
    return found.sort((a, b) => String(a.fields.id).localeCompare(String(b.fields.id)));
  }

  const details = new Map<string, Record<string, unknown>>();
  async function onBus(): Promise<Map<string, Record<string, unknown>>> {
    const QueueUrl = outputs.get('QueueUrl')!;
    const { Messages } = await queues.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    for (const { Body, ReceiptHandle } of Messages ?? []) {
      const { detail } = JSON.parse(Body!) as { detail: Record<string, unknown> };
      details.set(String(detail.id), detail);
      await queues.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
    return details;
  }

  test('every line of a result object that is written arrives on the stream and on the bus, a large one as a reference on the bus', async () => {
    const lines = [lineOf(0, '"yes"'), lineOf(1, LARGE), lineOf(2, '"no"')];
    const Body = `${lines.join('\n')}\n`;
    await aws.s3.send(new PutObjectCommand({ Bucket: outputs.get('BucketName')!, Key: KEY, Body }));
    await aws.s3.send(new PutObjectCommand({ Bucket: outputs.get('BucketName')!, Key: 'measurements/other', Body }));
    const records = await eventually(onStream, (found) => found.length >= 3);
    expect(records.map(({ key, fields }) => [key, fields.id, fields.result_object])).toEqual([
      ['user-0', 'r-0', KEY],
      ['user-1', 'r-1', KEY],
      ['user-0', 'r-2', KEY],
    ]);
    expect(records[1]!.fields.response).toBe(LARGE);
    const found = await eventually(onBus, ({ size }) => size >= 3);
    expect([...found.keys()].sort()).toEqual(['r-0', 'r-1', 'r-2']);
    expect(found.get('r-0')).toMatchObject({ response: '"yes"', result_object: KEY });
    expect(found.get('r-1')).toMatchObject({ response: null, is_reference: true, result_object: KEY });
  });
});
